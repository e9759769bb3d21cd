"""Read a file that anyone may have put there: never block, never follow a link, never mix two versions."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from indexer.decoding.picture import DecodeFailure, Reason
from indexer.decoding.source import require_file_size

if TYPE_CHECKING:
    from indexer.decoding.limits import Limits

T = TypeVar("T")

# Larger files are read twice, for their hash and for their pixels, and not held in memory.
_HELD_BYTES = 32 << 20
_REASONS = {
    errno.ENOENT: Reason.VANISHED,
    errno.ENOTDIR: Reason.VANISHED,
    errno.EACCES: Reason.PERMISSION_DENIED,
    errno.EPERM: Reason.PERMISSION_DENIED,
    errno.ELOOP: Reason.NOT_A_FILE,  # a link
    errno.ENXIO: Reason.NOT_A_FILE,  # a socket
}
_HINTS = {
    Reason.VANISHED: "it was there when the folder was listed",
    Reason.PERMISSION_DENIED: "check who owns it and its mode",
    Reason.NOT_A_FILE: "a link, socket or device is not read",
    Reason.UNREADABLE: "check the disk or the share that it is on",
}


@dataclass(frozen=True)
class Content:
    """A file as read: bytes in memory or an open file, their SHA-256, and what ``fstat`` said of it."""

    data: bytes | BinaryIO
    sha256: bytes
    size_bytes: int
    mtime_ns: int


@contextmanager
def opened(path: bytes, limits: "Limits") -> Iterator[tuple[BufferedReader, os.stat_result]]:
    """Open a regular file for reading.

    Raises:
        DecodeFailure: it is not one, it cannot be read, or it has more bytes than the limit.
    """
    if b"\0" in path:
        raise DecodeFailure(Reason.UNREADABLE, "no path holds a zero byte")
    try:
        # A pipe would block until someone writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise DecodeFailure(Reason.NOT_A_FILE, "a folder, pipe or device is not read")
            require_file_size(status.st_size, limits)
            yield os.fdopen(descriptor, "rb", closefd=False), status
        finally:
            os.close(descriptor)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, Reason.UNREADABLE)
        raise DecodeFailure(reason, f"{error.strerror}: {_HINTS[reason]}") from error


def read(file: BufferedReader, status: os.stat_result) -> Content:
    """Read and hash an open file from its start."""
    if status.st_size > _HELD_BYTES:
        digest = hashlib.file_digest(file, "sha256").digest()
        return Content(file, digest, status.st_size, status.st_mtime_ns)
    data = file.read(status.st_size + 1)  # the file may be growing
    return Content(data, hashlib.sha256(data).digest(), status.st_size, status.st_mtime_ns)


def examined(path: bytes, limits: "Limits", examine: Callable[[Content], T]) -> T:
    """Read a file and return what ``examine`` makes of it, of one and the same version.

    Raises:
        DecodeFailure: what `opened` and ``examine`` raise, or the file was changed twice meanwhile.
    """
    for _attempt in range(2):
        with opened(path, limits) as (file, before):
            found = examine(read(file, before))
            if unchanged(file, before):
                return found
    raise DecodeFailure(Reason.CHANGED_WHILE_READ, "it changed twice while it was read: wait for its writer")


def unchanged(file: BufferedReader, before: os.stat_result) -> bool:
    """Tell whether an open file is still what it was by size and time of change."""
    after = os.fstat(file.fileno())
    return (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
