"""Nearest neighbours from an engine, as one snapshot of the database has them.

The engine only proposes. What it does not have yet is scored from the database, what the snapshot does not hold is left
out, and more is asked for until k are left and none that ties with the k-th can lie beyond.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sqlalchemy import Connection, select

from indexer.committed import Committed
from indexer.engine.changes import waiting_items
from indexer.engine.collections import Collection
from indexer.stored_vectors import vectors_of
from indexer.tables import File
from indexer.vectors.protocol import VectorStore
from retrieval.encoder import Space
from retrieval.metric import Metric
from retrieval.search import Candidates
from retrieval.similarity import Float32, Int64, require_vectors, scores

_MARGIN = 8  # asked for beyond k, so that a tie at the k-th place is mostly seen at once
_TIE = 1e-6
_FEW = 20_000  # allowed items that are scored from the database, none missed
_IDS_AT_ONCE = 500


@dataclass(frozen=True)
class Opened:
    """A collection, as the database had it when its engine was opened."""

    collection: Collection
    engine: VectorStore


@dataclass(frozen=True)
class EngineIndex:
    """A collection that is searched as `NeighbourIndex` is; ``connection`` is the snapshot that counts."""

    error: ClassVar[float] = 0.0
    opened: Opened
    generation: Committed
    space: Space
    connection: Connection

    def search(self, queries: Float32, k: int, allowed: Int64 | None = None) -> list[Candidates]:
        """Find, for each of (n, dim) queries, the k nearest items and all that tie with the k-th.

        ``allowed`` limits the search to those ids; where they are few, none is missed. Queries of length zero are near
        nothing, and are scored with all.

        Raises:
            EngineUnavailable: the engine does not answer.
        """
        queries = require_vectors(queries, self.space.dim)
        if (allowed is not None and len(allowed) <= _FEW) or not queries.any(axis=1).all():
            return self._scored_here(queries, k, self._passing(allowed))
        found = self._proposed(queries, k, allowed)
        waiting = self._held(waiting_items(self.connection, self.opened.collection), allowed)
        if not waiting:
            return found
        here = self._scored_here(queries, k, waiting)
        return [_merged(ours, theirs, k) for ours, theirs in zip(here, found, strict=True)]

    def _proposed(self, queries: Float32, k: int, allowed: Int64 | None) -> list[Candidates]:
        engine = self.opened.engine
        most = engine.capabilities.max_k or engine.count() + 1
        found: dict[int, Candidates] = {}
        pending, asked = list(range(len(queries))), min(most, k + _MARGIN)
        while pending:
            ids, near = engine.search(queries[pending], asked)
            passing = self._held(np.unique(ids[ids >= 0]).tolist(), allowed)
            for row, position in enumerate(pending):
                kept = np.array([id_ in passing for id_ in ids[row].tolist()], bool)
                has_k = kept.sum() >= k
                if ids[row, -1] < 0 or (has_k and near[row][kept][k - 1] - near[row, -1] > _TIE):
                    found[position] = _best(ids[row][kept], near[row][kept], k)
                elif asked == most:  # what an engine gives at once does not hold enough that passes
                    one = queries[[position]]
                    found[position] = self._scored_here(one, k, self._passing(allowed))[0]
            pending = [position for position in pending if position not in found]
            asked = min(most, asked * 4)
        return [found[position] for position in range(len(queries))]

    def _passing(self, allowed: Int64 | None) -> set[int]:
        """Return all items that files hold, of those that are allowed."""
        if allowed is not None:
            return self._held(allowed.tolist())
        return set(self.connection.execute(select(File.item_id).distinct()).scalars())

    def _scored_here(self, queries: Float32, k: int, items: set[int]) -> list[Candidates]:
        """Score some items by the vectors that the database has, batch by batch."""
        nothing = Candidates(np.empty(0, np.int64), np.empty(0, np.float32))
        best = [nothing for _ in queries]
        for ids, vectors in vectors_of(
            self.connection, self.generation.encoder_id, self.space, sorted(items)
        ):
            for row, query in enumerate(queries):
                near = Candidates(ids, scores(query, vectors, Metric.COSINE).astype(np.float32))
                best[row] = _merged(best[row], near, k)
        return best

    def _held(self, ids: Sequence[int], allowed: Int64 | None = None) -> set[int]:
        """Return those that files hold in this snapshot, of those that are allowed."""
        held: set[int] = set()
        for start in range(0, len(ids), _IDS_AT_ONCE):
            some = File.item_id.in_(ids[start : start + _IDS_AT_ONCE])
            held.update(self.connection.execute(select(File.item_id).where(some).distinct()).scalars())
        return held if allowed is None else held.intersection(allowed.tolist())


def _merged(one: Candidates, other: Candidates, k: int) -> Candidates:
    """Return the best of both, each id once."""
    ids, first = np.unique(np.concatenate([one.ids, other.ids]), return_index=True)
    return _best(ids, np.concatenate([one.scores, other.scores])[first], k)


def _best(ids: Int64, near: Float32, k: int) -> Candidates:
    """Return the k best, and what ties with the k-th."""
    order = np.argsort(-near, kind="stable")
    ids, near = ids[order], near[order].astype(np.float32)
    kept = near >= near[min(k, len(near)) - 1] - _TIE if len(near) else np.empty(0, bool)
    return Candidates(ids[kept], near[kept])
