"""`index export`."""

from pathlib import Path

import click

from indexer.commands.options import FILE, common_options, space_option


@click.command()
@click.argument("file", type=FILE)
@space_option
@common_options
def command(
    file: Path, space: str | None, store: Path | None, as_json: bool, quiet: bool, verbose: bool
) -> None:
    """Write path, label, content SHA-256, attributes and vector of every file to FILE (.npz, .parquet or .csv).

    \b
    Example: index export vectors.npz
    """
    from indexer.commands.output import print_json
    from indexer.export import export
    from indexer.location import locate_store
    from indexer.store import open_store

    count = export(open_store(locate_store(store)), file, space)
    if as_json:
        print_json({"file": str(file), "rows": count})
    else:
        click.echo(f"{count} rows written to {file}")
