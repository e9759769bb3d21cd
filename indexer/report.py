"""HTML pages that carry their pictures inside: they open offline, and can be mailed."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from indexer.decoding.picture import Picture, Reason
from indexer.decoding.sandbox import Job, Sandbox
from indexer.dedupe import DedupeReport
from indexer.durable import replace_file
from indexer.query import QueryAnswer
from retrieval.preprocess import Fit, View

THUMBNAIL_PIXELS = 224
_JPEG_QUALITY = 82

_STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #8889; --mark: #1a7f5a; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 78rem; padding: 0 1.2rem; }
h1 { font-size: 1.35rem; margin: 0 0 .2rem } h2 { font-size: 1rem; margin: 2rem 0 .7rem }
p.about { color: var(--soft); margin: 0 0 1.5rem }
section { border-top: 1px solid var(--line) }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
     grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)) }
figure { margin: 0; overflow-wrap: anywhere }
img, .missing { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 6px; background: #8881;
                display: grid; place-items: center; color: var(--soft) }
figcaption { font-size: .8rem; margin-top: .35rem }
.score { font-variant-numeric: tabular-nums; font-weight: 600 } .soft { color: var(--soft) }
img.plot { width: auto; max-width: 100%; aspect-ratio: auto; margin-top: 1rem; background: #fff }
table { border-collapse: collapse; margin-top: 1rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line) }
.first img { outline: 3px solid var(--mark); outline-offset: -3px } .mark { color: var(--mark); font-weight: 600 }
"""


def write_query_page(target: Path, answers: Sequence[QueryAnswer], sandbox: Sandbox) -> None:
    """Write each query beside its neighbours."""
    pictures = _thumbnails(_query_paths(answers), sandbox)
    about = f"space {answers[0].space}, {answers[0].metric} scores" if answers else "no queries"
    _write(target, "Nearest neighbours", about, _query_sections(answers, pictures))


def write_dedupe_page(target: Path, report: DedupeReport, sandbox: Sandbox) -> None:
    """Write each group: the file to keep, then its copies."""
    pictures = _thumbnails(_dedupe_paths(report), sandbox)
    about = f"{len(report.groups)} groups, space {report.space}, threshold {report.threshold:g}"
    _write(target, "Duplicates", about, _dedupe_sections(report, pictures))


def write_demo_page(
    target: Path, answers: Sequence[QueryAnswer], report: DedupeReport, sandbox: Sandbox
) -> None:
    """Write queries and groups on one page."""
    pictures = _thumbnails([*_query_paths(answers), *_dedupe_paths(report)], sandbox)
    sections = [*_query_sections(answers, pictures), *_dedupe_sections(report, pictures)]
    about = f"{len(answers)} queries and their nearest neighbours, then {len(report.groups)} groups of copies"
    _write(target, "What the index found", about, sections)


def write_evaluation_page(
    target: Path, about: str, columns: Sequence[str], rows: Sequence[Sequence[str]], plots: dict[str, bytes]
) -> None:
    """Write a table of figures, and the plots (PNG) below it."""
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    sections = [f"<section><table><tr>{head}</tr>{body}</table></section>"]
    for name, png in plots.items():
        data = base64.b64encode(png).decode()
        sections.append(
            f'<section><img class=plot src="data:image/png;base64,{data}" alt="{_text(name)}"></section>'
        )
    _write(target, "Evaluation", about, sections)


def _query_paths(answers: Sequence[QueryAnswer]) -> list[str]:
    return [path for answer in answers for path in (answer.query, *(match.path for match in answer.results))]


def _query_sections(answers: Sequence[QueryAnswer], pictures: dict[str, str]) -> list[str]:
    sections = []
    for answer in answers:
        cards = [_card(pictures, answer.query, "<span class=mark>query</span>", first=True)]
        if answer.reason:
            cards = [f"<li>{_text(answer.reason)}: {_text(answer.message or '')}</li>"]
        for match in answer.results:
            facts = f"<span class=score>{match.score:.4f}</span> {_text(match.verdict or '')}"
            cards.append(_card(pictures, match.path, facts, label=match.label))
        sections.append(_section(answer.query, cards))
    return sections


def _dedupe_paths(report: DedupeReport) -> list[str]:
    return [
        path for group in report.groups for path in (group.keep, *(member.path for member in group.members))
    ]


def _dedupe_sections(report: DedupeReport, pictures: dict[str, str]) -> list[str]:
    sections = []
    for group in report.groups:
        cards = [
            _card(
                pictures, group.keep, f"<span class=mark>keep</span> {_text(group.keep_reason)}", first=True
            )
        ]
        for member in group.members:
            facts = f"<span class=score>{member.score_to_keep:.4f}</span> {_text(member.reason)}"
            cards.append(_card(pictures, member.path, facts))
        sections.append(_section(f"Group {group.id}", cards))
    return sections


def _thumbnails(paths: Iterable[str], sandbox: Sandbox) -> dict[str, str]:
    """Make data URLs, re-encoded without metadata, of the pictures that can be read, and of sounds' spectra."""
    wanted = sorted(set(paths))
    jobs = [Job(key, path=Path(path)) for key, path in enumerate(wanted)]
    outcomes = list(sandbox.run(jobs, size=THUMBNAIL_PIXELS, fit=Fit.PAD, window=len(jobs)))
    perhaps = [jobs[o.key] for o in outcomes if o.failure and o.failure.reason is Reason.NOT_AN_IMAGE]
    outcomes += sandbox.run(
        perhaps, size=THUMBNAIL_PIXELS, fit=Fit.PAD, view=View.SPECTRUM, window=len(perhaps)
    )
    return {wanted[o.key]: _data_url(o.picture) for o in outcomes if o.picture is not None}


def _data_url(picture: Picture) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture.pixels).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _text(value: str) -> str:
    """Escape for HTML; bytes of a name that are no text are shown as a replacement mark."""
    return html.escape(value.encode("utf-8", "replace").decode())


def _card(
    pictures: dict[str, str], path: str, facts: str, *, label: str | None = None, first: bool = False
) -> str:
    image = (
        f'<img src="{pictures[path]}" alt="">'
        if path in pictures
        else "<div class=missing>not readable</div>"
    )
    caption = f"{facts}<br>" + (f"{_text(label)}<br>" if label else "")
    kind = " class=first" if first else ""
    return f"<li{kind}><figure>{image}<figcaption>{caption}<span class=soft>{_text(path)}</span></figcaption></figure></li>"


def _section(title: str, cards: Iterable[str]) -> str:
    return f"<section><h2>{_text(title)}</h2><ol>{''.join(cards)}</ol></section>"


def _write(target: Path, title: str, about: str, sections: Iterable[str]) -> None:
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'\">"
        f"<title>{_text(title)}</title><style>{_STYLE}</style>"
        f"<h1>{_text(title)}</h1><p class=about>{_text(about)}</p>{''.join(sections)}</html>\n"
    )
    replace_file(target, page.encode())
