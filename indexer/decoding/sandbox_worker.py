"""A decode worker: jobs in on stdin, outcomes out on stdout, one at a time, until stdin ends.

Started by `indexer.decoding.sandbox` and of no use by hand. It may be killed at any moment: it holds nothing but the one
picture that it is at. The environment's INDEX_TEST_CRASH_ON, a part of a path, makes it crash there; tests set it.
"""

import hashlib
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from indexer.decoding.frames import LENGTHS, frame
from indexer.decoding.limits import Limits
from indexer.decoding.picture import DecodeFailure, Reason
from indexer.decoding.reading import Content, examined
from indexer.decoding.square import decode_square
from retrieval.view import Fit, View

_LIBRARY_BYTES = 144 << 20  # what is imported on demand: numpy, HEIC, colour profiles, sounds
_OPEN_FILES = 32
# A slow disk or a busy machine is not the picture's fault, so the limit counts processor time; but no wait is endless.
_WAITING_SHARE = 4


@dataclass(frozen=True)
class _Task:
    """One job's header, and the limits that hold for all of them."""

    wants: str
    size: int
    fit: Fit
    limits: Limits
    view: View = View.COLOUR


def main() -> None:
    """Serve until stdin ends."""
    # Ctrl-C reaches the whole group; what it means is for the sandbox to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits = Limits(**json.loads(sys.argv[1]))
    jobs = sys.stdin.buffer
    with os.fdopen(os.dup(1), "wb") as outcomes, suppress(BrokenPipeError):  # nobody to work for
        _confine(limits)
        _send(outcomes, {"hello": os.getpid()})
        while head := jobs.read(LENGTHS.size):
            header_bytes, body_bytes = LENGTHS.unpack(head)
            job, body = json.loads(jobs.read(header_bytes)), jobs.read(body_bytes)
            task = _Task(job["wants"], job["size"], Fit(job["fit"]), limits, View(job["view"]))
            with _deadline(limits.decode_seconds):
                header, pixels = _outcome(job["holds"], body, task)
            _send(outcomes, header, pixels)


def _confine(limits: Limits) -> None:
    """Give up what decoding has no need of. What libraries print on file descriptors goes nowhere from here on."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.dont_write_bytecode = True
    bounds = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: _OPEN_FILES}
    with suppress(OSError):  # /proc is Linux's, and so is a limit on address space that holds
        mapped_bytes = int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
        bounds[resource.RLIMIT_AS] = mapped_bytes + _LIBRARY_BYTES + limits.decode_memory_bytes
    for bound, value in bounds.items():
        with suppress(OSError, ValueError):  # the system refuses, or has set a lower one
            resource.setrlimit(bound, (value, value))


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Die, wherever the work hangs, when it has taken too long; even if nobody is left to notice."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, _WAITING_SHARE * seconds)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)


def _outcome(holds: str, body: bytes, task: _Task) -> tuple[dict[str, Any], bytes]:
    """Do one job; its body is a path, or the content itself."""
    try:
        if holds == "path":
            return _examined_file(body, task)
        return _examined(Content(body, hashlib.sha256(body).digest(), len(body), 0), task)
    except DecodeFailure as failure:
        return _refusal(failure), b""
    except MemoryError:
        return _refusal(DecodeFailure(Reason.TOO_MUCH_MEMORY, "memory ran out while reading it")), b""


def _examined_file(path: bytes, task: _Task) -> tuple[dict[str, Any], bytes]:
    crash_on = os.fsencode(os.environ.get("INDEX_TEST_CRASH_ON", ""))
    if crash_on and crash_on in path:
        os.kill(os.getpid(), signal.SIGSEGV)
    return examined(path, task.limits, lambda content: _examined(content, task))


def _examined(content: Content, task: _Task) -> tuple[dict[str, Any], bytes]:
    header: dict[str, Any] = {
        "sha256": content.sha256.hex(),
        "size_bytes": content.size_bytes,
        "mtime_ns": content.mtime_ns,
    }
    if task.wants == "hash":
        return header, b""
    try:
        square = decode_square(content.data, size=task.size, fit=task.fit, limits=task.limits, view=task.view)
    except DecodeFailure as failure:
        return header | _refusal(failure), b""
    return (
        header | {"size": task.size, "width": square.width, "height": square.height, "format": square.format},
        square.image.tobytes(),
    )


def _refusal(failure: DecodeFailure) -> dict[str, Any]:
    return {"reason": failure.reason, "message": str(failure)}


def _send(outcomes: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
    outcomes.write(frame(header, len(body)))
    outcomes.write(body)
    outcomes.flush()


if __name__ == "__main__":
    main()
