"""`index nightly`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.commands.options import FILE, PLACE, common_options

if TYPE_CHECKING:
    from indexer.nightly.report import Entry, NightReport
    from indexer.remote import Place
    from indexer.store import Store


@click.command()
@click.argument("catalogues", nargs=-1, type=PLACE, metavar="[CATALOGUE]...")
@click.option("--source", metavar="KEY", help="The attribute that names a source.  [default: the top folder]")
@click.option(
    "--flood", type=click.IntRange(min=0), help="Findings that one source may bring.  [default: 100]"
)
@click.option(
    "-t",
    "--threshold",
    type=float,
    help="The score from which two pictures are copies.  [default: calibrated, or 0.9]",
)
@click.option("--verify", is_flag=True, help="Hold copies and alerts against the pixels.")
@click.option("--keep", type=click.IntRange(min=1), help="Reports that stay on disk.  [default: 90]")
@click.option("--html", type=FILE, help="Write the page here too.")
@click.option("--fail-on-found", is_flag=True, help="Exit with 4 if there is anything to look at.")
@click.option("--show-quarantine", is_flag=True, help="Print what waits from sources that brought too much.")
@click.option("--release", metavar="SOURCE", help="Print what waits from a source, and let go of it.")
@common_options
def command(
    catalogues: tuple["Place", ...],
    fail_on_found: bool,
    show_quarantine: bool,
    release: str | None,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> int:
    """Build, compare what is new with everything, screen it, and report what no night reported before.

    Prints one line. The report lies in the index, under nights/. Safe to kill and to run again.

    \b
    Example: index nightly --fail-on-found
             index nightly --release shop/ann
    """
    from indexer.commands.output import print_json, progress_bar
    from indexer.errors import DONE, FOUND, REJECTED
    from indexer.location import locate_store
    from indexer.nightly.night import NightOptions, nightly
    from indexer.settings import load_settings
    from indexer.store import Store, open_store

    given = {name: value for name, value in options.items() if value is not None}
    if show_quarantine or release is not None:
        if catalogues or fail_on_found or any(given.values()) or (show_quarantine and release is not None):
            raise click.UsageError("--show-quarantine and --release stand alone")
        return _quarantine(open_store(locate_store(store)), release, as_json=as_json, quiet=quiet)
    path = locate_store(store)
    opened = Store(path) if catalogues else open_store(path)
    with progress_bar("encoding", quiet=quiet) as progress:
        report = nightly(opened, catalogues, load_settings(path, {}), NightOptions(**given), progress)
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(report.line())
        _tell(report, quiet=quiet)
    if fail_on_found and report.found:
        return FOUND
    return REJECTED if report.rejected else DONE


def _tell(report: "NightReport", *, quiet: bool) -> None:
    from indexer.commands.output import counted, note

    for flood in report.flood:
        how = f"index nightly --release {flood.source}"
        brought = counted(flood.findings, "finding")
        note(f"{flood.source} brought {brought} into quarantine: {how}", quiet=quiet)
    note(f"the report is in {report.folder}", quiet=quiet)


def _quarantine(store: "Store", source: str | None, *, as_json: bool, quiet: bool) -> int:
    from indexer.errors import DONE
    from indexer.nightly.quarantine import in_quarantine, release_source

    def show(entries: "Sequence[Entry]") -> None:
        _print(entries, as_json=as_json, quiet=quiet)

    if source is None:
        show(in_quarantine(store))
    else:
        release_source(store, source, show)
    return DONE


def _print(entries: "Sequence[Entry]", *, as_json: bool, quiet: bool) -> None:
    import sys

    from indexer.commands.output import counted, note, print_json, print_table

    if as_json:
        print_json({"findings": [entry.to_dict() for entry in entries]})
    elif entries:
        rows = [
            [e.source, e.kind, e.verdict or "", f"{e.score:.4f}", e.path, e.other or "", e.reason]
            for e in entries
        ]
        columns = ["source", "kind", "verdict", "score", "path", "with", "why"]
        print_table(columns, rows, right=frozenset({"score"}))
    note(counted(len(entries), "finding"), quiet=quiet)
    sys.stdout.flush()  # before they are written down as shown
