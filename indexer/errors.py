"""Errors that a user can act on. Each class owns its exit code; the message says what, where and what to do.

IndexerError
├── UsageRefused          2   an argument, a manifest or a settings file that cannot be meant
├── IndexNotFound        10   no index here, or nothing committed in it yet
├── StoreLocked          11   another process is writing
├── StoreDamaged         12   what is stored contradicts itself; nothing was answered from it
│   └── DiskFailed       12   the system could not read or write it
├── NewerFormat          13   made by a newer version of this program
├── NoSpace              14   the disk is full
│   └── NoMemory         14   the memory is full
├── PermissionRefused    15   the system refused to read or write
├── WrongEncoder         16   the index was made with another encoder than the one at hand
└── EngineUnavailable    17   a server or a cluster that was named does not answer
    ├── VectorsMissing   17   a vector engine does not hold what it should
    └── ExecutorFailed   17   (in `executors`) workers cannot be reached, or die of a task
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

DONE, BUG, USAGE, REJECTED, FOUND, INTERRUPTED = 0, 1, 2, 3, 4, 130


class IndexerError(Exception):
    """Base of every error that this program raises on purpose; ``hint`` is the one thing to do next."""

    exit_code = BUG

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageRefused(IndexerError):
    """An argument, a manifest or a settings file that cannot be meant."""

    exit_code = USAGE


class IndexNotFound(IndexerError):
    """There is no index here, or nothing was committed in it yet."""

    exit_code = 10


class StoreLocked(IndexerError):
    """Another process is writing to this index."""

    exit_code = 11


class StoreDamaged(IndexerError):
    """What is stored contradicts itself; nothing was answered from it."""

    exit_code = 12


class NewerFormat(IndexerError):
    """The index was made by a newer version of this program."""

    exit_code = 13


class NoSpace(IndexerError):
    """The disk, or the quota on it, is full."""

    exit_code = 14


class NoMemory(NoSpace):
    """The memory, or what this process may have of it, is full."""


class PermissionRefused(IndexerError):
    """The system refused to read or write something that this command needs."""

    exit_code = 15


class WrongEncoder(IndexerError):
    """The index was made with another encoder than the one at hand."""

    exit_code = 16


class EngineUnavailable(IndexerError):
    """A server or a cluster that was named does not answer, or did not do what it was asked."""

    exit_code = 17


class VectorsMissing(EngineUnavailable):
    """A vector engine does not hold what it should: another engine answers there, or it lost its data."""


class DiskFailed(StoreDamaged):
    """The system could not read or write: a failing disk, a share that is gone."""


_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What the system's loader and the libraries say in place of a MemoryError.
_NO_MEMORY = (
    "failed to map segment",
    "cannot allocate memory",
    "cannot enable executable stack",
    "failed to allocate memory",
    "bad allocation",
    "bad_alloc",
    "can't start new thread",
)
# A disk that fails, a device or a share that is gone. Local disks interrupt no call of ours; network shares do.
_FAILED = {errno.EIO, errno.EINTR, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT, errno.EREMOTEIO}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def from_os_error(error: OSError, doing: str) -> IndexerError | None:
    """Name an operating-system error that a user can act on, or return None for any other."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _NO_SPACE:
        return NoSpace(
            f"no space left while {doing}{where}", "free some space and run the same command again"
        )
    if error.errno in _REFUSED:
        return PermissionRefused(f"permission refused while {doing}{where}", "check who owns it and its mode")
    if error.errno in _FAILED:
        return DiskFailed(
            f"{error.strerror} while {doing}{where}", "check the disk, then run the same command again"
        )
    return None


def from_memory_error(error: BaseException, doing: str) -> NoMemory | None:
    """Name what was raised because the memory is full, or return None for anything else."""
    words = str(error).lower()
    is_one = isinstance(error, MemoryError) or (
        isinstance(error, (ImportError, RuntimeError, OSError)) and any(said in words for said in _NO_MEMORY)
    )
    if not is_one:
        return None
    return NoMemory(
        f"not enough memory while {doing}", "end other programs, or allow this one more, and run it again"
    )


@contextmanager
def os_errors(doing: str) -> Iterator[None]:
    """Turn full disks and refused permissions inside the block into errors with their exit codes."""
    try:
        yield
    except OSError as error:
        named = from_os_error(error, doing)
        if named is None:
            raise
        raise named from error
