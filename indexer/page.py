"""A page that needs nothing but itself: no scripts, nothing loaded from anywhere, pictures inside."""

import html
from collections.abc import Iterable
from pathlib import Path

from indexer.durable import replace_file

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


def escaped(value: str) -> str:
    """Escape for HTML; bytes of a name that are no text are shown as a replacement mark."""
    return html.escape(value.encode("utf-8", "replace").decode())


def write_page(target: Path, title: str, about: str, sections: Iterable[str], style: str = "") -> None:
    """Write a title, a line about it, and sections of HTML, which ``style`` adds its rules for.

    Raises:
        UsageRefused: there is no such folder.
    """
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'\">"
        f"<title>{escaped(title)}</title><style>{_STYLE}{style}</style>"
        f"<h1>{escaped(title)}</h1><p class=about>{escaped(about)}</p>{''.join(sections)}</html>\n"
    )
    replace_file(target, page.encode())
