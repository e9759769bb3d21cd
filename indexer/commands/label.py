"""`index label`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import PLACE, common_options

if TYPE_CHECKING:
    from indexer.remote import Place


@click.command()
@click.argument("path", type=PLACE)
@click.argument("label")
@common_options
def command(path: "Place", label: str, store: Path | None, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Give the picture at PATH a label. It belongs to the content: copies carry it, moves and rebuilds keep it.

    \b
    Example: index label photos/IMG_0042.jpg heron
    """
    from indexer.commands.output import print_json
    from indexer.ledger import assign_label
    from indexer.location import locate_store
    from indexer.store import open_store

    paths = assign_label(open_store(locate_store(store)), path, label)
    if as_json:
        print_json({"label": label, "paths": paths})
    else:
        for labelled in paths:
            click.echo(f"{labelled}\t{label}")
