"""A pool of processes that decode pictures: what a hostile file does, it does to one of them and to itself only.

Workers are started as programs of their own, not by `multiprocessing`: scripts need no `__main__` guard, notebooks
work, and nothing is pickled. A worker that dies costs the one picture that it was at; another takes its place.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from indexer.errors import IndexerError
from indexer.frames import LENGTHS, frame
from indexer.picture import DecodeFailure, Picture, Reason
from indexer.settings import Limits
from indexer.source import require_file_size
from retrieval.preprocess import Fit

Wants = Literal["hash", "pixels"]
Bytes = npt.NDArray[np.uint8]

_QUEUED = 2  # one at work, one waiting: no worker idles until its next job is sent
_LARGEST_PICTURE_BYTES = 3 * 2048**2  # of the largest input that an encoder may have
_PIPE_BYTES = 1 << 19  # takes some pictures of 224 px: a worker need not wait until one is fetched


class SandboxUnavailable(IndexerError):
    """Workers do not start: nothing was read, and no picture is to blame."""


@dataclass(frozen=True)
class Job:
    """A file or bytes to read. ``key`` is the caller's, and comes back in the outcome."""

    key: int
    path: Path | str | None = None
    data: bytes | None = None
    wants: Wants = "pixels"

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
    are what ``fstat`` said when it was, and 0 otherwise; ``picture`` is there if pixels were wanted and to be had.
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
        self._workers: list[_Worker] = []
        self._returned: deque[Job] = deque()  # had been sent to a worker that died before it came to them
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
                worker = _Worker(json.dumps(asdict(self._limits)))
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

    def run(self, jobs: Iterable[Job], *, size: int, fit: Fit, window: int) -> Iterator[Outcome]:
        """Do the jobs and yield their outcomes as they come, in no fixed order; pictures are (size, size, 3).

        At most ``window`` jobs are taken from ``jobs`` and not yet yielded: memory is bounded when the caller is slow.

        Raises:
            SandboxUnavailable: workers do not start.
        """
        self.start()
        coming = iter(jobs)
        shape = {"size": size, "fit": fit}
        done: deque[Outcome] = deque()
        try:
            while True:
                self._assign(coming, shape, done, max(1, min(window, _QUEUED * self._count)))
                if done:
                    yield done.popleft()
                elif any(worker.queue for worker in self._workers):
                    done.extend(self._collect())
                else:
                    return
        finally:
            self._abandon()

    def _assign(
        self, coming: Iterator[Job], shape: Mapping[str, object], done: deque[Outcome], most: int
    ) -> None:
        """Give jobs to the workers that have room, until ``most`` are on their way."""
        while sum(len(worker.queue) for worker in self._workers) + len(done) < most:
            worker = min(self._workers, key=lambda worker: len(worker.queue))
            job = self._returned.popleft() if self._returned else next(coming, None)
            if job is None:
                return
            try:
                require_file_size(len(job.data or b""), self._limits)
            except DecodeFailure as failure:
                done.append(Outcome(job.key, failure=Rejection(failure.reason, str(failure))))
                continue
            worker.queue.append(job)
            worker.send(*_message(job, shape))
            self._watch_writing(worker)

    def _collect(self) -> list[Outcome]:
        """Wait until something comes or goes, and return the outcomes that are complete."""
        outcomes = []
        for key, _ in self._selector.select():
            worker: _Worker = key.data
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

    def _watch_writing(self, worker: "_Worker") -> None:
        """Wait for room in a worker's pipe only while there is something left to put there."""
        watched = worker.jobs in self._selector.get_map()
        if worker.unsent and not watched:
            self._selector.register(worker.jobs, selectors.EVENT_WRITE, worker)
        elif watched and not worker.unsent:
            self._selector.unregister(worker.jobs)

    def _outcome(self, job: Job, header: dict[str, Any], pixels: Bytes) -> Outcome:
        read = {"size_bytes": header.get("size_bytes", 0), "mtime_ns": header.get("mtime_ns", 0)}
        sha256 = bytes.fromhex(header["sha256"]) if "sha256" in header else None
        if "reason" in header:
            failure = Rejection(Reason(header["reason"]), header["message"])
            return Outcome(job.key, sha256, **read, failure=failure)
        picture = None
        if pixels.size:
            square = pixels.reshape(header["size"], header["size"], 3)
            picture = Picture(square, header["width"], header["height"], header["format"])
        return Outcome(job.key, sha256, **read, picture=picture)

    def _replace(self, worker: "_Worker") -> list[Outcome]:
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

    def _end(self, worker: "_Worker", grace_s: float = 0) -> tuple[int, str]:
        for descriptor in (worker.jobs, worker.outcomes):
            with suppress(KeyError):
                self._selector.unregister(descriptor)
        return worker.end(grace_s)


class _Worker:
    """A process, its pipes, and the jobs that it was sent: the first of ``queue`` is the one that it is at."""

    def __init__(self, limits: str) -> None:
        self.queue: deque[Job] = deque()
        self.unsent: deque[memoryview] = deque()
        self.is_ready = False
        try:
            self._process = _start(limits, _PIPE_BYTES)
        except PermissionError:  # the user's pipes are at their limit; small ones are always to be had
            self._process = _start(limits, -1)
        self._pipes = [
            pipe for pipe in (self._process.stdin, self._process.stdout, self._process.stderr) if pipe
        ]
        self.jobs, self.outcomes, self._words = (pipe.fileno() for pipe in self._pipes)
        for descriptor in (self.jobs, self.outcomes, self._words):
            os.set_blocking(descriptor, False)
        self._frames = _frames(self.outcomes)

    def send(self, *parts: bytes) -> None:
        """Write what the pipe takes of what is unsent; the rest waits."""
        self.unsent.extend(memoryview(part) for part in parts if part)
        with suppress(BlockingIOError, BrokenPipeError):  # a worker that died is met when its outcomes end
            while self.unsent:
                written = os.write(self.jobs, self.unsent[0])
                if written < len(self.unsent[0]):
                    self.unsent[0] = self.unsent[0][written:]
                else:
                    self.unsent.popleft()

    def received(self) -> Iterator[tuple[dict[str, Any], Bytes]]:
        """Yield the outcomes that can be read now.

        Raises:
            EOFError: the worker is dead, or talks nonsense.
        """
        for received in self._frames:
            if received is None:
                return
            if self.is_ready:
                yield received
            self.is_ready = True  # the first frame says hello

    def end(self, grace_s: float) -> tuple[int, str]:
        """End the process; return its exit code, and the last line that it wrote before it was ready."""
        with suppress(subprocess.TimeoutExpired):  # one that is dying tells its own cause
            self._process.wait(grace_s)
        self._process.kill()
        code = self._process.wait()
        try:
            words = os.read(self._words, _PIPE_BYTES).decode(errors="replace").strip()
        except BlockingIOError:
            words = ""
        for pipe in self._pipes:
            with suppress(BrokenPipeError):
                pipe.close()
        return code, words.rpartition("\n")[2]


def _start(limits: str, pipe_bytes: int) -> subprocess.Popen[bytes]:
    environment = {
        "PYTHONPATH": _import_path(),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        # A small picture's memory is used again for the next one, not returned and fetched anew.
        "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(8 << 20),
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "indexer.sandbox_worker", limits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pipesize=pipe_bytes,
        cwd="/",
        env=os.environ | environment,
    )


def _frames(descriptor: int) -> Generator[tuple[dict[str, Any], Bytes] | None]:
    """Yield frames as they complete, and None whenever there is no more to read yet."""
    while True:
        head = bytearray(LENGTHS.size)
        yield from _fill(descriptor, memoryview(head))
        header_bytes, body_bytes = LENGTHS.unpack(head)
        if header_bytes > _PIPE_BYTES or body_bytes > _LARGEST_PICTURE_BYTES:
            raise EOFError("not what a sound worker sends")
        text = bytearray(header_bytes)
        yield from _fill(descriptor, memoryview(text))
        body = np.empty(body_bytes, np.uint8)
        yield from _fill(descriptor, body.data)
        yield json.loads(text), body


def _fill(descriptor: int, empty: memoryview) -> Generator[None]:
    """Read until ``empty`` is full, yielding whenever there is no more to read yet."""
    while empty:
        try:
            count = os.readv(descriptor, [empty])
        except BlockingIOError:
            yield
            continue
        if not count:
            raise EOFError("the worker is dead")
        empty = empty[count:]


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


def _import_path() -> str:
    """Return this process's import path without the current directory, where a catalogue may hold a PIL.py.

    The directory that holds this very package is on it: a worker is of the version that started it.
    """
    ours, here = os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ""
    with suppress(FileNotFoundError):  # removed meanwhile
        here = os.getcwd()
    trusted = [entry for entry in sys.path if os.path.isabs(entry) and entry != here]
    return os.pathsep.join(trusted if ours in trusted else [ours, *trusted])
