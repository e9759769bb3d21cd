"""A night's report as one page: figures, the queue with both pictures of each finding, what is new, what was rejected."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from indexer.decoding.sandbox import Sandbox
from indexer.nightly.report import Entry, NightReport
from indexer.page import escaped, write_page
from indexer.report import card, section, thumbnails

_SHOWN_FINDINGS = 100
_SHOWN_NEW = 60
_SHOWN_REJECTED = 100


def write_night_page(target: Path, report: NightReport, sandbox: Sandbox) -> None:
    """Write the page; of long lists the first entries, and how many there are."""
    queue, new = report.queue[:_SHOWN_FINDINGS], report.new[:_SHOWN_NEW]
    paths = [path for entry in queue for path in (entry.path, entry.other) if path is not None]
    pictures = thumbnails([*paths, *(entry["path"] for entry in new)], sandbox)
    sections = [_figures(report)]
    sections += [_finding(number, entry, pictures) for number, entry in enumerate(queue, start=1)]
    if new:
        title = _of("New pictures", len(new), len(report.new))
        sections.append(section(title, [card(pictures, e["path"], escaped(e["source"])) for e in new]))
    if report.rejected:
        shown = report.rejected[:_SHOWN_REJECTED]
        rows = [[entry["path"], entry["reason"], entry["message"]] for entry in shown]
        title = _of("Rejected files", len(shown), len(report.rejected))
        sections.append(f"<section><h2>{title}</h2>{_table(rows)}</section>")
    write_page(
        target,
        f"Night {report.night}",
        f"{report.finished_at}, {len(report.new)} new of {report.pictures} pictures",
        sections,
    )


def _figures(report: NightReport) -> str:
    rows = [
        ["removed", str(report.removed)],
        ["newly rejected files", str(len(report.rejected))],
        ["new duplicate pairs", str(report.duplicates)],
        ["alerts", str(report.alerts)],
        ["shown below", _of("findings", min(len(report.queue), _SHOWN_FINDINGS), len(report.queue))],
        *(
            [f"flood from {flood.source}", f"{flood.findings} findings, in quarantine"]
            for flood in report.flood
        ),
        ["in quarantine", f"{report.in_quarantine}: index nightly --show-quarantine"],
    ]
    return f"<section>{_table(rows)}</section>"


def _finding(number: int, entry: Entry, pictures: dict[str, str]) -> str:
    name = " ".join(word for word in (entry.kind, entry.verdict) if word)
    facts = f"<span class=score>{entry.score:.4f}</span> {escaped(entry.reason)}<br>{escaped(entry.source)}"
    cards = [card(pictures, entry.path, facts, first=True)]
    if entry.other is not None:
        cards.append(card(pictures, entry.other, "there before, or with it"))
    return section(f"{number}. {name}", cards)


def _table(rows: Sequence[Sequence[str]]) -> str:
    return f"<table>{''.join(_rows(rows))}</table>"


def _rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in rows:
        yield f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>"


def _of(name: str, shown: int, count: int) -> str:
    return f"{name}: {count}" if shown == count else f"{name}: the first {shown} of {count}"
