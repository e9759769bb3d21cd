"""`index classify`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import common_options, space_option

if TYPE_CHECKING:
    from indexer.classify import Classification


@click.command()
@click.argument(
    "images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="IMAGE..."
)
@click.option(
    "-n", "--top", "n", type=click.IntRange(1), default=5, show_default=True, help="How many labels to show."
)
@click.option(
    "--head",
    type=click.Choice(["knn", "prototype", "svm", "logistic"]),
    default="knn",
    show_default=True,
    help="What decides: the nearest pictures, each class's mean, or a linear model trained for this call.",
)
@space_option
@common_options
def command(
    images: tuple[Path, ...],
    n: int,
    head: str,
    space: str | None,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Say which of the index's labels IMAGE belongs to, and how probably; or that it belongs to none.

    \b
    Example: index classify photo.jpg -n 3
    """
    from concurrent.futures import ThreadPoolExecutor

    from indexer.commands.output import note, print_json
    from indexer.decoding.sandbox import Sandbox
    from indexer.encoders import load_builtin
    from indexer.errors import DONE, REJECTED
    from indexer.location import locate_store
    from indexer.settings import load_settings

    path = locate_store(store)
    settings = load_settings(path, {})
    with (
        Sandbox(limits=settings.limits, workers=min(len(images), settings.jobs)) as sandbox,
        ThreadPoolExecutor(1) as pool,
    ):
        # Both take their time while the database's library is imported, which takes the longest.
        sandbox.start()
        builtin = pool.submit(load_builtin)
        from indexer.classify import classify
        from indexer.lookup import Gallery
        from indexer.store import open_store

        report = classify(Gallery(open_store(path), builtin), images, sandbox, n=n, head=head, space=space)
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report.images)
    if report.contradictory:
        note(
            f"{report.contradictory} labelled pictures were left out: their copies carry different labels "
            "(`index label` settles it)",
            quiet=quiet,
        )
    for image in report.images:
        if image.reason is not None:
            note(f"{image.image}: {image.reason}: {image.message}", quiet=False)
    return REJECTED if any(image.reason for image in report.images) else DONE


def _print(images: "list[Classification]") -> None:
    from indexer.commands.output import print_table

    rows = []
    for image in images:
        rows += [[image.image, "unknown", "", ""]] if image.unknown else []
        rows += [[image.image, p.label, f"{p.probability:.4f}", str(p.support)] for p in image.predictions]
    if rows:
        print_table(
            ["image", "label", "probability", "support"], rows, right=frozenset({"probability", "support"})
        )
