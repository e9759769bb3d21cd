"""The only place that makes bytes durable: write-once files, moves and links, the writer's lock, failpoints.

Order of a write-once file: temporary file, write, flush, fsync, rename, fsync of the directory, read back.
A crash before the rename leaves ``*.tmp``, which the next writer removes; a crash after it leaves a complete
file that no committed row names, which the next writer removes too.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from indexer.errors import StoreDamaged, StoreLocked, UsageRefused, os_errors

TEMPORARY_SUFFIX = ".tmp"
# What a file system says that knows no hard links, or lets this user make none to that file.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_hits: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Fail here on purpose when the environment says ``INDEX_FAILPOINT=name:n:kill|eio|enospc`` (tests only).

    ``n`` counts passages from 1.
    """
    wanted, _, rest = os.environ.get("INDEX_FAILPOINT", "").partition(":")
    if wanted != name:
        return
    _hits[name] = _hits.get(name, 0) + 1
    nth, _, action = rest.partition(":")
    if _hits[name] != int(nth):
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    code = {"eio": errno.EIO, "enospc": errno.ENOSPC}[action]
    raise OSError(code, os.strerror(code), f"failpoint {name}")


def sync_directory(directory: Path) -> None:
    """Make renames and unlinks inside ``directory`` durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _HashingWriter:
    """Passes bytes on to a file and keeps their SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        failpoint("file.half_written")
        written = self._file.write(data)
        self.sha256.update(data)
        self.size_bytes += len(data)
        return written


def write_once(
    directory: Path, suffix: str, write: Callable[[Callable[[bytes], int]], None]
) -> tuple[str, int]:
    """Write a file named by its own SHA-256 and return (hex SHA-256, size in bytes).

    ``write`` is called with a function that takes the bytes, piece by piece. A sound file of that name that is
    already there is kept.

    Raises:
        NoSpace, PermissionRefused: the file could not be written; nothing is left behind.
        StoreDamaged: the bytes that came back from the disk are not those that were written.
    """
    temporary = directory / f"{os.getpid()}{TEMPORARY_SUFFIX}"
    with os_errors(f"writing {directory}"):
        try:
            with temporary.open("wb") as file:
                writer = _HashingWriter(file)
                write(writer.write)
                file.flush()
                failpoint("file.before_fsync")
                os.fsync(file.fileno())
            sha256 = writer.sha256.hexdigest()
            final = directory / f"{sha256}{suffix}"
            failpoint("file.before_rename")
            temporary.replace(final)
            failpoint("file.before_dirsync")
            sync_directory(directory)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        failpoint("file.before_readback")
        if sha256_of(final) != sha256:
            raise StoreDamaged(f"{final} came back from the disk different from what was written")
    return sha256, writer.size_bytes


def replace_file(path: Path, content: bytes) -> None:
    """Replace a small file so that a crash leaves either the old or the new one, whole.

    Raises:
        NoSpace, PermissionRefused: the old file is untouched.
        UsageRefused: there is no such folder.
    """
    if not path.parent.is_dir():
        raise UsageRefused(f"cannot write {path}: there is no folder {path.parent}", "make it first")
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    with os_errors(f"writing {path}"):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            failpoint("replace.before_rename")
            temporary.replace(path)
            sync_directory(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Put a complete file in another one's place, durably."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    failpoint("replace.before_rename")
    source.replace(target)
    sync_directory(target.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those that it lies in, durably."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


def move_away(source: Path, target: Path) -> None:
    """Move a file into a folder that is ours, durably: it has a name, the old or the new one, at every moment.

    Raises:
        OSError: it was not moved, or the folders could not be synced afterwards: look at the disk.
    """
    make_folder(target.parent)
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    failpoint("move.before_rename")
    source.rename(target)
    failpoint("move.before_dirsync")
    sync_directory(target.parent)
    sync_directory(source.parent)


def bring_back(source: Path, target: Path) -> None:
    """Move a file of ours to where it came from, durably, and never over what came to be there meanwhile.

    Raises:
        FileExistsError: something is there.
        OSError: it was not moved, or the folders could not be synced afterwards: look at the disk.
    """
    make_folder(target.parent)
    failpoint("back.before_link")
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        source.rename(target)
    else:
        sync_directory(target.parent)
        failpoint("back.before_unlink")
        source.unlink()
    sync_directory(target.parent)
    sync_directory(source.parent)


def replace_by_link(keep: Path, path: Path, temporary: Path, sha256: str) -> None:
    """Put a hard link of ``keep`` in a file's place, durably; ``temporary`` is a free name beside that file.

    Raises:
        StoreDamaged: ``keep`` does not have that content; nothing was replaced.
        OSError: it was not replaced, or the folder could not be synced afterwards: look at the disk.
    """
    try:
        failpoint("link.before_link")
        os.link(keep, temporary, follow_symlinks=False)
        failpoint("link.before_rename")
        if sha256_of(temporary) != sha256:  # of the very file that is put there
            raise StoreDamaged(f"{keep} is not what it was a moment ago")
        temporary.replace(path)
        failpoint("link.before_dirsync")
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def separate(path: Path, temporary: Path) -> None:
    """Give a hard link a copy of its own, durably; ``temporary`` is a free name beside it.

    Raises:
        OSError: it is as it was, or the folder could not be synced afterwards: look at the disk.
    """
    try:
        shutil.copy2(path, temporary, follow_symlinks=False)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        failpoint("separate.before_rename")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def sha256_of(path: Path) -> str:
    """SHA-256, in hex, of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unlink(path: Path) -> None:
    """Remove a file of ours; one that is gone already is as good."""
    failpoint("file.before_unlink")
    path.unlink(missing_ok=True)


@contextmanager
def writer_lock(path: Path) -> Iterator[None]:
    """Hold the store's one writer lock; the system frees it when the process ends, however it ends.

    Raises:
        StoreLocked: another process holds it.
        PermissionRefused: the lock file cannot be opened for writing.
    """
    with os_errors(f"locking {path.parent}"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise StoreLocked(
                f"{path.parent} is being written by another process (pid {holder})", "wait for it, or stop it"
            ) from error
        with os_errors(f"locking {path.parent}"):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        failpoint("lock.taken")
        yield
    finally:
        os.close(descriptor)
