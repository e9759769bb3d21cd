"""What FAISS makes of a set of vectors: a flat scan, cells of compressed vectors, centres. The only module that imports
faiss.

Raw values are FAISS's: inner products, or squared distances.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from retrieval.errors import IndexInvalid
from retrieval.metric import Metric
from retrieval.recall import Sample
from retrieval.similarity import Float32, Int64

_TRAIN_PER_LIST = 64
_READ_BYTES = 1 << 20
_STEPS_8_BIT = 255
LEAST_CELLS = 16  # as many as there are codes of 4 bits, of which their centres are made
# FAISS's way to go through cells query by query: one query is the work of one thread, as it is where many clients ask,
# and of many queries each core takes some. A reservoir of the best codes costs a tenth less than a heap of them.
_QUERY_BY_QUERY = 11


def _faiss() -> Any:
    import faiss

    return faiss


class Structure(Protocol):
    """A searchable set of (id, vector) pairs.

    ``error`` is how far a score can be off for the rounding of what it holds, for queries of unit length or by L2.
    """

    kind: str
    index: Any
    error: float

    @property
    def ids(self) -> Int64:
        """All ids, sorted, (n,) int64."""

    def search(self, queries: Float32, k: int) -> tuple[Float32, Int64]:
        """Return (n, k) raw values, best first, and ids; where there are fewer, the id is -1."""

    def search_among(self, queries: Float32, k: int, allowed: Int64) -> tuple[Float32, Int64]:
        """Search those ids alone, and all of them."""


class Flat:
    """Every vector as it is: exact."""

    kind = "flat"
    error = 0.0

    def __init__(self, index: Any) -> None:
        self.index = index

    @property
    def ids(self) -> Int64:
        """All ids, sorted."""
        return np.sort(_faiss().vector_to_array(self.index.id_map))

    def search(self, queries: Float32, k: int) -> tuple[Float32, Int64]:
        """Search all."""
        return _searched(self.index, queries, k)

    def search_among(self, queries: Float32, k: int, allowed: Int64) -> tuple[Float32, Int64]:
        """Search those ids."""
        faiss = _faiss()
        selector = faiss.IDSelectorBatch(allowed)  # has to outlive the search
        return _searched(self.index, queries, k, params=faiss.SearchParameters(sel=selector))

    def ids_above(self, queries: Float32, raw: float, allowed: Int64 | None) -> list[Int64]:
        """Return, for each query, the ids whose raw value is larger, in no order; ``allowed`` limits them."""
        faiss = _faiss()
        selector = faiss.IDSelectorAll() if allowed is None else faiss.IDSelectorBatch(allowed)
        parameters = faiss.SearchParameters(sel=selector)
        ends, _, ids = self.index.range_search(queries, raw, params=parameters)
        return [ids[ends[row] : ends[row + 1]] for row in range(len(queries))]

    @property
    def ids_in_place(self) -> Int64:
        """All ids, (n,), in the order in which the vectors lie."""
        return np.asarray(_faiss().vector_to_array(self.index.id_map))

    def vectors_at(self, places: Int64) -> Float32:
        """Copy the vectors, (m, dim), that lie at those places."""
        faiss = _faiss()
        flat = faiss.downcast_index(self.index.index)
        if not len(places):
            return np.empty((0, flat.d), np.float32)
        values = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)
        return np.asarray(values.reshape(flat.ntotal, flat.d)[places])

    def add(self, ids: Int64, vectors: Float32) -> None:
        """Put (m, dim) vectors behind the others; none of the ids may be there."""
        self.index.add_with_ids(vectors, ids)

    def remove(self, ids: Int64) -> None:
        """Take those ids out, if they are there; what is left keeps its order."""
        self.index.remove_ids(_faiss().IDSelectorBatch(ids))


class Cells:
    """Vectors in k-means cells (Jégou et al., 2011), by 4-bit codes in registers (André et al., 2015), then by 8 bits.

    A third of the memory of whole vectors; ``probed`` cells are searched for a query, and ``refined`` times what is
    asked for is compared by 8 bits a value.
    """

    kind = "ivf"

    def __init__(self, index: Any) -> None:
        faiss = _faiss()
        self.index = index
        self._refining = faiss.downcast_index(index.index)
        self._cells = faiss.downcast_index(self._refining.base_index)
        self._cells.implem = _QUERY_BY_QUERY
        self._rounded = faiss.downcast_index(self._refining.refine_index)
        self._id_of_place = faiss.vector_to_array(index.id_map)
        ranges = faiss.vector_to_array(self._rounded.sq.trained)[index.d :]
        self.error = float(np.linalg.norm(ranges)) / _STEPS_8_BIT / 2

    @property
    def ids(self) -> Int64:
        """All ids, sorted."""
        return np.sort(self._id_of_place)

    @property
    def count(self) -> int:
        """How many cells there are."""
        return int(self._cells.nlist)

    def probe(self, probed: int, refined: int) -> None:
        """Set how much is searched from here on."""
        self._cells.nprobe, self._refining.k_factor = probed, refined

    def search(self, queries: Float32, k: int) -> tuple[Float32, Int64]:
        """Search the cells nearest to each query."""
        return _searched(self.index, queries, k)

    def search_among(self, queries: Float32, k: int, allowed: Int64) -> tuple[Float32, Int64]:
        """Search those ids, by 8 bits a value."""
        faiss = _faiss()
        selector = faiss.IDSelectorBatch(np.flatnonzero(np.isin(self._id_of_place, allowed)))
        raw, places = _searched(self._rounded, queries, k, params=faiss.SearchParameters(sel=selector))
        return raw, np.where(places >= 0, self._id_of_place[places], -1)


def _searched(index: Any, queries: Float32, k: int, **parameters: Any) -> tuple[Float32, Int64]:
    """Search with no more threads than queries: one query has no use for a second, and would wait for a core for it."""
    faiss = _faiss()
    usual = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(min(len(queries), usual))  # of the calling thread alone
    try:
        raw, ids = index.search(queries, k, **parameters)
    finally:
        faiss.omp_set_num_threads(usual)
    return raw, ids


def empty_flat(dim: int, metric: Metric) -> Flat:
    """Make a flat structure without vectors."""
    faiss = _faiss()
    return Flat(faiss.IndexIDMap(faiss.IndexFlat(dim, metric_type(metric))))


def empty_cells(sample: Sample, lists: int, metric: Metric) -> Cells:
    """Learn cells and codes from a sample; the structure is without vectors."""
    faiss = _faiss()
    dim = sample.vectors.shape[1]
    parts = dim // 2 if dim % 2 == 0 else dim
    of_centres = f"PQ{parts}x4fs"  # the nearest of them are found in half the time that whole ones take
    # Codes of what lies between a vector and its cell's centre are the finer ones: by cosine a third of the time at the
    # same recall. By L2 they need a table for each cell, which costs more than they save.
    codes = f"{of_centres}r" if metric is Metric.COSINE else of_centres
    factory = f"IDMap,IVF{lists}({of_centres}),{codes},Refine(SQ8)"
    index = faiss.index_factory(dim, factory, metric_type(metric))
    cells = faiss.downcast_index(faiss.downcast_index(index.index).base_index)
    cells.cp.max_points_per_centroid = _TRAIN_PER_LIST
    for training in (cells.cp, cells.pq.cp, faiss.downcast_index(cells.quantizer).pq.cp):
        training.min_points_per_centroid = 1  # it warns, on the terminal
    # With the least and the largest values among what is learned from, 8 bits cut none off, and ``error`` holds.
    index.train(_at_least(sample.rows, lists))
    return Cells(index)


def _at_least(rows: Float32, count: int) -> Float32:
    """Return (n, dim) rows, over and over where there are fewer than ``count``."""
    return rows if len(rows) >= count else np.resize(rows, (count, rows.shape[1]))


def learn_centres(vectors: Float32, cells: int) -> Float32:
    """Learn the centres of k-means cells of (n, dim) unit vectors by cosine: (cells, dim), of unit length."""
    faiss = _faiss()
    dim = vectors.shape[1]
    means = faiss.Kmeans(
        dim,
        cells,
        spherical=True,
        max_points_per_centroid=_TRAIN_PER_LIST,
        min_points_per_centroid=1,  # it warns, on the terminal
    )
    means.train(_at_least(vectors, cells))
    centres: Float32 = means.centroids
    return centres


def nearest_centres(vectors: Float32, centres: Float32, count: int) -> Int64:
    """Return the ``count`` nearest of (cells, dim) centres to each of (n, dim) vectors: (n, count), nearest first."""
    faiss = _faiss()
    index = faiss.IndexFlatIP(centres.shape[1])
    index.add(centres)
    nearest: Int64 = index.search(vectors, count)[1]
    return nearest


def learned_from(lists: int) -> int:
    """How many vectors are worth learning so many cells from."""
    return lists * _TRAIN_PER_LIST


def metric_type(metric: Metric) -> int:
    """FAISS's number of a metric."""
    faiss = _faiss()
    return int(faiss.METRIC_INNER_PRODUCT if metric is Metric.COSINE else faiss.METRIC_L2)


def write_structure(structure: Structure, write: Callable[[bytes], int]) -> None:
    """Hand its bytes, piece by piece, to ``write``; an error raised there comes out here."""
    faiss = _faiss()
    writer = faiss.PyCallbackIOWriter(write)
    faiss.write_index(structure.index, writer)
    del writer  # flushes its buffer


def read_structure(read: Callable[[int], bytes], *, dim: int, metric: Metric, count: int) -> Structure:
    """Read one back. Check the bytes' SHA-256 first: FAISS does not.

    Raises:
        IndexInvalid: not a structure of that dimension, metric and size.
    """
    faiss = _faiss()
    try:
        index = faiss.read_index(faiss.PyCallbackIOReader(read, _READ_BYTES))
    except Exception as error:  # FAISS raises RuntimeError, AssertionError and others for damaged bytes
        raise IndexInvalid(f"FAISS cannot read it: {str(error).splitlines()[-1]}") from error
    structure = _known(index)
    facts, expected = (index.d, index.metric_type, index.ntotal), (dim, metric_type(metric), count)
    if facts != expected:
        raise IndexInvalid(f"dimension, metric and size are {facts}, expected {expected}")
    return structure


def _known(index: Any) -> Structure:
    """Tell which structure it is.

    Raises:
        IndexInvalid: none that is ever written.
    """
    faiss = _faiss()
    kinds = [type(index)]
    if kinds == [faiss.IndexIDMap]:
        inner = faiss.downcast_index(index.index)
        kinds.append(type(inner))
        if isinstance(inner, faiss.IndexFlat):
            return Flat(index)
        if isinstance(inner, faiss.IndexRefine):
            kinds += [type(faiss.downcast_index(part)) for part in (inner.base_index, inner.refine_index)]
    if kinds[2:] == [faiss.IndexIVFPQFastScan, faiss.IndexScalarQuantizer]:
        return Cells(index)
    raise IndexInvalid(f"unexpected FAISS index {' of '.join(kind.__name__ for kind in kinds)}")
