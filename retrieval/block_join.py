"""The exact join cut into tasks: each block of rows against each other, on any worker, and the same pairs to the byte.

A pair's score depends on its two vectors alone and a pair is held to the threshold by that score, so that it does not
matter in which task the pair is met. A task is small to send: it names its rows, and reads them where it runs.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Protocol, TypeVar

from retrieval.join import Pairs, cross_join, ordered, self_join
from retrieval.similarity import Float32, Int64

_LARGEST = 16_384  # rows: two blocks of 256 dimensions take 32 MB, and are multiplied for a second or so
_STEP = (
    1024  # rows that the join takes at once: parts of that cost as much as it, and less is not worth sending
)
_TASKS_PER_WORKER = 8  # that none waits long for the last

T = TypeVar("T")
R = TypeVar("R")


class Rows(Protocol):
    """(n, dim) float32 unit vectors, of which a task reads some where it runs; an array in this process is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Float32: ...


class Run(Protocol):
    """What does tasks: the builtin `map`, here and now, or one that hands them to workers."""

    def __call__(self, function: Callable[[T], R], tasks: Iterable[T], /) -> Iterable[R]:
        """Return the results, in any order."""


@dataclass(frozen=True)
class Tile:
    """A block of the matrix of scores: which rows of ``left`` meet which of ``right``, from start to stop.

    With ``within`` both are one set, of which a pair is wanted once, and not that of a row with itself.
    """

    left: Rows
    right: Rows
    rows: tuple[int, int]
    columns: tuple[int, int]
    threshold: float
    within: bool


def block_self_join(vectors: Rows, threshold: float, *, block: int, run: Run = map) -> Pairs:
    """Find what `self_join` finds, in tasks of ``block`` times ``block`` pairs of rows."""
    spans = list(_spans(len(vectors), block))
    tiles = (
        Tile(vectors, vectors, rows, columns, threshold, within=True)
        for rows, columns in combinations_with_replacement(spans, 2)
    )
    return ordered(run(join_tile, tiles))


def block_cross_join(vectors: Rows, others: Rows, threshold: float, *, block: int, run: Run = map) -> Pairs:
    """Find what `cross_join` finds, in tasks of ``block`` times ``block`` pairs of rows."""
    spans = product(_spans(len(vectors), block), list(_spans(len(others), block)))
    tiles = (Tile(vectors, others, rows, columns, threshold, within=False) for rows, columns in spans)
    return ordered(run(join_tile, tiles))


def join_tile(tile: Tile) -> Pairs:
    """Do one task, on one thread; the pairs are by the rows of the whole sets."""
    (top, bottom), (start, stop) = tile.rows, tile.columns
    left = tile.left[top:bottom]
    if tile.within and tile.rows == tile.columns:
        return moved(self_join(left, tile.threshold, threads=1), top, top)
    return moved(cross_join(left, tile.right[start:stop], tile.threshold, threads=1), top, start)


def moved(pairs: Pairs, first: int | Int64, second: int | Int64) -> Pairs:
    """Add what a block's rows are counted from."""
    return Pairs(pairs.first + first, pairs.second + second, pairs.scores)


def block_for(count: int, workers: int) -> int:
    """Return how many rows a block has, so that ``count`` rows make enough tasks for so many workers."""
    blocks = math.isqrt(2 * _TASKS_PER_WORKER * workers) + 1  # of which each pair is a task
    steps = -(-count // (blocks * _STEP))
    return min(_LARGEST, max(1, steps) * _STEP)


def _spans(count: int, block: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + block, count)) for start in range(0, count, block))
