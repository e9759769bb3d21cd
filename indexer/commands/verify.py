"""`index verify`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import common_options

if TYPE_CHECKING:
    from indexer.verify import Verification

_PICTURE = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("a", type=_PICTURE)
@click.argument("b", type=_PICTURE)
@common_options
def command(a: Path, b: Path, store: Path | None, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Judge whether A and B are one picture: identical, copy, altered, same-object or different.

    Exit code 0 for identical and copy, 4 for the others. The encoder is that of the index, or else the built-in one.

    \b
    Example: index verify claim.jpg original.jpg
    """
    from indexer.commands.output import print_json
    from indexer.decoding.sandbox import Sandbox
    from indexer.encoders import BUILTIN, read_encoder
    from indexer.errors import DONE, FOUND, IndexNotFound
    from indexer.location import locate_store
    from indexer.lookup import Gallery
    from indexer.settings import load_settings
    from indexer.store import open_store
    from indexer.verify import verify

    path = locate_store(store)
    settings = load_settings(path, {})
    with Sandbox(limits=settings.limits, workers=2) as sandbox:
        sandbox.start()
        try:
            encoder = Gallery(open_store(path)).encoder_files()
        except IndexNotFound:
            encoder = read_encoder(settings.encoder or BUILTIN)
        found = verify(a, b, encoder, sandbox)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found, quiet=quiet)
    return DONE if found.same else FOUND


def _print(found: "Verification", *, quiet: bool) -> None:
    from indexer.commands.output import note

    click.echo(f"{found.verdict}: {found.reason}")
    for change in found.changes:
        left, top, right, bottom = change["box_b"]
        click.echo(
            f"  changed in B: x {left} to {right}, y {top} to {bottom}, {change['strength']:.1f} times the usual"
        )
    note("scores: " + ", ".join(f"{space} {score:.4f}" for space, score in found.scores.items()), quiet=quiet)
