"""Vectors in memory with their attributes, place by place, searched exactly."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.vectors.arguments import Rows
from indexer.vectors.filters import Bools, Filter, Kinds, mask
from indexer.vectors.scoring import best_first, exact_scores
from retrieval.metric import Metric
from retrieval.search import NeighbourIndex
from retrieval.similarity import Float32, Float64, Int64
from retrieval.structures import Flat, empty_flat

Arrays = dict[str, npt.NDArray[Any]]
Ranked = tuple[Int64, Float64]
# How far FAISS's float32 sums can be off: what lies that near to a threshold is scored before it is judged.
_ROUNDING = 1e-5


@dataclass
class Memory:
    """``flat`` holds ids and vectors; each of ``columns`` has an attribute's values in the same order."""

    flat: Flat
    columns: Arrays
    _sorted: tuple[Int64, Int64] | None = field(default=None, init=False)

    @property
    def size(self) -> int:
        """How many vectors there are."""
        return int(self.flat.index.ntotal)

    def put(self, rows: Rows) -> None:
        """Write rows, each in the place of the one that had its id."""
        self.take_out(rows.ids)
        self.flat.add(rows.ids, rows.vectors)
        self.columns = {
            name: np.concatenate([column, rows.columns[name]]) for name, column in self.columns.items()
        }
        self._sorted = None

    def take_out(self, ids: Int64) -> bool:
        """Remove those of the ids that are there; tell whether there were any."""
        gone = np.isin(self.flat.ids_in_place, ids)
        if not gone.any():
            return False
        self.flat.remove(ids)
        self.columns = {name: column[~gone] for name, column in self.columns.items()}
        self._sorted = None
        return True

    def nearest(self, queries: Float32, k: int, filter_: Filter | None) -> list[Ranked]:
        """Rank for each of (nq, dim) queries the k nearest, and what ties with them."""
        index = NeighbourIndex(self.flat, Metric.COSINE, 1.0)
        found = index.search(queries, k, self._allowed(filter_))
        return [self._ranked(query, one.ids) for query, one in zip(queries, found, strict=True)]

    def above(self, queries: Float32, min_score: float, filter_: Filter | None) -> list[Ranked]:
        """Rank for each of (nq, dim) queries all that score more than ``min_score``."""
        near = self.flat.ids_above(queries, min_score - _ROUNDING, self._allowed(filter_))
        ranked = (self._ranked(query, ids) for query, ids in zip(queries, near, strict=True))
        return [(ids[scores > min_score], scores[scores > min_score]) for ids, scores in ranked]

    def passing(self, filter_: Filter) -> Bools:
        """Tell, place by place, what passes a checked filter."""
        return mask(filter_, self.columns, self.size)

    def vectors_of(self, ids: Int64) -> tuple[Int64, Float32]:
        """Return those of the ids that are still there, and their vectors."""
        there = ids[np.isin(ids, self.flat.ids_in_place)]
        return there, self.flat.vectors_at(self._places(there))

    def _allowed(self, filter_: Filter | None) -> Int64 | None:
        return None if filter_ is None else self.flat.ids_in_place[self.passing(filter_)]

    def _ranked(self, query: Float32, ids: Int64) -> Ranked:
        scores = exact_scores(query, self.flat.vectors_at(self._places(ids)))
        order = best_first(ids, scores)
        return ids[order], scores[order]

    def _places(self, ids: Int64) -> Int64:
        """Say where ids lie, all of which are there."""
        if self._sorted is None:
            in_place = self.flat.ids_in_place
            order = np.argsort(in_place)
            self._sorted = order, in_place[order]
        order, ascending = self._sorted
        return order[np.searchsorted(ascending, ids)]


def empty_memory(dim: int, kinds: Kinds) -> Memory:
    """Make one that holds nothing."""
    columns = {name: np.empty(0, kind.dtype) for name, kind in kinds.items()}
    return Memory(empty_flat(dim, Metric.COSINE), columns)
