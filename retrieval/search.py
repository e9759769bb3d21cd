"""Nearest neighbours: exact while that is fast, over compressed cells with a measured recall beyond.

A search returns every vector that ties with the k-th, so that the caller can break ties by a rule of his own and the
answer never depends on the order in which vectors were added. Scores of compressed vectors are off by up to ``error``:
the caller scores what is proposed again.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retrieval.effort import EXACT_LIMIT, least_effort
from retrieval.errors import IndexInvalid
from retrieval.metric import Metric
from retrieval.ranking import recall_at_k
from retrieval.recall import Batches, draw_sample, true_neighbours
from retrieval.similarity import Float32, Int64, require_vectors, score_from_distance
from retrieval.structures import (
    LEAST_CELLS,
    Cells,
    Structure,
    empty_cells,
    empty_flat,
    learned_from,
    read_structure,
    write_structure,
)

TARGET_RECALL = 0.995
_TIE = 1e-6
_MARGIN = 8  # asked for beyond k, so that a tie at the k-th place is mostly seen at once, and rounding costs no place
_RECALL_QUERIES = 400
_RECALL_K = 10


@dataclass(frozen=True)
class Candidates:
    """One query's nearest vectors, best first: ids (m,) int64 and scores (m,) float32 in the stored metric.

    A cosine is as it was computed, and may be beyond 1 by what it is off.
    """

    ids: Int64
    scores: Float32


class NeighbourSearch(Protocol):
    """Whatever finds the nearest vectors of one space: `NeighbourIndex`, or an engine elsewhere."""

    @property
    def error(self) -> float:
        """How far a score that is proposed can be off."""

    def search(self, queries: Float32, k: int, allowed: Int64 | None = None) -> list[Candidates]:
        """See `NeighbourIndex.search`."""


class NeighbourIndex:
    """A searchable set of (id, vector) pairs in one space.

    ``kind`` is ``flat`` (exact) or ``ivf`` (approximate, see ``recall``); ``error`` is how far a score can be off, for
    queries of unit length or by L2; ``ids`` are all ids, sorted.
    """

    def __init__(self, structure: Structure, metric: Metric, recall: float) -> None:
        self._structure = structure
        self.metric = metric
        self.recall = recall
        self.kind, self.error = structure.kind, structure.error
        self.count, self.dim = int(structure.index.ntotal), int(structure.index.d)

    @property
    def ids(self) -> Int64:
        """All ids, sorted, (n,) int64."""
        return self._structure.ids

    def search(self, queries: Float32, k: int, allowed: Int64 | None = None) -> list[Candidates]:
        """Find, for each of (n, dim) queries, the k nearest vectors and all that tie with the k-th.

        Where scores are rounded, those that may come to be among the k nearest are returned too. ``allowed`` limits
        the search to those ids, none of which is missed.

        Raises:
            VectorsInvalid: queries of another shape, or not finite.
        """
        queries = require_vectors(queries, self.dim)
        limit = self.count if allowed is None else min(self.count, len(allowed))
        if limit == 0 or k < 1:
            empty = Candidates(np.empty(0, np.int64), np.empty(0, np.float32))
            return [empty for _ in queries]
        k = min(k, limit)
        found: dict[int, Candidates] = {}
        pending, asked = list(range(len(queries))), min(limit, k + _MARGIN)
        while pending:
            some = queries if len(pending) == len(queries) else queries[pending]
            if allowed is None:
                raw, ids = self._structure.search(some, asked)
            else:
                raw, ids = self._structure.search_among(some, asked, allowed)
            scores = self._scores(raw)
            for row, position in enumerate(pending):
                cut = self._cut(
                    scores[row], ids[row], k, complete=asked == limit, all_cells=allowed is not None
                )
                if cut is not None:
                    found[position] = cut
            pending = [position for position in pending if position not in found]
            asked = min(limit, asked * 4)
        return [found[position] for position in range(len(queries))]

    def _cut(
        self, scores: Float32, ids: Int64, k: int, *, complete: bool, all_cells: bool
    ) -> Candidates | None:
        """Keep the k best and what may tie with the k-th; None if more of that may lie beyond what was asked for."""
        # What is missing comes last. Most often nothing is, and to look there is quicker than to count.
        present = len(ids) if ids[-1] >= 0 else int(np.count_nonzero(ids >= 0))
        if not present:
            return Candidates(ids[:0], scores[:0])
        # Of two rounded scores each may be off. A search of some cells misses more than rounding can: there the margin
        # is enough.
        slack = _TIE + 2 * self.error if all_cells else _TIE
        last = scores[min(k, present) - 1] - slack
        if not complete and present == len(ids) and scores[-1] >= last:
            return None
        if self.error:
            last = min(last, scores[min(k + _MARGIN, present) - 1])
        kept = present if scores[present - 1] >= last else int(np.count_nonzero(scores[:present] >= last))
        return Candidates(ids[:kept], scores[:kept])

    def _scores(self, raw: Float32) -> Float32:
        if self.metric is Metric.COSINE:
            return raw
        distance = np.sqrt(np.maximum(raw.astype(np.float64), 0))
        return score_from_distance(distance, self.metric).astype(np.float32)

    def write(self, write: Callable[[bytes], int]) -> None:
        """Hand the index's bytes, piece by piece, to ``write``; an error raised there comes out here."""
        write_structure(self._structure, write)


def read_index(
    read: Callable[[int], bytes], *, dim: int, metric: Metric, count: int, recall: float
) -> NeighbourIndex:
    """Read an index back and hold it to what is known of it. Check the bytes' SHA-256 first: FAISS does not.

    Raises:
        IndexInvalid: not an index of that kind, dimension, metric and size.
    """
    return NeighbourIndex(read_structure(read, dim=dim, metric=metric, count=count), metric, recall)


def build_index(
    batches: Batches, *, dim: int, metric: Metric, count: int, exact_limit: int = EXACT_LIMIT
) -> NeighbourIndex:
    """Build an index over ``count`` vectors that ``batches()`` yields as ((m,) int64, (m, dim) float32).

    Up to ``exact_limit`` vectors it is a flat, exact index. Beyond, vectors lie compressed in cells, of which as many
    are probed as give recall@10 of 0.995 for queries between this catalogue's own vectors.

    Raises:
        VectorsInvalid: vectors of another shape, or not finite.
        IndexInvalid: the batches did not hold ``count`` vectors.
    """
    if count <= exact_limit:
        flat = empty_flat(dim, metric)
        _fill(flat, batches, dim, count)
        return NeighbourIndex(flat, metric, 1.0)
    lists = max(LEAST_CELLS, int(2 * math.sqrt(count)))
    cells, queries = _learned(batches, dim, lists, metric, count)
    _fill(cells, batches, dim, count)
    return _probed_until_recalled(Cells(cells.index), metric, queries, batches)


def _learned(batches: Batches, dim: int, lists: int, metric: Metric, count: int) -> tuple[Cells, Float32]:
    """Learn cells and codes from a sample, which is too large to keep, and take queries from it."""
    sample = draw_sample(batches, dim, learned_from(lists), count)
    return empty_cells(sample, lists, metric), sample.queries(_RECALL_QUERIES)


def _fill(structure: Structure, batches: Batches, dim: int, count: int) -> None:
    for ids, vectors in batches():
        structure.index.add_with_ids(require_vectors(vectors, dim), np.ascontiguousarray(ids, np.int64))
    if structure.index.ntotal != count:
        raise IndexInvalid(f"expected {count} vectors, got {structure.index.ntotal}")


def _probed_until_recalled(
    cells: Cells, metric: Metric, queries: Float32, batches: Batches
) -> NeighbourIndex:
    """Search and refine as much as reaches the recall in the least time: fewer codes to refine need more cells."""
    truth = true_neighbours(batches, queries, _RECALL_K, metric)
    index = NeighbourIndex(cells, metric, 0.0)

    def recall(probed: int, refined: int) -> float:
        cells.probe(probed, refined)
        found = index.search(queries, _RECALL_K)
        return recall_at_k([one.ids.tolist() for one in found], truth)

    in_cell, asked = index.count / cells.count, _RECALL_K + _MARGIN
    effort = least_effort(recall, TARGET_RECALL, cells=cells.count, codes_in_cell=in_cell, asked=asked)
    index.recall = recall(*effort)
    return index
