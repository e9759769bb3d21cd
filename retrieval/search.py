"""Nearest neighbours over FAISS: exact while that is fast, inverted lists with a measured recall beyond.

The only module that imports faiss. A search returns every vector that ties with the k-th, so that the caller can
break ties by a rule of his own and the answer never depends on the order in which vectors were added.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrieval.errors import IndexInvalid
from retrieval.ranking import recall_at_k
from retrieval.similarity import Float32, Int64, Metric, require_vectors, score_from_distance

EXACT_LIMIT = 300_000
TARGET_RECALL = 0.99
_TIE = 1e-6
_MARGIN = 8  # asked for beyond k, so that a tie at the k-th place is mostly seen at once
_TRAIN_PER_LIST = 64
_RECALL_QUERIES = 200
_RECALL_K = 10
_READ_BYTES = 1 << 20

Batches = Callable[[], Iterable[tuple[Int64, Float32]]]


def _faiss() -> Any:
    import faiss

    return faiss


@dataclass(frozen=True)
class Candidates:
    """One query's nearest vectors, best first: ids (m,) int64 and scores (m,) float32 in the stored metric."""

    ids: Int64
    scores: Float32


class NeighbourIndex:
    """A searchable set of (id, vector) pairs in one space."""

    def __init__(self, index: Any, metric: Metric, recall: float) -> None:
        self._index = index
        self.metric = metric
        self.recall = recall

    @property
    def count(self) -> int:
        """How many vectors it holds."""
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Dimension of its vectors."""
        return int(self._index.d)

    @property
    def kind(self) -> str:
        """``flat`` (exact) or ``ivf`` (approximate, see ``recall``)."""
        return "ivf" if isinstance(self._index, _faiss().IndexIVF) else "flat"

    @property
    def ids(self) -> Int64:
        """All ids, sorted, (n,) int64."""
        faiss = _faiss()
        if self.kind == "flat":
            return np.sort(faiss.vector_to_array(self._index.id_map))
        lists = self._index.invlists
        parts = [
            faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy()
            for i in range(lists.nlist)
            if lists.list_size(i)
        ]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)

    def search(self, queries: Float32, k: int, allowed: Int64 | None = None) -> list[Candidates]:
        """Find, for each of (n, dim) queries, the k nearest vectors and all that tie with the k-th.

        ``allowed`` limits the search to those ids; the search is then exact.

        Raises:
            VectorsInvalid: queries of another shape, or not finite.
        """
        queries = require_vectors(queries, self.dim)
        limit = self.count if allowed is None else min(self.count, len(allowed))
        if limit == 0 or k < 1:
            empty = Candidates(np.empty(0, np.int64), np.empty(0, np.float32))
            return [empty for _ in queries]
        k, parameters = min(k, limit), self._parameters(allowed)
        found: list[Candidates | None] = [None] * len(queries)
        pending, asked = np.arange(len(queries)), min(limit, k + _MARGIN)
        while len(pending):
            raw, ids = self._index.search(queries[pending], asked, params=parameters)
            for row, position in enumerate(pending):
                found[position] = self._cut_after_ties(raw[row], ids[row], k, complete=asked == limit)
            pending = np.array([position for position in pending if found[position] is None], np.int64)
            asked = min(limit, asked * 4)
        return [candidates for candidates in found if candidates is not None]

    def _cut_after_ties(self, raw: Float32, ids: Int64, k: int, *, complete: bool) -> Candidates | None:
        """Keep the k best and what ties with the k-th; None if more ties may lie beyond what was asked for."""
        present = ids >= 0
        scores, ids = self._scores(raw[present]), ids[present]
        if not len(ids):
            return Candidates(ids, scores)
        last = scores[min(k, len(scores)) - 1] - _TIE
        if not complete and present.all() and scores[-1] >= last:
            return None
        return Candidates(ids[scores >= last], scores[scores >= last])

    def _scores(self, raw: Float32) -> Float32:
        if self.metric is Metric.COSINE:
            return np.clip(raw, -1, 1)
        distance = np.sqrt(np.maximum(raw.astype(np.float64), 0))
        return score_from_distance(distance, self.metric).astype(np.float32)

    def _parameters(self, allowed: Int64 | None) -> Any:
        faiss = _faiss()
        if allowed is None:
            return None
        selector = faiss.IDSelectorBatch(np.ascontiguousarray(allowed, np.int64))
        if self.kind == "ivf":
            return faiss.SearchParametersIVF(sel=selector, nprobe=self._index.nlist)
        return faiss.SearchParameters(sel=selector)

    def write(self, write: Callable[[bytes], int]) -> None:
        """Hand the index's bytes, piece by piece, to ``write``; an error raised there comes out here."""
        faiss = _faiss()
        writer = faiss.PyCallbackIOWriter(write)
        faiss.write_index(self._index, writer)
        del writer  # flushes its buffer


def read_index(
    read: Callable[[int], bytes], *, dim: int, metric: Metric, count: int, recall: float
) -> NeighbourIndex:
    """Read an index back and hold it to what is known of it. Check the bytes' SHA-256 first: FAISS does not.

    Raises:
        IndexInvalid: not an index of that kind, dimension, metric and size.
    """
    faiss = _faiss()
    try:
        index = faiss.read_index(faiss.PyCallbackIOReader(read, _READ_BYTES))
    except Exception as error:  # FAISS raises RuntimeError, AssertionError and others for damaged bytes
        raise IndexInvalid(f"FAISS cannot read it: {str(error).splitlines()[-1]}") from error
    kind = type(index)
    if kind not in {faiss.IndexIDMap, faiss.IndexIVFFlat}:
        raise IndexInvalid(f"unexpected FAISS index {kind.__name__}")
    facts = (index.d, index.metric_type, index.ntotal)
    expected = (dim, _metric_type(metric), count)
    if facts != expected:
        raise IndexInvalid(f"dimension, metric and size are {facts}, expected {expected}")
    return NeighbourIndex(index, metric, recall)


def build_index(
    batches: Batches, *, dim: int, metric: Metric, count: int, exact_limit: int = EXACT_LIMIT
) -> NeighbourIndex:
    """Build an index over ``count`` vectors that ``batches()`` yields as ((m,) int64, (m, dim) float32).

    Up to ``exact_limit`` vectors it is a flat, exact index. Beyond, it is an inverted file over k-means cells
    (Jégou et al., 2011), probing as many cells as give recall@10 of 0.99 on this catalogue's own vectors.

    Raises:
        VectorsInvalid: vectors of another shape, or not finite.
        IndexInvalid: the batches did not hold ``count`` vectors.
    """
    faiss = _faiss()
    index = _flat(dim, metric) if count <= exact_limit else _trained_ivf(batches, dim, metric, count)
    for ids, vectors in batches():
        index.add_with_ids(require_vectors(vectors, dim), np.ascontiguousarray(ids, np.int64))
    if index.ntotal != count:
        raise IndexInvalid(f"expected {count} vectors, got {index.ntotal}")
    recall = 1.0
    if isinstance(index, faiss.IndexIVF):
        recall = _probe_until_recalled(index, batches, dim)
    return NeighbourIndex(index, metric, recall)


def _metric_type(metric: Metric) -> int:
    faiss = _faiss()
    return int(faiss.METRIC_INNER_PRODUCT if metric is Metric.COSINE else faiss.METRIC_L2)


def _flat(dim: int, metric: Metric) -> Any:
    faiss = _faiss()
    return faiss.IndexIDMap(faiss.IndexFlat(dim, _metric_type(metric)))


def _sample(batches: Batches, dim: int, size: int, count: int) -> Float32:
    """Take about ``size`` of ``count`` vectors, evenly spread and the same ones every time."""
    step = max(1, count // size)
    parts, offset = [np.empty((0, dim), np.float32)], 0
    for _, vectors in batches():
        parts.append(require_vectors(vectors, dim)[(-offset) % step :: step])
        offset += len(vectors)
    return np.concatenate(parts)[:size]


def _trained_ivf(batches: Batches, dim: int, metric: Metric, count: int) -> Any:
    faiss = _faiss()
    lists = max(1, int(2 * math.sqrt(count)))
    quantiser = faiss.IndexFlat(dim, _metric_type(metric))
    index = faiss.IndexIVFFlat(quantiser, dim, lists, _metric_type(metric))
    index.own_fields = True
    quantiser.this.disown()
    index.cp.max_points_per_centroid = _TRAIN_PER_LIST
    index.cp.min_points_per_centroid = 1
    index.train(_sample(batches, dim, lists * _TRAIN_PER_LIST, count))
    return index


def _probe_until_recalled(index: Any, batches: Batches, dim: int) -> float:
    """Raise ``nprobe`` until the recall is reached; return the recall measured."""
    faiss = _faiss()
    queries = _sample(batches, dim, _RECALL_QUERIES, index.ntotal)
    exhaustive = faiss.SearchParametersIVF(nprobe=index.nlist)
    _, truth = index.search(queries, _RECALL_K, params=exhaustive)
    index.nprobe = 1
    while True:
        _, found = index.search(queries, _RECALL_K)
        recall = recall_at_k(found.tolist(), truth.tolist())
        if recall >= TARGET_RECALL or index.nprobe >= index.nlist:
            return recall
        index.nprobe = min(index.nlist, index.nprobe * 2)
