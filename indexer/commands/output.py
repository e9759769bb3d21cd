"""What goes to stdout and to stderr: results there, progress and warnings here."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from indexer.cli import printable


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document; undecodable bytes in names are escaped as in `os.fsdecode`."""
    click.echo(json.dumps(document, indent=2))


def note(message: str, *, quiet: bool) -> None:
    """Say something by the way, on stderr."""
    if not quiet:
        click.echo(printable(message), err=True)


def counted(count: int, one: str, more: str | None = None) -> str:
    """Say how many there are: "1 group", "2 groups"; ``more`` where an s is not enough."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: frozenset[str] = frozenset(),
    bold: frozenset[tuple[int, int]] = frozenset(),
) -> None:
    """Print a table: ruled, with the cells (row, column) in ``bold``, on a terminal; tab-separated into a pipe."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [list(columns), *cells]:
            click.echo("\t".join(row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for i, row in enumerate(cells):
        table.add_row(*(Text(cell, style="bold" if (i, j) in bold else "") for j, cell in enumerate(row)))
    Console().print(table)


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print names and what they are, one a line; tab-separated into a pipe."""
    width = max(len(name) for name, _ in facts) + 2
    for name, value in facts:
        click.echo(
            f"{name:<{width}}{printable(value)}" if sys.stdout.isatty() else f"{name}\t{printable(value)}"
        )


@contextmanager
def progress_bar(label: str, *, quiet: bool, unit: str = "images") -> Iterator[Any]:
    """Give a function (done, total) that draws a bar with rate and time left, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None  # noqa: ARG005  (called as the bar is)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, rate="")

        def show(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:.0f} {unit}/s" if speed else "")

        yield show


def human_size(size_bytes: int) -> str:
    """Write a size with the unit that suits it."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
