"""`index screen`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import FILE, PICTURE, common_options, key_values

if TYPE_CHECKING:
    from indexer.remote import Place
    from indexer.screening.report import ScreenReport


@click.command()
@click.argument("images", nargs=-1, type=PICTURE, metavar="IMAGE...")
@click.option(
    "--claim",
    multiple=True,
    callback=key_values,
    metavar="KEY=VALUE",
    help="What is said of the images: seller=42, label=NAME, serial=…",
)
@click.option(
    "--claims", type=FILE, metavar="CSV", help="What is said of each: path,key,…; lists the images too."
)
@click.option("--owner", metavar="KEY", help="The attribute that says whom a picture belongs to.")
@click.option("--key", metavar="KEY", help="The attribute that names one thing, such as a serial number.")
@click.option(
    "--fpr", type=float, help="Share of genuine pictures that may be called not genuine.  [default: 0.01]"
)
@click.option("--html", type=FILE, help="Write one self-contained page with the evidence.")
@click.option("--fail-on-found", is_flag=True, help="Exit with 4 if anything is flagged.")
@common_options
def command(
    images: tuple["Place", ...],
    claim: dict[str, str],
    claims: Path | None,
    owner: str | None,
    key: str | None,
    fpr: float | None,
    html: Path | None,
    fail_on_found: bool,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Judge incoming images against the index: reused, altered, not genuine, contradicting, known fraud, cleared.

    \b
    Example: index screen claim.jpg --claim seller=42 --owner seller --html evidence.html
    """
    from indexer.commands.output import note, print_json
    from indexer.decoding.sandbox import Sandbox
    from indexer.errors import DONE, FOUND, REJECTED
    from indexer.location import locate_store
    from indexer.lookup import Gallery
    from indexer.screening.claims import read_claims
    from indexer.screening.options import ScreenOptions
    from indexer.screening.screen import screen
    from indexer.settings import load_settings
    from indexer.store import open_store

    path = locate_store(store)
    settings = load_settings(path, {})
    options = ScreenOptions.of(settings, {"owner": owner, "key": key, "fpr": fpr})
    incoming = read_claims(images, claim, claims)
    with Sandbox(limits=settings.limits, workers=settings.jobs) as sandbox:
        gallery = Gallery(open_store(path))
        paths, said = [image for image, _ in incoming], [facts for _, facts in incoming]
        report = screen(gallery, paths, sandbox, options, said)
        if html is not None:
            from indexer.screening.page import write_screen_page

            write_screen_page(html, report, sandbox)
            note(f"wrote {html}", quiet=quiet)
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report)
    _tell(report, quiet=quiet)
    if any(image.reason is not None for image in report.images):
        return REJECTED
    return FOUND if fail_on_found and any(image.is_flagged for image in report.images) else DONE


def _print(report: "ScreenReport") -> None:
    from indexer.commands.output import print_table
    from indexer.screening.page import why

    rows = []
    for image in report.images:
        if image.reason is None:
            rows.append([str(image.verdict), f"{image.risk:.2f}", "", "", image.image, ""])
        rows += [["", f"{r.risk:.2f}", r.rule, f"{r.score:.4f}", r.path, why(r)] for r in image.reasons]
        rows += [["", "", f"{r.rule}, cleared", f"{r.score:.4f}", r.path, why(r)] for r in image.cleared]
    print_table(
        ["verdict", "risk", "rule", "score", "picture", "why"], rows, right=frozenset({"risk", "score"})
    )


def _tell(report: "ScreenReport", *, quiet: bool) -> None:
    from indexer.commands.output import note

    for image in report.images:
        if image.reason is not None:
            note(f"{image.image}: {image.reason}: {image.message}", quiet=False)
        for remark in image.notes:
            note(f"{image.image}: {remark}", quiet=quiet)
    for ring in report.rings():
        note(f"ring: {', '.join(ring.owners)} share pictures", quiet=quiet)
