"""`index list`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import PLACE, common_options

if TYPE_CHECKING:
    from indexer.listings import ListingShown
    from indexer.remote import Place

# As in `indexer.listings`, whose import would cost `--help` half a second; a test holds them together.
LISTS = ("genuine", "fraud", "benign")


@click.group()
def command() -> None:
    """Keep lists of pictures that `index screen` judges by: genuine ones, known fraud, and benign ones.

    \b
    Example: index list add fraud seen-before.jpg --note "case 4711"
    """


@command.command()
@click.argument("name", type=click.Choice(LISTS))
@click.argument("paths", type=PLACE, nargs=-1, required=True, metavar="PATH...")
@click.option("--label", help="What a genuine picture is of.  [default: its label in the index]")
@click.option("--note", "remark", metavar="TEXT", default="", help="Why; kept with the listing.")
@common_options
def add(
    name: str,
    paths: tuple["Place", ...],
    label: str | None,
    remark: str,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Put the pictures at PATH on a list. They have to be in the index, and copies carry the listing.

    \b
    Example: index list add genuine notes/50/*.jpg --label 50-lira
    """
    from indexer.listings import add_listings
    from indexer.location import locate_store
    from indexer.store import open_store

    _print(add_listings(open_store(locate_store(store)), name, paths, label, remark), as_json=as_json)


@command.command()
@click.argument("which", metavar="ID|PATH")
@common_options
def off(which: str, store: Path | None, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Switch a listing off, by its id, or all of a picture's, by its path. The rows stay.

    \b
    Example: index list off 7
    """
    from indexer.listings import switch_off
    from indexer.location import locate_store
    from indexer.store import open_store

    _print(switch_off(open_store(locate_store(store)), which), as_json=as_json)


@command.command()
@common_options
def show(store: Path | None, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Print all listings, those that are off too.

    \b
    Example: index list show --json
    """
    from indexer.listings import show_listings
    from indexer.location import locate_store
    from indexer.store import open_store

    _print(show_listings(open_store(locate_store(store))), as_json=as_json)


def _print(listings: "Sequence[ListingShown]", *, as_json: bool) -> None:
    from indexer.commands.output import print_json, print_table

    if as_json:
        print_json({"listings": [row.to_dict() for row in listings]})
        return
    rows = [
        [
            str(row.id),
            row.list,
            "on" if row.active else "off",
            row.label or "",
            row.path or row.sha256,
            row.listed_at,
            row.note,
        ]
        for row in listings
    ]
    print_table(["id", "list", "state", "label", "path", "listed", "note"], rows, right=frozenset({"id"}))
