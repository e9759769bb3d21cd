"""`index remove`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import PLACE, common_options

if TYPE_CHECKING:
    from indexer.remote import Place


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PLACE, metavar="PATH...")
@click.option("--undo", is_flag=True, help="Let these paths come back at the next build.")
@common_options
def command(
    paths: tuple["Place", ...],
    undo: bool,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Take files, or all that lies below folders, out of the index. On disk they stay as they are.

    They stay out when the catalogue is built again, until `--undo`. A catalogue itself is forgotten as a whole.

    \b
    Example: index remove photos/private/
    """
    from dataclasses import asdict

    from indexer.commands.output import counted, print_json
    from indexer.ledger import readmit, remove
    from indexer.location import locate_store
    from indexer.settings import load_settings
    from indexer.store import open_store

    where = locate_store(store)
    opened = open_store(where)
    if undo:
        readmitted = readmit(opened, paths)
        click.echo(
            f"{len(readmitted)} paths will come back at the next build"
        ) if not as_json else print_json({"readmitted": readmitted})
        return
    removal = remove(opened, paths, load_settings(where, {}))
    if as_json:
        print_json(asdict(removal))
    else:
        click.echo(
            f"generation {removal.generation}: {counted(removal.removed, 'file')} removed from the index"
        )
