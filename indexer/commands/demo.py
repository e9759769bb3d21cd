"""`index demo`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import FILE

if TYPE_CHECKING:
    from indexer.demo.tour import Tour


@click.command()
@click.argument("folder", type=FILE, default="demo-catalogue", metavar="[DIR]")
@click.option("--no-page", is_flag=True, help="Write no HTML page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no hints.")
def command(folder: Path, no_page: bool, as_json: bool, quiet: bool) -> None:
    """Draw a small catalogue in DIR, build an index over it, query it, look for copies, and show the result.

    \b
    Example: index demo shop
    """
    from indexer.commands.output import print_json, progress_bar
    from indexer.demo.tour import take_tour

    with progress_bar("encoding", quiet=quiet) as progress:
        tour = take_tour(folder, progress, with_page=not no_page)
    if as_json:
        print_json(
            {
                "build": tour.report.to_dict(),
                "queries": [answer.to_dict() for answer in tour.answers],
                "dedupe": tour.duplicates.to_dict(),
                "page": str(tour.page) if tour.page else None,
            }
        )
    else:
        _print(tour, quiet=quiet)


_RELATION = {None: "copy of", "copy": "copy of", "identical": "same bytes as", "altered": "altered copy of"}


def _print(tour: "Tour", *, quiet: bool) -> None:
    from indexer.commands.output import counted, human_size, note, print_table

    report, found = tour.report, tour.duplicates
    click.echo(f"$ index build {tour.made.folder}")
    click.echo(
        f"{report.found} found, {report.indexed} indexed, {len(report.rejected)} rejected, {report.seconds:.1f} s"
    )
    for entry in report.rejected:
        click.echo(f"  rejected {entry['path']}: {entry['reason']}")
    for answer in tour.answers:
        click.echo(f"\n$ index query {answer.query} -k {len(answer.results)}")
        rows = [[str(m.rank), f"{m.score:.4f}", m.label or "", m.path] for m in answer.results]
        print_table(["rank", "score", "label", "path"], rows, right=frozenset({"rank", "score"}))
    click.echo(f"\n$ index dedupe{' --verify' if found.verified else ''}")
    rows = [
        [
            str(group.id),
            f"{member.score_to_keep:.4f}",
            member.path,
            _RELATION[member.verdict],
            group.keep,
        ]
        for group in found.groups
        for member in group.members
    ]
    print_table(["group", "score", "file", "", "keep"], rows, right=frozenset({"group", "score"}))
    click.echo(f"{counted(len(found.groups), 'group')}, {human_size(found.wasted_bytes)} that could be freed")
    if tour.page is not None:
        note(
            f"\nopen {tour.page} to see the pictures; ask more with `index query IMAGE --store {tour.store}`",
            quiet=quiet,
        )
