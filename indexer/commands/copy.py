"""`index copy`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import common_options

if TYPE_CHECKING:
    from indexer.store import Store


@click.command()
@click.option(
    "--to",
    "url",
    required=True,
    metavar="URL",
    help="postgresql+psycopg://USER@HOST:PORT/NAME or sqlite; milvus://HOST:PORT[/NAME] or files.",
)
@common_options
def command(url: str, store: Path | None, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Move the index's database, or its vectors, to a server and back.

    Of a database every row is copied and held to what it was, then index.toml names the new place. A server that has
    the index open refuses afterwards, until it is started again. The file that a database leaves behind is kept as
    catalog.db.copied. Vectors are put into the engine, held to the database, and searched there from a new generation
    on; `files` is a file in the index again. Answers stay the same, and a copy that is stopped leaves all where it was.

    \b
    Example: index copy --to postgresql+psycopg://index@db.example/catalogue
             index copy --to milvus://vectors.example:19530
    """
    from indexer.engine.filling import FILES
    from indexer.location import locate_store
    from indexer.store import open_store
    from indexer.vectors.open import KNOWN

    opened = open_store(locate_store(store))
    if url == FILES or url.partition(":")[0] in KNOWN:
        _copy_vectors(opened, url, as_json=as_json, quiet=quiet)
    else:
        _copy_database(opened, url, as_json=as_json, quiet=quiet)


def _copy_database(store: "Store", url: str, *, as_json: bool, quiet: bool) -> None:
    from indexer.commands.output import note, print_json
    from indexer.copy_database import copy_database

    report = copy_database(store, url)
    if as_json:
        print_json(report.to_dict())
        return
    click.echo(f"{sum(report.rows.values())} rows copied to {report.target}")
    note(f"they were in {report.source}", quiet=quiet)


def _copy_vectors(store: "Store", url: str, *, as_json: bool, quiet: bool) -> None:
    from indexer.commands.output import note, print_json
    from indexer.copy_vectors import copy_vectors
    from indexer.settings import load_settings

    report = copy_vectors(store, url, load_settings(store.path, {}))
    if as_json:
        print_json(report.to_dict())
        return
    click.echo(f"{report.vectors} vectors copied to {report.target}: generation {report.generation}")
    recall = ", ".join(f"{name} {value:.3f}" for name, value in report.recall.items())
    note(f"measured recall@10: {recall}", quiet=quiet)
