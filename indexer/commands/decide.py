"""`index decide`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import FILE, PLACE, common_options

if TYPE_CHECKING:
    from indexer.decision_export import Listing
    from indexer.decisions import Decided
    from indexer.remote import Place
    from indexer.store import Store

# As in `indexer.decisions`, whose import would cost `--help` half a second; a test holds them together.
VERDICTS = ("same", "same-object", "different", "fraud", "cleared")


@click.command()
@click.argument("a", type=PLACE, required=False)
@click.argument("b", type=PLACE, required=False)
@click.argument("verdict", type=click.Choice(VERDICTS), required=False)
@click.option("--note", "remark", metavar="TEXT", default="", help="Why; kept with the decision.")
@click.option("--undo", is_flag=True, help="Take back what was decided of A and B.")
@click.option("--list", "show", is_flag=True, help="Print all decisions, the newest first.")
@click.option("--export", "target", type=FILE, metavar="FILE", help="Write all decisions to a CSV file.")
@click.option("--import", "source", type=FILE, metavar="FILE", help="Add the decisions of a CSV file.")
@common_options
def command(
    a: "Place | None",
    b: "Place | None",
    verdict: str | None,
    remark: str,
    undo: bool,
    show: bool,
    target: Path | None,
    source: Path | None,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Write down what A and B are to each other: same, same-object, different, fraud or cleared.

    A decision is on the contents of the two files: it survives moves, copies and rebuilds, and the newest counts.

    \b
    Example: index decide IMG_1.jpg IMG_2.jpg same --note "cropped for the shop"
    """
    from indexer.location import locate_store
    from indexer.store import open_store

    modes = [show, target is not None, source is not None]
    on_pair = any((a, b, verdict, remark, undo))
    if sum(modes) + on_pair != 1:
        raise click.UsageError("give A, B and a verdict, or one of --list, --export and --import")
    if on_pair and (a is None or b is None or (verdict is None) is not undo):
        raise click.UsageError("give A, B and either a verdict or --undo")
    opened = open_store(locate_store(store))
    if a is not None and b is not None:
        _decide(opened, (a, b), verdict, remark, as_json=as_json)
    elif target is not None:
        _export(opened, target, as_json=as_json)
    elif source is not None:
        _import(opened, source, as_json=as_json)
    else:
        _list(opened, as_json=as_json, quiet=quiet)


def _decide(
    store: "Store", pair: "tuple[Place, Place]", verdict: str | None, remark: str, *, as_json: bool
) -> None:
    from indexer.commands.output import print_json
    from indexer.decisions import decide

    decided = decide(store, *pair, verdict, remark)
    if as_json:
        print_json(decided.to_dict())
    else:
        click.echo(_told(decided))


def _told(decided: "Decided") -> str:
    if decided.verdict is None:
        return f"taken back: {decided.before}" if decided.added else "nothing was decided of these two"
    if not decided.added:
        return f"decided already: {decided.verdict}"
    changed = decided.before not in {None, decided.verdict}
    return f"decided: {decided.verdict}" + (f", before: {decided.before}" if changed else "")


def _list(store: "Store", *, as_json: bool, quiet: bool) -> None:
    from indexer.commands.output import note, print_json
    from indexer.decision_export import list_decisions

    listing = list_decisions(store)
    if as_json:
        print_json(listing.to_dict())
        return
    _print(listing)
    for pair in listing.contradictions:
        first, second = pair.first_path or pair.first_sha256, pair.second_path or pair.second_sha256
        note(f"contradiction: {first} and {second} are different, but joined by `same`", quiet=quiet)


def _print(listing: "Listing") -> None:
    from indexer.commands.output import print_table

    rows = [
        [
            row.decided_at,
            row.verdict or "undo",
            "yes" if row.counts else "no",
            row.first_path or row.first_sha256,
            row.second_path or row.second_sha256,
            row.source,
            row.note,
        ]
        for row in listing.decisions
    ]
    print_table(["decided", "verdict", "counts", "first", "second", "source", "note"], rows)


def _export(store: "Store", target: Path, *, as_json: bool) -> None:
    from indexer.commands.output import print_json
    from indexer.decision_export import export_decisions

    count = export_decisions(store, target)
    if as_json:
        print_json({"file": str(target), "rows": count})
    else:
        click.echo(f"{count} decisions written to {target}")


def _import(store: "Store", source: Path, *, as_json: bool) -> None:
    from dataclasses import asdict

    from indexer.commands.output import print_json
    from indexer.decision_import import import_decisions

    imported = import_decisions(store, source)
    if as_json:
        print_json(asdict(imported))
    else:
        click.echo(f"{imported.added} of {imported.rows} decisions added, {imported.known} were known")
