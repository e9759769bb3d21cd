"""The page of a screening: each flagged image beside the pictures that speak against it, and the rings."""

from collections.abc import Sequence
from pathlib import Path

from indexer.decoding.sandbox import Sandbox
from indexer.page import escaped, write_page
from indexer.report import card, section, thumbnails
from indexer.screening.report import Reason, Ring, ScreenedImage, ScreenReport


def write_screen_page(target: Path, report: ScreenReport, sandbox: Sandbox) -> None:
    """Write one self-contained page; images that no rule speaks against are counted, not shown.

    Raises:
        UsageRefused: there is no such folder.
    """
    shown = [image for image in report.images if image.reasons or image.cleared or image.reason]
    pictures = thumbnails(
        [path for image in shown for path in (image.image, *(reason.path for reason in _all(image)))], sandbox
    )
    flagged = sum(image.is_flagged for image in shown)
    about = (
        f"{len(report.images)} images, {flagged} flagged; without a reason: {len(report.images) - len(shown)}"
    )
    sections = [section(image.image, _cards(image, pictures)) for image in shown]
    write_page(target, "Screened", about, [*_rings(report.rings()), *sections])


def _all(image: ScreenedImage) -> Sequence[Reason]:
    return [*image.reasons, *image.cleared]


def _cards(image: ScreenedImage, pictures: dict[str, str]) -> list[str]:
    if image.reason is not None:
        return [f"<li>{escaped(image.reason)}: {escaped(image.message or '')}</li>"]
    claim = ", ".join(f"{key}={value}" for key, value in image.claim.items())
    facts = f"<span class=mark>{image.verdict}</span> risk {image.risk:.2f}<br>{escaped(claim)}"
    cards = [card(pictures, image.image, facts, first=True)]
    for reason in _all(image):
        rule = f"{reason.rule}, cleared" if reason in image.cleared else reason.rule
        told = f"<b>{escaped(rule)}</b> <span class=score>{reason.score:.4f}</span> {escaped(why(reason))}"
        cards.append(card(pictures, reason.path, told))
    return cards


def why(reason: Reason) -> str:
    """Say in a line why a reason is one."""
    evidence = reason.evidence
    parts = [str(evidence["why"])]
    if "owners" in evidence:
        parts.append(f"belongs to {', '.join(evidence['owners'])}")
    if "found" in evidence:
        parts.append(f"{evidence['key']} there: {', '.join(evidence['found'])}")
    elif "key" in evidence:
        parts.append(f"the same {evidence['key']}")
    if evidence.get("note"):
        parts.append(evidence["note"])
    return "; ".join(parts)


def _rings(rings: Sequence[Ring]) -> list[str]:
    if not rings:
        return []
    rows = "".join(
        f"<tr><td>{number}</td><td>{escaped(link['a'])}</td><td>{escaped(link['b'])}</td>"
        f"<td>{escaped(', '.join(link['images']))}</td></tr>"
        for number, ring in enumerate(rings, start=1)
        for link in ring.links
    )
    head = "<tr><th>ring</th><th>owner</th><th>owner</th><th>images of both</th></tr>"
    return [f"<section><h2>Pictures shared across owners</h2><table>{head}{rows}</table></section>"]
