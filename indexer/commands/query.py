"""`index query`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import FILE, PICTURE, common_options, key_values, metric_option, space_option

if TYPE_CHECKING:
    from indexer.query import QueryAnswer
    from indexer.remote import Place


@click.command()
@click.argument("images", nargs=-1, required=True, type=PICTURE, metavar="IMAGE...")
@click.option(
    "-k", "--top", "k", type=click.IntRange(1), default=10, show_default=True, help="How many to show."
)
@click.option("-t", "--threshold", type=float, help="Show only scores from this one up.")
@space_option
@metric_option
@click.option(
    "--where",
    multiple=True,
    callback=key_values,
    metavar="KEY=VALUE",
    help="Only files with this attribute, or label=NAME.",
)
@click.option(
    "--verify",
    type=click.IntRange(1),
    is_flag=False,
    flag_value=10,
    metavar="[N]",
    help="Verify the first N candidates, 10 if not given, pixel by pixel, and show copies first. After the pictures.",
)
@click.option(
    "--parts/--no-parts",
    default=True,
    show_default=True,
    help="In the space copy, look for parts and turns of IMAGE too where nothing stands out for the whole.",
)
@click.option("--html", type=FILE, help="Write one self-contained page with the pictures.")
@common_options
def command(
    images: tuple["Place", ...],
    k: int,
    threshold: float | None,
    space: str | None,
    metric: str | None,
    where: dict[str, str],
    verify: int | None,
    parts: bool,
    html: Path | None,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Find the pictures in the index that are nearest to IMAGE, best first.

    \b
    Example: index query photo.jpg -k 5 --where label=cat --html result.html
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
        Sandbox(limits=settings.limits, workers=min(max(len(images), verify or 1), settings.jobs)) as sandbox,
        ThreadPoolExecutor(1) as pool,
    ):
        # Both take their time while the database's library is imported, which takes the longest.
        sandbox.start()
        builtin = pool.submit(load_builtin)
        from indexer.lookup import Gallery
        from indexer.query import query
        from indexer.store import open_store
        from retrieval.metric import Metric

        gallery = Gallery(open_store(path), builtin)
        by = Metric(metric) if metric else None
        answers = query(
            gallery,
            images,
            sandbox,
            k=k,
            threshold=threshold,
            space=space,
            metric=by,
            where=where,
            verify=verify,
            parts=parts,
        )
        if html is not None:
            from indexer.report import write_query_page

            write_query_page(html, answers, sandbox)
            note(f"wrote {html}", quiet=quiet)
    if as_json:
        print_json({"queries": [answer.to_dict() for answer in answers]})
    else:
        for answer in answers:
            _print(answer, gallery.generation.file_count, several=len(answers) > 1)
    for answer in answers:
        if answer.reason is not None:
            note(f"{answer.query}: {answer.reason}: {answer.message}", quiet=False)
        for match in answer.results:
            if match.reason is not None and (verbose or match.verdict is None):
                note(f"{match.path}: {match.reason}", quiet=False)
    return REJECTED if any(answer.reason for answer in answers) else DONE


def _print(answer: "QueryAnswer", file_count: int, *, several: bool) -> None:
    from indexer.commands.output import note, print_table

    if answer.reason is not None:
        return
    if several:
        click.echo(f"\n{answer.query}")
    if not answer.results:
        note("nothing in the index answers" if file_count else "the index is empty", quiet=False)
        return
    rows = [
        [
            str(match.rank),
            f"{match.score:.4f}",
            f"{match.distance:.4f}",
            match.label or "",
            match.verdict or "",
            match.path,
        ]
        for match in answer.results
    ]
    print_table(
        ["rank", "score", "distance", "label", "verdict", "path"],
        rows,
        right=frozenset({"rank", "score", "distance"}),
    )
