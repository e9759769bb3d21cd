"""`index export`."""

from pathlib import Path

import click

from indexer.commands.options import common_options, space_option


@click.command()
@click.argument("target", metavar="FILE|URL")
@space_option
@common_options
def command(
    target: str, space: str | None, store: Path | None, as_json: bool, quiet: bool, verbose: bool
) -> None:
    """Write path, label, content SHA-256, attributes and vector of every file to FILE (.npz, .parquet or .csv).

    To a URL, milvus://HOST:PORT/NAME or faiss:///FOLDER, every content's vector is written in place of what is there.

    \b
    Example: index export vectors.npz
    """
    from indexer.commands.output import print_json
    from indexer.location import locate_store
    from indexer.store import open_store

    opened = open_store(locate_store(store))
    if "://" in target:
        from indexer.engine_export import export_to_engine

        count = export_to_engine(opened, target, space)
    else:
        from indexer.export import export

        count = export(opened, Path(target), space)
    if as_json:
        print_json({"file": target, "rows": count})
    else:
        click.echo(f"{count} rows written to {target}")
