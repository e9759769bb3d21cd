"""The vector store that is a Milvus server, or its look-alike in this process.

The engine only proposes: what it finds is scored here, by the vectors it hands over, and more is asked for until what
was asked for cannot lie beyond. A graph that is searched under a filter loses recall with every node that does not
pass, so that the fewer pass, the more nodes are looked at; where few pass, all of them are scored.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from indexer.vectors import arguments
from indexer.vectors import milvus_generations as generations
from indexer.vectors.expressions import EVERYTHING, ID, VECTOR, expression, field_name, held
from indexer.vectors.filters import Filter, Kind, checked
from indexer.vectors.milvus_engine import MOST, MilvusEngine, Row
from indexer.vectors.protocol import Capabilities, Columns, Within
from indexer.vectors.scoring import best_first, exact_scores, padded
from retrieval.similarity import Float32, Float64, Int64

_FEW = 1_000
_LOOKED_AT, _MOST_LOOKED_AT = 400, 32_768  # nodes of the graph: by a search without a filter, and by any
_MARGIN = 8  # asked for beyond k, so that a tie at the k-th place is mostly seen at once
_TIE = 1e-6  # the engine's scores are float32
_SENT = 32 << 20  # bytes of vectors that one answer brings
_QUERIES = 1_024

Ranked = tuple[Int64, Float64]


class MilvusStore:
    """The vectors behind one alias. ``distributed`` says whether a server, and others with it, can be there.

    Raises:
        UsageRefused: the name is taken, or holds vectors of another dimension, or other attributes.
        EngineUnavailable: the server does not answer in time, or did not do what it was asked.
    """

    def __init__(
        self, engine: MilvusEngine, name: str, dim: int, attributes: Mapping[str, Kind], *, distributed: bool
    ) -> None:
        self.dim = dim
        self.capabilities = Capabilities(
            exact=False,
            range_exact=False,
            max_k=MOST,
            atomic_commit=False,
            ack_durable=True,
            multi_writer=distributed,
            distributed=distributed,
        )
        self._engine, self._name = engine, generations.require_name(name)
        self._kinds = arguments.require_kinds(attributes)
        generations.ensure(engine, name, dim, self._kinds)

    def upsert(self, ids: Int64, vectors: Float32, attributes: Columns) -> None:
        """See ``VectorStore``. A search at the same time may see neither the old nor the new of a vector."""
        self._engine.upsert(self._name, self._rows(ids, vectors, attributes))

    def delete(self, ids: Int64) -> None:
        """See ``VectorStore``."""
        self._engine.delete(self._name, arguments.require_ids(ids).tolist())

    def search(self, queries: Float32, k: int, filter: Filter | None = None) -> tuple[Int64, Float64]:
        """See ``VectorStore``. Beyond ``capabilities.max_k`` vectors that tie, which are found is not defined."""
        queries, k = arguments.require_unit(queries, self.dim), arguments.require_asked(k, "k", MOST)

        def enough(scores: Float64) -> bool:
            return bool(scores[k - 1] - scores[-1] > _TIE)

        found_ids, found_scores = padded(len(queries), k)
        for row, (ids, scores) in enumerate(self._ranked(queries, k, filter, enough)):
            found_ids[row, : len(ids)], found_scores[row, : len(ids)] = ids[:k], scores[:k]
        return found_ids, found_scores

    def range_search(
        self, queries: Float32, min_score: float, filter: Filter | None = None, limit: int = 1000
    ) -> list[Within]:
        """See ``VectorStore``. No more than ``capabilities.max_k`` are found, and ``truncated`` says so."""
        queries, limit = arguments.require_unit(queries, self.dim), arguments.require_asked(limit, "limit")
        min_score = arguments.require_threshold(min_score)

        def enough(scores: Float64) -> bool:
            last = scores[min(limit, len(scores)) - 1]
            return bool(scores[-1] < min_score - _TIE or last - scores[-1] > _TIE)

        found = []
        for ids, scores in self._ranked(queries, min(limit, 8 * _MARGIN), filter, enough):
            above = int((scores > min_score).sum())
            cut = above > limit or above == MOST
            found.append(Within(ids[: min(above, limit)], scores[: min(above, limit)], cut))
        return found

    def iterate(self, batch: int = 4096) -> Iterator[tuple[Int64, Float32]]:
        """See ``VectorStore``. What is written meanwhile may be missed."""
        batch = min(arguments.require_asked(batch, "batch"), MOST)
        for rows in self._engine.iterate(self._name, batch):
            yield self._arrays(rows)

    def count(self, filter: Filter | None = None) -> int:
        """See ``VectorStore``."""
        return self._engine.count(self._name, self._where(filter) or EVERYTHING)

    def commit(self, watermark: int) -> None:
        """See ``VectorStore``: what was written before is in the server's log before the watermark is."""
        watermark = arguments.require_watermark(watermark)
        self._engine.set_mark(self._marks(), watermark)

    def committed(self) -> int | None:
        """See ``VectorStore``."""
        return self._engine.mark(self._marks())

    def refill(self, batches: Iterable[tuple[Int64, Float32, Columns]], watermark: int) -> None:
        """See ``VectorStore``: a new generation is filled while the one before answers, and removed after."""
        watermark = arguments.require_watermark(watermark)
        collection = generations.next_generation(self._engine, self._name, self.dim, self._kinds)
        for ids, vectors, attributes in batches:
            self._engine.upsert(collection, self._rows(ids, vectors, attributes))
        self._engine.set_mark(generations.marks_of(collection), watermark)
        generations.switch(self._engine, self._name, collection)

    def close(self) -> None:
        """See ``VectorStore``."""
        self._engine.close()

    def _marks(self) -> str:
        return generations.marks_of(generations.current(self._engine, self._name))

    def _where(self, filter_: Filter | None) -> str:
        return "" if filter_ is None else expression(checked(filter_, self._kinds))

    def _rows(self, ids: Int64, vectors: Float32, attributes: Columns) -> list[Row]:
        rows = arguments.require_rows(ids, vectors, attributes, self.dim, self._kinds)
        columns = {field_name(name): held(column) for name, column in rows.columns.items()}
        return [
            {ID: id_, VECTOR: rows.vectors[row], **{field: values[row] for field, values in columns.items()}}
            for row, id_ in enumerate(rows.ids.tolist())
        ]

    def _arrays(self, rows: list[Row]) -> tuple[Int64, Float32]:
        """Return what the engine handed over, in ascending order of the ids: (n,) ids, (n, dim) vectors."""
        ids = np.array([row[ID] for row in rows], np.int64)
        vectors = np.array([row[VECTOR] for row in rows], np.float32).reshape(len(rows), self.dim)
        order = np.argsort(ids)
        return ids[order], vectors[order]

    def _ranked(
        self, queries: Float32, wanted: int, filter_: Filter | None, enough: Callable[[Float64], bool]
    ) -> list[Ranked]:
        """Rank for each query as many as it takes until ``enough`` says so of their scores, or there are no more."""
        where = self._where(filter_)
        passing = self._engine.estimate(self._name, where or EVERYTHING)
        if passing <= _FEW:
            rows = self._engine.query(self._name, where or EVERYTHING)
            if len(rows) < MOST:
                ids, vectors = self._arrays(rows)
                return [_scored(query, ids, vectors) for query in queries]
        share = passing / max(1, self._engine.estimate(self._name, EVERYTHING)) if filter_ else 1.0
        found: list[Ranked] = [(np.empty(0, np.int64), np.empty(0))] * len(queries)
        pending, asked = list(range(len(queries))), min(MOST, wanted + _MARGIN)
        while pending:
            for row, ranked in zip(
                pending, self._proposed(queries[pending], asked, where, share), strict=True
            ):
                found[row] = ranked
            if asked == MOST:
                break
            pending = [row for row in pending if len(found[row][0]) == asked and not enough(found[row][1])]
            asked = min(MOST, 4 * asked)
        return found

    def _proposed(self, queries: Float32, asked: int, where: str, share: float) -> Iterator[Ranked]:
        """Ask for so many, among a share of all vectors, as many queries at once as an answer may hold."""
        looked_at = int(min(max(_LOOKED_AT, 2 * asked) / max(share, 1e-9), _MOST_LOOKED_AT))
        at_once = min(_QUERIES, max(1, _SENT // (asked * self.dim * 4)))
        for start in range(0, len(queries), at_once):
            block = queries[start : start + at_once]
            hits = self._engine.search(self._name, block, asked, looked_at, where)
            for query, rows in zip(block, hits, strict=True):
                yield _scored(query, *self._arrays(rows))


def _scored(query: Float32, ids: Int64, vectors: Float32) -> Ranked:
    scores = exact_scores(query, vectors)
    order = best_first(ids, scores)
    return ids[order], scores[order]
