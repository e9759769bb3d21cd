"""What every vector store does, whatever engine is behind it, and what each declares that it can.

Ids are int64 and not negative: the database's keys. Vectors are float32 of unit length. A score is the inner product
in float64, to twelve decimals, so that it is the cosine; larger is nearer, and ties are broken by the smaller id.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from indexer.vectors.filters import Filter
from retrieval.similarity import Float32, Float64, Int64

Columns = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store promises beyond the protocol."""

    exact: bool
    """A search misses none of the nearest; else it misses few."""
    range_exact: bool
    """A range search misses none above the threshold; what it does return is above it in any case."""
    max_k: int | None
    """The largest ``k``; None where there is no limit."""
    atomic_commit: bool
    """After a crash the store is as at a commit; else what was written since may be there too."""
    ack_durable: bool
    """What a call has written survives the end of this process, however it ends, without a commit."""
    multi_writer: bool
    """Several processes may write at once."""
    distributed: bool
    """It can be larger than one machine."""


@dataclass(frozen=True, slots=True)
class Within:
    """What lies above a threshold of one query, best first: ids (m,) int64 and scores (m,) float64.

    ``truncated`` says that more may lie above it than was returned.
    """

    ids: Int64
    scores: Float64
    truncated: bool


class VectorStore(Protocol):
    """Vectors and their attributes by id, searched by inner product.

    A handle reads what it wrote. Every method raises ``EngineUnavailable`` where a server does not answer, and for
    arguments that cannot be meant ``UsageRefused`` or, of vectors, ``retrieval.errors.VectorsInvalid``.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this store promises."""

    @property
    def dim(self) -> int:
        """How many values a vector has."""

    def upsert(self, ids: Int64, vectors: Float32, attributes: Columns) -> None:
        """Write (n,) different ids with their (n, dim) vectors and, of each declared attribute, (n,) values.

        What was there under an id is replaced, so that doing it twice is as good as once.
        """

    def delete(self, ids: Int64) -> None:
        """Remove (n,) ids; those that are not there are as good as removed."""

    def search(self, queries: Float32, k: int, filter: Filter | None = None) -> tuple[Int64, Float64]:
        """Find the k nearest to each of (nq, dim) queries: ids and scores, (nq, k) each, best first.

        Where fewer pass the filter, the rest is -1 and minus infinity.
        """

    def range_search(
        self,
        queries: Float32,
        min_score: float,
        filter: Filter | None = None,
        limit: int = 1000,
    ) -> list[Within]:
        """Find, for each of (nq, dim) queries, up to ``limit`` vectors that score more than ``min_score``."""

    def iterate(self, batch: int = 4096) -> Iterator[tuple[Int64, Float32]]:
        """Yield every id once, in ascending order, with its vector: (m,) and (m, dim), m at most ``batch``."""

    def count(self, filter: Filter | None = None) -> int:
        """Count the vectors that pass the filter, exactly."""

    def commit(self, watermark: int) -> None:
        """Make all that this handle wrote durable, and then that it did: ``watermark`` is the last change it knows."""

    def committed(self) -> int | None:
        """Return the watermark of the last commit; None before the first."""

    def refill(self, batches: Iterable[tuple[Int64, Float32, Columns]], watermark: int) -> None:
        """Replace all contents by what the batches hold, and commit: one step for whoever reads.

        Until then, and where it does not come to its end, what was there before is what is found.
        """

    def close(self) -> None:
        """Let go of files, locks and connections; what was not committed may be lost."""
