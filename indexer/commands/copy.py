"""`index copy`."""

from pathlib import Path

import click

from indexer.commands.options import common_options


@click.command()
@click.option(
    "--to",
    "url",
    required=True,
    metavar="URL",
    help="postgresql+psycopg://USER@HOST:PORT/NAME, or sqlite for a file beside the index.",
)
@common_options
def command(url: str, store: Path | None, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Move the index's database: every row is copied and held to what it was, then index.toml names the new place.

    Answers stay the same, and a copy that is stopped leaves the index where it was. A server that has the index open
    refuses afterwards, until it is started again. The file that a database leaves behind is kept as catalog.db.copied.

    \b
    Example: index copy --to postgresql+psycopg://index@db.example/catalogue
    """
    from indexer.commands.output import note, print_json
    from indexer.copy_database import copy_database
    from indexer.location import locate_store
    from indexer.store import open_store

    report = copy_database(open_store(locate_store(store)), url)
    if as_json:
        print_json(report.to_dict())
        return
    click.echo(f"{sum(report.rows.values())} rows copied to {report.target}")
    note(f"they were in {report.source}", quiet=quiet)
