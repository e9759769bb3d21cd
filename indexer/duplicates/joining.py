"""All contents joined with each other: exactly, or by cells where they are too many for that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from indexer.executors.executor import Executor, Reach
from indexer.executors.rows import handed_over
from retrieval.block_join import block_cross_join, block_for, block_self_join
from retrieval.cell_join import cell_join
from retrieval.join import Pairs, cross_join, self_join
from retrieval.similarity import Float32

Settled = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class How:
    """How contents were joined, and which share of the pairs that finds.

    Of an exact join that is all. By cells it is measured on ``measured_on`` known pairs, ``interval`` holding it with a
    confidence of 0.95; it is None where no pair was known. ``neighbours`` counts the cells that each content was joined
    with beside its own.
    """

    kind: Literal["exact", "cells"] = "exact"
    recall: float | None = 1.0
    interval: tuple[float, float] = (1.0, 1.0)
    measured_on: int = 0
    cells: int = 0
    neighbours: int = 0


EXACTLY = How()
Join = Callable[[Float32, Settled, float], tuple[Pairs, How]]


def join_here(
    vectors: Float32, settled: Settled, threshold: float, threads: int | None = None
) -> tuple[Pairs, How]:
    """Compare (n, dim) unit vectors, but the settled ones, with each other, and with the settled ones: in threads."""
    if not settled.any():
        return self_join(vectors, threshold, threads), EXACTLY
    mine, others = vectors[~settled], vectors[settled]
    inside, between = self_join(mine, threshold, threads), cross_join(mine, others, threshold, threads)
    return _together(settled, inside, between), EXACTLY


@dataclass(frozen=True)
class Joiner:
    """Does the same over an executor; of more than ``limit`` contents that are not settled, by cells.

    Raises:
        ExecutorFailed, NoSpace, PermissionRefused: when it is called.
    """

    executor: Executor
    limit: int

    def __call__(self, vectors: Float32, settled: Settled, threshold: float) -> tuple[Pairs, How]:
        """Return pairs of rows, and how they were found."""
        if np.count_nonzero(~settled) > self.limit:
            return self._by_cells(vectors, settled, threshold)
        if self.executor.reach is Reach.PROCESS:  # nothing to be sent: threads share one set of codes
            return join_here(vectors, settled, threshold, self.executor.workers)
        block = block_for(len(vectors), self.executor.workers)
        if not settled.any():
            with handed_over(self.executor, vectors) as rows:
                return block_self_join(rows, threshold, block=block, run=self.executor.map), EXACTLY
        with (
            handed_over(self.executor, vectors[~settled]) as mine,
            handed_over(self.executor, vectors[settled]) as others,
        ):
            inside = block_self_join(mine, threshold, block=block, run=self.executor.map)
            between = block_cross_join(mine, others, threshold, block=block, run=self.executor.map)
        return _together(settled, inside, between), EXACTLY

    def _by_cells(self, vectors: Float32, settled: Settled, threshold: float) -> tuple[Pairs, How]:
        """Join all with all: two settled ones meet in vain, and are left out."""
        block = block_for(len(vectors), self.executor.workers)
        with handed_over(self.executor, vectors) as rows:
            found = cell_join(
                vectors,
                threshold,
                rows=rows,
                sampled=np.flatnonzero(~settled),
                block=block,
                run=self.executor.map,
            )
        pairs, recall = found.pairs, found.recall
        kept = ~(settled[pairs.first] & settled[pairs.second])
        pairs = Pairs(pairs.first[kept], pairs.second[kept], pairs.scores[kept])
        how = How("cells", recall.share, recall.interval, recall.pairs, found.cells, found.neighbours)
        return pairs, how


def _together(settled: Settled, inside: Pairs, between: Pairs) -> Pairs:
    """Number the rows of what is settled and of what is not as they are numbered together."""
    mine, others = np.flatnonzero(~settled), np.flatnonzero(settled)
    return Pairs(
        np.concatenate([mine[inside.first], mine[between.first]]),
        np.concatenate([mine[inside.second], others[between.second]]),
        np.concatenate([inside.scores, between.scores]),
    )
