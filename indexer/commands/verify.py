"""`index verify`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import FILE, PICTURE, common_options

if TYPE_CHECKING:
    from indexer.remote import Place
    from indexer.verify import Verification


@click.command()
@click.argument("a", type=PICTURE)
@click.argument("b", type=PICTURE)
@click.option("--html", type=FILE, help="Write one self-contained page: both pictures, overlay, changes.")
@click.option("--overlay", type=FILE, help="Write A with B laid on it and the changes framed, as a PNG.")
@common_options
def command(
    a: "Place",
    b: "Place",
    html: Path | None,
    overlay: Path | None,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Judge whether A and B are one picture: identical, copy, altered, same-object or different.

    Exit code 0 for identical and copy, 4 for the others. The encoder is that of the index, or else the built-in one.

    \b
    Example: index verify claim.jpg original.jpg --html evidence.html
    """
    import os

    from indexer.commands.output import note, print_json
    from indexer.decoding.sandbox import Sandbox
    from indexer.errors import DONE, FOUND, UsageRefused
    from indexer.location import locate_store
    from indexer.settings import load_settings
    from indexer.verify import encoder_at, verify

    if overlay is not None and overlay.suffix.lower() != ".png":
        raise UsageRefused(f"--overlay writes a PNG, and {overlay} is named otherwise", "name it NAME.png")
    path = locate_store(store)
    settings = load_settings(path, {})
    with Sandbox(limits=settings.limits, workers=2) as sandbox:
        sandbox.start()
        files, calibration = encoder_at(path, settings)
        found = verify(a, b, files.load(os.cpu_count() or 1), sandbox, calibration)
        if html is not None:
            from indexer.overlay import read_overlay
            from indexer.verify_page import PAGE_SIDE, write_verify_page

            write_verify_page(html, found, read_overlay(a, b, found, PAGE_SIDE, sandbox))
            note(f"wrote {html}", quiet=quiet)
        if overlay is not None:
            from indexer.overlay import LARGEST_SIDE, read_overlay, write_overlay

            write_overlay(overlay, read_overlay(a, b, found, LARGEST_SIDE, sandbox), found.changes)
            how = "" if found.alignment else ", side by side: there is no alignment"
            note(f"wrote {overlay}{how}", quiet=quiet)
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
