"""One decode process as its sandbox sees it: started, sent jobs, read from, and ended, without ever waiting for it."""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from indexer.decoding.frames import LENGTHS

if TYPE_CHECKING:
    from indexer.decoding.sandbox import Job

Bytes = npt.NDArray[np.uint8]

_LARGEST_PICTURE_BYTES = 3 * 2048**2  # of the largest input that an encoder may have
_PIPE_BYTES = 1 << 19  # takes some pictures of 224 px: a worker need not wait until one is fetched


class WorkerProcess:
    """A process, its pipes, and the jobs that it was sent: the first of ``queue`` is the one that it is at."""

    def __init__(self, limits: str) -> None:
        self.queue: deque[Job] = deque()
        self.unsent: deque[memoryview] = deque()
        self.is_ready = False
        try:
            self.process = _start(limits, _PIPE_BYTES)
        except PermissionError:  # the user's pipes are at their limit; small ones are always to be had
            self.process = _start(limits, -1)
        self._pipes = [
            pipe for pipe in (self.process.stdin, self.process.stdout, self.process.stderr) if pipe
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
            self.process.wait(grace_s)
        self.process.kill()
        code = self.process.wait()
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
        "PYTHONPATH": import_path(),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        # A small picture's memory is used again for the next one, not returned and fetched anew.
        "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(8 << 20),
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "indexer.decoding.sandbox_worker", limits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pipesize=pipe_bytes,
        cwd="/",
        env=_without_credentials() | environment,
    )


def _without_credentials() -> dict[str, str]:
    """Return the environment but for what opens an object store: a worker reads what anyone may have put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


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


def import_path() -> str:
    """Return this process's import path without the current directory, where a catalogue may hold a PIL.py.

    The directory that holds this very package is on it: a worker is of the version that started it.
    """
    ours, here = str(Path(__file__).resolve().parents[2]), ""
    with suppress(FileNotFoundError):  # removed meanwhile
        here = os.getcwd()
    trusted = [entry for entry in sys.path if os.path.isabs(entry) and entry != here]
    return os.pathsep.join(trusted if ours in trusted else [ours, *trusted])
