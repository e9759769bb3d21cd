"""Options that several verbs share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from indexer.remote import is_remote, place_of

F = TypeVar("F", bound=Callable[..., Any])


class _Place(click.Path):
    """A path on disk, or an s3:// URL, which stays text."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        place = place_of(value)
        return place if is_remote(place) else super().convert(value, param, ctx)


FILE = click.Path(path_type=Path)
PLACE = _Place(path_type=Path)
PICTURE = _Place(exists=True, path_type=Path)
SEED = click.IntRange(0, 2**32 - 1)


def common_options(function: F) -> F:
    """Add --store, --json, -q and -v."""
    options = [
        click.option(
            "--store", type=FILE, help="Where the index lies.  [default: the nearest .index upwards]"
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option(
            "-q", "--quiet", is_flag=True, help="No progress, no hints; only the result and errors."
        ),
        click.option("-v", "--verbose", is_flag=True, help="Say more, on stderr."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def space_option(function: F) -> F:
    """Add --space."""
    return click.option("--space", help="The embedding space.  [default: the encoder's own choice]")(function)


def executor_option(function: F) -> F:
    """Add --executor."""
    return click.option(
        "--executor",
        metavar="URL",
        help="Where the work is done: threads:N, ray:local:N, ray://HOST:PORT.  [default: this process]",
    )(function)


def metric_option(function: F) -> F:
    """Add --metric."""
    return click.option("--metric", type=click.Choice(["cosine", "l2"]), help="How scores are computed.")(
        function
    )


def key_values(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parse KEY=VALUE options."""
    pairs = {}
    for value in values:
        key, equals, content = value.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{value!r} is not KEY=VALUE")
        pairs[key] = content
    return pairs
