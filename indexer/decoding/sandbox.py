"""A pool of processes that decode pictures: what a hostile file does, it does to one of them and to itself only.

Workers are started as programs of their own, not by `multiprocessing`: scripts need no `__main__` guard, notebooks
work, and nothing is pickled. A worker that dies costs the one picture that it was at; another takes its place.
"""

import json
import os
import selectors
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from indexer.arrivals import Arrivals
from indexer.decoding.frames import frame
from indexer.decoding.limits import Limits
from indexer.decoding.picture import Picture, Reason
from indexer.decoding.sandbox_process import Bytes, WorkerProcess
from indexer.errors import IndexerError
from retrieval.view import Fit, View

Wants = Literal["hash", "pixels"]

_QUEUED = 2  # one at work, one waiting: no worker idles until its next job is sent
_LOOK_S = 0.01  # between looks at what has come over a network
_PATIENCE_S = 0.5  # between looks at whether outcomes are wanted any more


class SandboxUnavailable(IndexerError):
    """Workers do not start: nothing was read, and no picture is to blame."""


@dataclass(frozen=True)
class Job:
    """A file, an object by its URL, or bytes to read. ``key`` is the caller's, and comes back in the outcome.

    ``mtime_ns`` is when ``data`` was changed where they came from, as far as that is known.
    """

    key: int
    path: Path | str | None = None
    data: bytes | None = None
    wants: Wants = "pixels"
    mtime_ns: int = 0

    def __post_init__(self) -> None:
        if (self.path is None) == (self.data is None):
            raise ValueError("a job has either a path or data")


@dataclass(frozen=True)
class Rejection:
    """Why there is no picture, as a code and as a sentence."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    ``sha256`` is of the whole content, 32 bytes, and None if that could not be read; ``size_bytes`` and ``mtime_ns``
    are what ``fstat``, or an object store, said when it was, and 0 otherwise; ``picture`` is there if pixels were wanted
    and to be had.
    """

    key: int
    sha256: bytes | None = None
    size_bytes: int = 0
    mtime_ns: int = 0
    picture: Picture | None = None
    failure: Rejection | None = None


class Sandbox:
    """Decode processes, and the jobs that they are at. One ``run`` at a time; each says what pictures become."""

    def __init__(self, *, limits: Limits, workers: int) -> None:
        self._limits = limits
        self._count = max(1, workers)
        self._workers: list[WorkerProcess] = []
        self._returned: deque[Job] = deque()  # had been sent to a worker that died before it came to them
        self._coming: Arrivals | None = None  # the jobs of the last run
        self._is_hurried = False
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the workers without waiting for them: they boot while the caller does something else.

        Raises:
            SandboxUnavailable: the system does not start processes.
        """
        while len(self._workers) < self._count:
            try:
                worker = WorkerProcess(json.dumps(asdict(self._limits)))
            except OSError as error:
                raise SandboxUnavailable(
                    f"no decode worker can be started: {error}", "close other programs, or ask for fewer jobs"
                ) from error
            self._workers.append(worker)
            self._selector.register(worker.outcomes, selectors.EVENT_READ, worker)

    def close(self) -> None:
        """Kill the workers; they hold nothing."""
        for worker in self._workers:
            self._end(worker)
        self._workers.clear()
        self._selector.close()

    def hurry(self) -> None:
        """Have runs in another thread end soon, this one and those to come: nobody wants their outcomes any more."""
        self._is_hurried = True
        if self._coming is not None:
            self._coming.close()

    def run(
        self, jobs: Iterable[Job], *, size: int, fit: Fit, view: View = View.COLOUR, window: int
    ) -> Iterator[Outcome]:
        """Do the jobs and yield their outcomes as they come, in no fixed order; pictures are (size, size, 3).

        At most ``window`` jobs are taken from ``jobs`` and not yet yielded: memory is bounded when the caller is slow.
        Objects are read by this process, as many ahead as `Arrivals` has on their way: workers see no network.

        Raises:
            SandboxUnavailable: workers do not start.
            EngineUnavailable, PermissionRefused, UsageRefused: an object store cannot be read.
            CancelledError: after `hurry`.
        """
        self.start()
        self._coming = coming = Arrivals(jobs, self._limits)
        shape = {"size": size, "fit": fit, "view": view}
        done: deque[Outcome] = deque()
        try:
            while True:
                if self._is_hurried:  # since before `hurry` could see these jobs, or while they are decoded
                    raise CancelledError
                self._assign(coming, shape, done, max(1, min(window, _QUEUED * self._count)))
                if done:
                    yield done.popleft()
                elif any(worker.queue for worker in self._workers):
                    done.extend(self._collect(_LOOK_S if coming.is_waiting else _PATIENCE_S))
                else:
                    return
        finally:
            coming.close()
            self._abandon()

    def _assign(self, coming: Arrivals, shape: Mapping[str, object], done: deque[Outcome], most: int) -> None:
        """Give jobs to the workers that have room, until ``most`` are on their way; wait for one only if none is."""
        while (busy := sum(len(worker.queue) for worker in self._workers) + len(done)) < most:
            come = (self._returned.popleft(), None) if self._returned else coming.next(wait=not busy)
            if come is None:
                return
            job, failure = come
            if failure is not None:
                done.append(Outcome(job.key, failure=Rejection(failure.reason, str(failure))))
                continue
            worker = min(self._workers, key=lambda worker: len(worker.queue))
            worker.queue.append(job)
            worker.send(*_message(job, shape))
            self._watch_writing(worker)

    def _collect(self, most_s: float) -> list[Outcome]:
        """Wait until something comes or goes, ``most_s`` at most, and return the outcomes that are complete."""
        outcomes = []
        for key, _ in self._selector.select(most_s):
            worker: WorkerProcess = key.data
            if worker not in self._workers:
                continue  # replaced a moment ago; its descriptors may be another's by now
            if key.fd == worker.jobs:
                worker.send()
                self._watch_writing(worker)
                continue
            try:
                for header, pixels in worker.received():
                    outcomes.append(self._outcome(worker.queue.popleft(), header, pixels))
            except EOFError:
                outcomes += self._replace(worker)
        return outcomes

    def _watch_writing(self, worker: WorkerProcess) -> None:
        """Wait for room in a worker's pipe only while there is something left to put there."""
        watched = worker.jobs in self._selector.get_map()
        if worker.unsent and not watched:
            self._selector.register(worker.jobs, selectors.EVENT_WRITE, worker)
        elif watched and not worker.unsent:
            self._selector.unregister(worker.jobs)

    def _outcome(self, job: Job, header: dict[str, Any], pixels: Bytes) -> Outcome:
        read = {
            "size_bytes": header.get("size_bytes", 0),
            "mtime_ns": header.get("mtime_ns", 0) or job.mtime_ns,
        }
        sha256 = bytes.fromhex(header["sha256"]) if "sha256" in header else None
        if "reason" in header:
            failure = Rejection(Reason(header["reason"]), header["message"])
            return Outcome(job.key, sha256, **read, failure=failure)
        picture = None
        if pixels.size:
            square = pixels.reshape(header["size"], header["size"], 3)
            picture = Picture(square, header["width"], header["height"], header["format"])
        return Outcome(job.key, sha256, **read, picture=picture)

    def _replace(self, worker: WorkerProcess) -> list[Outcome]:
        """Bury a worker that died, blame the job that it was at, and start another one."""
        self._workers.remove(worker)
        code, last_words = self._end(worker, grace_s=1)
        if not worker.is_ready:
            raise SandboxUnavailable(
                f"a decode worker ended with code {code} before it was ready: {last_words}",
                "check the installation with `python -m indexer --version`",
            )
        outcomes = []
        if worker.queue:
            outcomes.append(Outcome(worker.queue.popleft().key, failure=_cause(code, self._limits)))
        self._returned.extend(worker.queue)
        self.start()
        return outcomes

    def _abandon(self) -> None:
        """End the workers that are at jobs whose outcomes nobody waits for any more."""
        self._returned.clear()
        for worker in [worker for worker in self._workers if worker.queue]:
            self._workers.remove(worker)
            self._end(worker)

    def _end(self, worker: WorkerProcess, grace_s: float = 0) -> tuple[int, str]:
        for descriptor in (worker.jobs, worker.outcomes):
            with suppress(KeyError):
                self._selector.unregister(descriptor)
        return worker.end(grace_s)


def _message(job: Job, shape: Mapping[str, object]) -> tuple[bytes, bytes]:
    """Return what a worker is sent: a header, and a path or the content."""
    if job.data is not None:
        holds, body = "data", job.data
    else:
        holds, body = "path", os.fsencode(os.path.abspath(job.path or ""))
    return frame({"wants": job.wants, "holds": holds, **shape}, len(body)), body


def _cause(code: int, limits: Limits) -> Rejection:
    """Tell from its exit code why a worker died."""
    if code in {-signal.SIGPROF, -signal.SIGALRM}:
        message = f"not decoded after {limits.decode_seconds:g} s: raise decode_seconds, or save it smaller"
        return Rejection(Reason.TOO_SLOW, message)
    by = signal.Signals(-code).name if code < 0 else f"code {code}"
    return Rejection(
        Reason.DECODER_CRASHED,
        f"the decoding process died ({by}): treat the file with care, or save it again",
    )
