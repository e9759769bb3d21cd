"""The page of a verified pair: the verdict and why, both pictures, one laid on the other, and what was changed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from indexer.decoding.encode import jpeg_url
from indexer.overlay import Pair, Pixels
from indexer.page import escaped, write_page
from indexer.verify import Verification

PAGE_SIDE = 960  # pixels of a picture's longer side on the page

_STYLE = """
.pair { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)) }
.pair img { aspect-ratio: auto; display: block; height: auto }
.shown { position: relative } .shown svg, .over { position: absolute; inset: 0; width: 100%; height: 100% }
rect { fill: none; stroke: #e61e3c; stroke-width: 3; vector-effect: non-scaling-stroke }
.choice { display: inline-block; margin: 0 1rem .5rem 0; font-size: .9rem; cursor: pointer }
.over { animation: blink 1.6s steps(1) infinite }
@keyframes blink { 50% { opacity: 0 } }
#both:checked ~ .shown .over { animation: none; opacity: .5 } #first:checked ~ .shown .over { animation: none; opacity: 0 }
#second:checked ~ .shown .over { animation: none; opacity: 1 }
@media (prefers-reduced-motion: reduce) { .over { animation: none; opacity: .5 } }
input { accent-color: var(--mark) } tr > :nth-child(n + 2) { overflow-wrap: anywhere } .wide { overflow-x: auto }
"""

_CHOICES = {"blink": "blink", "first": "A", "second": "B, as it lies in A", "both": "half and half"}


def write_verify_page(target: Path, found: Verification, pair: Pair) -> None:
    """Write one self-contained page; pictures are encoded again, without metadata.

    Raises:
        UsageRefused: there is no such folder.
    """
    sections = [_facts(found), _side_by_side(found, pair), _laid(found, pair), _changes(found)]
    write_page(target, f"Verified: {found.verdict}", found.reason, sections, _STYLE)


def _facts(found: Verification) -> str:
    facts = {"A": _named(found.a, found.size_a), "B": _named(found.b, found.size_b)}
    facts |= {f"{space} score": f"{score:.4f}" for space, score in found.scores.items()}
    if found.alignment is not None:
        overlap = f"{found.alignment['overlap_a']:.0%} of A, {found.alignment['overlap_b']:.0%} of B"
        mirrored = ", mirrored" if found.alignment["mirrored"] else ""
        facts |= {"overlap": overlap, "points in place": f"{found.alignment['inliers']}{mirrored}"}
    rows = "".join(
        f"<tr><th>{escaped(name)}</th><td>{escaped(value)}</td></tr>" for name, value in facts.items()
    )
    return f"<section><table>{rows}</table></section>"


def _named(name: str, size: tuple[int, int]) -> str:
    return f"{name} ({size[0]} x {size[1]} pixels)"


def _side_by_side(found: Verification, pair: Pair) -> str:
    shown = []
    for letter, name, picture, size in (
        ("A", found.a, pair.a, found.size_a),
        ("B", found.b, pair.b, found.size_b),
    ):
        boxes = [change[f"box_{letter.lower()}"] for change in found.changes]
        alt = f"{letter}, {name}" + (f", changed regions framed: {len(boxes)}" if boxes else "")
        shown.append(
            _figure(_image(picture.pixels, alt) + _frames(boxes, size), f"<b>{letter}</b> {escaped(name)}")
        )
    return f"<section><h2>Side by side</h2><div class=pair>{''.join(shown)}</div></section>"


def _laid(found: Verification, pair: Pair) -> str:
    if pair.laid is None:
        return (
            "<section><h2>Laid on each other</h2><p>No plane map takes one picture to the other: there is no alignment,"
            " and nothing to lay on each other.</p></section>"
        )
    choices = "".join(
        f"<input type=radio name=shown id={key}{' checked' if key == 'blink' else ''}>"
        f"<label class=choice for={key}>{escaped(label)}</label>"
        for key, label in _CHOICES.items()
    )
    laid = _image(pair.laid, "B, laid on A where it lies in it").replace("<img", "<img class=over", 1)
    stack = f"<div class=shown>{_image(pair.a.pixels, f'A, {found.a}')}{laid}</div>"
    figures = [f"<figure>{choices}{stack}<figcaption>B where it lies in A</figcaption></figure>"]
    if pair.difference is not None:
        caption = "red where B differs from A by more than is usual in this pair"
        figures.append(_figure(_image(pair.difference, f"A in pale grey, {caption}"), caption))
    return f"<section><h2>Laid on each other</h2><div class=pair>{''.join(figures)}</div></section>"


def _changes(found: Verification) -> str:
    if not found.changes:
        return "<section><h2>Changes</h2><p>No changed region was found.</p></section>"
    rows = "".join(
        f"<tr><td>{number}</td><td>{_box(change['box_a'])}</td><td>{_box(change['box_b'])}</td>"
        f"<td>{change['strength']:.1f} times the usual</td></tr>"
        for number, change in enumerate(found.changes, start=1)
    )
    head = "<tr><th>change</th><th>in A, pixels</th><th>in B, pixels</th><th>strength</th></tr>"
    return f"<section><h2>Changes</h2><div class=wide><table>{head}{rows}</table></div></section>"


def _box(box: Sequence[int]) -> str:
    left, top, right, bottom = box
    return f"x {left} to {right}, y {top} to {bottom}"


def _figure(content: str, caption: str) -> str:
    return f"<figure><div class=shown>{content}</div><figcaption>{caption}</figcaption></figure>"


def _image(pixels: Pixels, alt: str) -> str:
    return f'<img src="{jpeg_url(pixels)}" alt="{escaped(alt)}">'


def _frames(boxes: Sequence[Any], size: tuple[int, int]) -> str:
    """Frame boxes, in pixels of the file, on the picture below."""
    if not boxes:
        return ""
    rects = "".join(
        f"<rect x={left} y={top} width={right - left} height={bottom - top} />"
        for left, top, right, bottom in boxes
    )
    return f'<svg viewBox="0 0 {size[0]} {size[1]}" preserveAspectRatio=none aria-hidden=true>{rects}</svg>'
