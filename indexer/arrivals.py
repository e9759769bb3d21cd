"""Jobs as workers take them: objects are read here, a few at once, so that no wait is for one alone.

A sandbox's workers have no business with a network: what they get of an object is its bytes. Jobs on disk, and those
that have bytes already, pass through as they are.
"""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from indexer.decoding.limits import Limits
from indexer.decoding.picture import DecodeFailure
from indexer.decoding.source import require_file_size
from indexer.object_store import AT_ONCE, RemoteObject, object_store
from indexer.remote import is_remote

if TYPE_CHECKING:
    from indexer.decoding.sandbox import Job

# More than a photo has. What is larger is read when it is its turn, alone: so many at once would fill the memory.
_AHEAD_BYTES = 16 << 20

Arrived = tuple["Job", DecodeFailure | None]


class Arrivals:
    """The jobs, those on an object store in the order in which their bytes come."""

    def __init__(self, jobs: Iterable["Job"], limits: Limits) -> None:
        self._jobs, self._limits = iter(jobs), limits
        self._on_their_way: dict[Future[RemoteObject | None], Job] = {}
        self._come: SimpleQueue[Future[RemoteObject | None]] = SimpleQueue()
        self._is_closed = False

    @property
    def is_waiting(self) -> bool:
        """Whether there are objects that have not come yet."""
        return bool(self._on_their_way)

    def next(self, *, wait: bool) -> Arrived | None:
        """Return a job that has a path on disk or bytes, or one with what keeps its picture from being read.

        None if there are no more jobs, or, without ``wait``, if none has come yet.

        Raises:
            EngineUnavailable, PermissionRefused, UsageRefused: the object store cannot be read: no picture is to blame.
        """
        job = self._set_out()
        if job is not None:
            return self._measured(job)
        if not self._on_their_way:
            return None
        try:
            future = self._come.get(block=wait)
        except Empty:
            return None
        job = self._on_their_way.pop(future)
        try:
            found = future.result() or self._read_alone(job)
        except DecodeFailure as failure:
            return job, failure
        return replace(job, path=None, data=found.data, mtime_ns=found.mtime_ns), None

    def close(self) -> None:
        """Give up what is on its way, or will be; a thread that waits for it is let go with a CancelledError."""
        self._is_closed = True
        for future in list(self._on_their_way):
            future.cancel()

    def _set_out(self) -> "Job | None":
        """Have as many objects on their way as may be; return the first job that is none."""
        while len(self._on_their_way) < AT_ONCE:
            job = next(self._jobs, None)
            if job is None or not is_remote(job.path):
                return job
            self._begin(job, _AHEAD_BYTES).add_done_callback(self._come.put)
        return None

    def _read_alone(self, job: "Job") -> RemoteObject:
        future = self._begin(job, self._limits.max_file_bytes)
        try:
            found = future.result()
        finally:
            del self._on_their_way[future]
        assert found is not None  # what is larger was refused
        return found

    def _begin(self, job: "Job", most_bytes: int) -> Future[RemoteObject | None]:
        future = object_store().begin(str(job.path), self._limits, most_bytes)
        self._on_their_way[future] = job
        if self._is_closed:  # by another thread, which did not see this one
            future.cancel()
        return future

    def _measured(self, job: "Job") -> Arrived:
        try:
            require_file_size(len(job.data or b""), self._limits)
        except DecodeFailure as failure:
            return job, failure
        return job, None
