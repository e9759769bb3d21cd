"""The embedded vector store: all vectors in memory, searched exactly by FAISS, in a folder of this machine.

Opening reads the last commit. The first write takes the folder's one writer lock, and holds it until the handle is
closed; handles that only read take none, and see the commit that they opened. A commit writes all vectors again, so
that it is made once a batch of changes and not once a change; where none changed, it writes the watermark alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import RLock

from indexer import durable
from indexer.errors import UsageRefused, os_errors
from indexer.vectors import arguments
from indexer.vectors.commits import LOCK, Commit, Commits
from indexer.vectors.filters import Filter, Kind, checked
from indexer.vectors.memory import Memory, empty_memory
from indexer.vectors.protocol import Capabilities, Columns, Within
from indexer.vectors.scoring import padded
from retrieval.similarity import Float32, Float64, Int64


class FaissStore:
    """Vectors and attributes in a folder. Threads may share a handle: its calls wait for each other.

    Raises:
        UsageRefused: the folder holds vectors of another dimension, or other attributes.
        StoreDamaged, NewerFormat: see ``Commits``.
        StoreLocked: on a first write, another process or handle is writing to the folder.
    """

    capabilities = Capabilities(
        exact=True,
        range_exact=True,
        max_k=None,
        atomic_commit=True,
        ack_durable=False,
        multi_writer=False,
        distributed=False,
    )

    def __init__(self, folder: Path, dim: int, attributes: Mapping[str, Kind]) -> None:
        self.dim = dim
        self._kinds = arguments.require_kinds(attributes)
        self._commits = Commits(folder)
        self._threads = RLock()
        self._writer = ExitStack()
        self._is_writer = False
        self._load()

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Tell whether a folder holds a commit, sound or not."""
        return Commits.are_in(folder)

    @staticmethod
    def remove(folder: Path) -> None:
        """Remove a folder's commits, and the folder; one that is not there is as good as removed."""
        Commits(folder).remove()

    def _load(self) -> None:
        """Take over the last commit's vectors and attributes."""
        read = self._commits.read()
        self._commit: Commit | None = None
        self._is_committed = True
        if read is None:
            self._memory = empty_memory(self.dim, self._kinds)
            return
        self._commit, self._memory = read
        wanted = {name: str(kind) for name, kind in self._kinds.items()}
        if (self._commit.dim, self._commit.kinds) != (self.dim, wanted):
            raise UsageRefused(
                f"{self._commits.folder} holds vectors of {self._commit.dim} values with the attributes "
                f"{self._commit.kinds}, asked for are {self.dim} with {wanted}",
                "name another folder, or remove that one and fill it again",
            )

    def _write_alone(self) -> None:
        """Take the writer's lock, if this handle does not have it, and what was committed since it was opened."""
        if self._is_writer:
            return
        with os_errors(f"creating {self._commits.folder}"):
            durable.make_folder(self._commits.folder)
        with ExitStack() as taken:
            taken.enter_context(durable.writer_lock(self._commits.folder / LOCK))
            if self._commits.last() != self._commit:
                self._load()
            self._commits.collect(self._commit)
            self._writer = taken.pop_all()
        self._is_writer = True

    def upsert(self, ids: Int64, vectors: Float32, attributes: Columns) -> None:
        """See ``VectorStore``."""
        rows = arguments.require_rows(ids, vectors, attributes, self.dim, self._kinds)
        with self._threads:
            self._write_alone()
            self._is_committed = False
            self._memory.put(rows)

    def delete(self, ids: Int64) -> None:
        """See ``VectorStore``."""
        ids = arguments.require_ids(ids)
        with self._threads:
            self._write_alone()
            if self._memory.take_out(ids):
                self._is_committed = False

    def search(self, queries: Float32, k: int, filter: Filter | None = None) -> tuple[Int64, Float64]:
        """See ``VectorStore``."""
        queries, k = arguments.require_unit(queries, self.dim), arguments.require_asked(k, "k")
        found_ids, found_scores = padded(len(queries), k)
        with self._threads:
            for row, (ids, scores) in enumerate(self._memory.nearest(queries, k, self._checked(filter))):
                found_ids[row, : len(ids)], found_scores[row, : len(ids)] = ids[:k], scores[:k]
        return found_ids, found_scores

    def range_search(
        self, queries: Float32, min_score: float, filter: Filter | None = None, limit: int = 1000
    ) -> list[Within]:
        """See ``VectorStore``."""
        queries, limit = arguments.require_unit(queries, self.dim), arguments.require_asked(limit, "limit")
        min_score = arguments.require_threshold(min_score)
        with self._threads:
            above = self._memory.above(queries, min_score, self._checked(filter))
        return [Within(ids[:limit], scores[:limit], len(ids) > limit) for ids, scores in above]

    def iterate(self, batch: int = 4096) -> Iterator[tuple[Int64, Float32]]:
        """See ``VectorStore``. What is written meanwhile may be missed."""
        batch = arguments.require_asked(batch, "batch")
        with self._threads:
            ids = self._memory.flat.ids
        for start in range(0, len(ids), batch):
            with self._threads:
                some = self._memory.vectors_of(ids[start : start + batch])
            yield some

    def count(self, filter: Filter | None = None) -> int:
        """See ``VectorStore``."""
        passes = self._checked(filter)
        with self._threads:
            return self._memory.size if passes is None else int(self._memory.passing(passes).sum())

    def commit(self, watermark: int) -> None:
        """See ``VectorStore``.

        Raises:
            NoSpace, PermissionRefused: the commit before is untouched, and what was written since can be committed.
        """
        watermark = arguments.require_watermark(watermark)
        with self._threads:
            self._write_alone()
            unchanged = self._commit if self._is_committed else None
            self._commit = self._commits.write(watermark, self._kinds, unchanged or self._memory)
            self._is_committed = True
            self._commits.collect(self._commit)

    def committed(self) -> int | None:
        """See ``VectorStore``: of the commit that this handle opened or made."""
        return None if self._commit is None else self._commit.watermark

    def refill(self, batches: Iterable[tuple[Int64, Float32, Columns]], watermark: int) -> None:
        """See ``VectorStore``."""
        watermark = arguments.require_watermark(watermark)
        memory: Memory = empty_memory(self.dim, self._kinds)
        for ids, vectors, attributes in batches:
            memory.put(arguments.require_rows(ids, vectors, attributes, self.dim, self._kinds))
        with self._threads:
            self._write_alone()
            self._memory, self._is_committed = memory, False
            self.commit(watermark)

    def close(self) -> None:
        """See ``VectorStore``."""
        with self._threads:
            self._writer.close()
            self._is_writer = False

    def _checked(self, filter_: Filter | None) -> Filter | None:
        return None if filter_ is None else checked(filter_, self._kinds)
