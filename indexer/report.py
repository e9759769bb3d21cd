"""HTML pages that carry their pictures inside: they open offline, and can be mailed."""

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path

from indexer.decoding.encode import jpeg_url
from indexer.decoding.picture import Reason
from indexer.decoding.sandbox import Job, Sandbox
from indexer.duplicates.report import DedupeReport
from indexer.page import escaped, write_page
from indexer.query import QueryAnswer
from retrieval.view import Fit, View

THUMBNAIL_PIXELS = 224


def write_query_page(target: Path, answers: Sequence[QueryAnswer], sandbox: Sandbox) -> None:
    """Write each query beside its neighbours."""
    pictures = thumbnails(_query_paths(answers), sandbox)
    about = f"space {answers[0].space}, {answers[0].metric} scores" if answers else "no queries"
    write_page(target, "Nearest neighbours", about, _query_sections(answers, pictures))


def write_dedupe_page(target: Path, report: DedupeReport, sandbox: Sandbox) -> None:
    """Write each group: the file to keep, then its copies."""
    pictures = thumbnails(_dedupe_paths(report), sandbox)
    about = f"{len(report.groups)} groups, space {report.space}, threshold {report.threshold:g}"
    write_page(target, "Duplicates", about, _dedupe_sections(report, pictures))


def write_demo_page(
    target: Path, answers: Sequence[QueryAnswer], report: DedupeReport, sandbox: Sandbox
) -> None:
    """Write queries and groups on one page."""
    pictures = thumbnails([*_query_paths(answers), *_dedupe_paths(report)], sandbox)
    sections = [*_query_sections(answers, pictures), *_dedupe_sections(report, pictures)]
    about = f"{len(answers)} queries and their nearest neighbours, then {len(report.groups)} groups of copies"
    write_page(target, "What the index found", about, sections)


def write_evaluation_page(
    target: Path, about: str, columns: Sequence[str], rows: Sequence[Sequence[str]], plots: dict[str, bytes]
) -> None:
    """Write a table of figures, and the plots (PNG) below it."""
    head = "".join(f"<th>{escaped(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
    sections = [f"<section><table><tr>{head}</tr>{body}</table></section>"]
    for name, png in plots.items():
        data = base64.b64encode(png).decode()
        sections.append(
            f'<section><img class=plot src="data:image/png;base64,{data}" alt="{escaped(name)}"></section>'
        )
    write_page(target, "Evaluation", about, sections)


def _query_paths(answers: Sequence[QueryAnswer]) -> list[str]:
    return [path for answer in answers for path in (answer.query, *(match.path for match in answer.results))]


def _query_sections(answers: Sequence[QueryAnswer], pictures: dict[str, str]) -> list[str]:
    sections = []
    for answer in answers:
        cards = [card(pictures, answer.query, "<span class=mark>query</span>", first=True)]
        if answer.reason:
            cards = [f"<li>{escaped(answer.reason)}: {escaped(answer.message or '')}</li>"]
        for match in answer.results:
            facts = f"<span class=score>{match.score:.4f}</span> {escaped(match.verdict or '')}"
            cards.append(card(pictures, match.path, facts, label=match.label))
        sections.append(section(answer.query, cards))
    return sections


def _dedupe_paths(report: DedupeReport) -> list[str]:
    return [
        path for group in report.groups for path in (group.keep, *(member.path for member in group.members))
    ]


def _dedupe_sections(report: DedupeReport, pictures: dict[str, str]) -> list[str]:
    sections = []
    for group in report.groups:
        cards = [
            card(
                pictures, group.keep, f"<span class=mark>keep</span> {escaped(group.keep_reason)}", first=True
            )
        ]
        for member in group.members:
            verdict = f" {escaped(member.verdict)}:" if member.verdict else ""
            facts = f"<span class=score>{member.score_to_keep:.4f}</span>{verdict} {escaped(member.reason)}"
            cards.append(card(pictures, member.path, facts))
        sections.append(section(f"Group {group.id}", cards))
    if report.bridges:
        sections.append(section("Near several groups, and a member of the first", _bridges(report, pictures)))
    return sections


def _bridges(report: DedupeReport, pictures: dict[str, str]) -> list[str]:
    cards = []
    for bridge in report.bridges:
        near = zip(bridge.groups, bridge.scores, strict=True)
        facts = ", ".join(f"group {group} <span class=score>{score:.4f}</span>" for group, score in near)
        cards.append(card(pictures, bridge.path, facts))
    return cards


def thumbnails(paths: Iterable[str], sandbox: Sandbox) -> dict[str, str]:
    """Make data URLs, re-encoded without metadata, of the pictures that can be read, and of sounds' spectra."""
    wanted = sorted(set(paths))
    jobs = [Job(key, path=path) for key, path in enumerate(wanted)]
    outcomes = list(sandbox.run(jobs, size=THUMBNAIL_PIXELS, fit=Fit.PAD, window=len(jobs)))
    perhaps = [jobs[o.key] for o in outcomes if o.failure and o.failure.reason is Reason.NOT_AN_IMAGE]
    outcomes += sandbox.run(
        perhaps, size=THUMBNAIL_PIXELS, fit=Fit.PAD, view=View.SPECTRUM, window=len(perhaps)
    )
    return {wanted[o.key]: jpeg_url(o.picture.pixels) for o in outcomes if o.picture is not None}


def card(
    pictures: dict[str, str], path: str, facts: str, *, label: str | None = None, first: bool = False
) -> str:
    """Return a list entry with a picture, of ``pictures`` by its path, and HTML of facts below it."""
    image = (
        f'<img src="{pictures[path]}" alt="">'
        if path in pictures
        else "<div class=missing>not readable</div>"
    )
    caption = f"{facts}<br>" + (f"{escaped(label)}<br>" if label else "")
    kind = " class=first" if first else ""
    return f"<li{kind}><figure>{image}<figcaption>{caption}<span class=soft>{escaped(path)}</span></figcaption></figure></li>"


def section(title: str, cards: Iterable[str]) -> str:
    """Return a titled row of cards."""
    return f"<section><h2>{escaped(title)}</h2><ol>{''.join(cards)}</ol></section>"
