import errno
import hashlib
import multiprocessing
import os
from pathlib import Path

import pytest

from indexer import durable
from indexer.errors import DiskFailed, NoSpace, PermissionRefused, StoreLocked, UsageRefused, from_os_error


def test_a_file_written_once_is_named_by_its_content_and_leaves_nothing_else(tmp_path: Path) -> None:
    sha256, size_bytes = durable.write_once(tmp_path, ".bin", lambda write: write(b"one") and write(b"two"))
    assert sha256 == hashlib.sha256(b"onetwo").hexdigest()
    assert size_bytes == 6
    assert [path.name for path in tmp_path.iterdir()] == [f"{sha256}.bin"]


@pytest.mark.parametrize(
    "point", ["file.half_written", "file.before_fsync", "file.before_rename", "file.before_dirsync"]
)
def test_a_full_disk_at_any_step_is_named_and_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setenv("INDEX_FAILPOINT", f"{point}:1:enospc")
    monkeypatch.setattr(durable, "_hits", {})
    with pytest.raises(NoSpace):
        durable.write_once(tmp_path, ".bin", lambda write: write(b"x"))
    assert not list(tmp_path.glob("*.tmp"))


def test_replacing_a_file_keeps_the_old_one_if_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "settings"
    durable.replace_file(target, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoSpace):
        durable.replace_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["settings"]


def hold_lock(path: str, ready: object, done: object) -> None:
    with durable.writer_lock(Path(path)):
        ready.set()  # type: ignore[attr-defined]
        done.wait()  # type: ignore[attr-defined]


def test_a_second_writer_is_refused_at_once_and_a_killed_one_frees_the_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    holder = context.Process(target=hold_lock, args=(str(tmp_path / "lock"), ready, done))
    holder.start()
    assert ready.wait(30)
    with pytest.raises(StoreLocked, match=str(holder.pid)), durable.writer_lock(tmp_path / "lock"):
        pass
    holder.kill()
    holder.join()
    with durable.writer_lock(tmp_path / "lock"):
        pass


def test_errors_of_the_system_are_named_by_what_they_mean() -> None:
    for code in (errno.ENOSPC, errno.EDQUOT):
        assert isinstance(from_os_error(OSError(code, "x"), "writing"), NoSpace)
    for code in (errno.EACCES, errno.EPERM, errno.EROFS):
        assert isinstance(from_os_error(OSError(code, "x"), "writing"), PermissionRefused)
    assert isinstance(from_os_error(OSError(errno.EIO, "x"), "writing"), DiskFailed)
    assert from_os_error(OSError(errno.ENOENT, "x"), "writing") is None


def test_writing_into_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageRefused, match="there is no folder") as refusal:
        durable.replace_file(tmp_path / "missing" / "page.html", b"x")
    assert "make it first" in refusal.value.hint
