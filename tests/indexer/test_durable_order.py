"""In which order bytes, names and folders reach the disk: a name never before its bytes, a folder after its names."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer import durable
from indexer.errors import DiskFailed, PermissionRefused, StoreDamaged

Steps = list[str]


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    """What reached the disk or was named, as it happens; paths from the test's folder on."""
    said: Steps = []

    def named(path: object) -> str:
        return os.path.relpath(os.fspath(path), tmp_path)  # type: ignore[call-overload,no-any-return]

    def noting(function: Callable[..., object], what: str) -> Callable[..., object]:
        def noted(*arguments: object, **options: object) -> object:
            result = function(*arguments, **options)
            said.append(" ".join([what, *map(named, arguments[:2])]))
            return result

        return noted

    sync, unlink, mkdir = os.fsync, os.unlink, os.mkdir

    def synced(descriptor: int) -> None:
        sync(descriptor)
        said.append(f"sync {named(os.readlink(f'/proc/self/fd/{descriptor}'))}")

    def unlinked(path: Path) -> None:
        unlink(path)
        said.append(f"unlink {named(path)}")

    def made(path: Path, mode: int = 0o777) -> None:
        mkdir(path, mode)
        said.append(f"make {named(path)}")

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "unlink", unlinked)
    monkeypatch.setattr(os, "mkdir", made)
    for name, what in (("rename", "rename"), ("replace", "rename"), ("link", "link")):
        monkeypatch.setattr(os, name, noting(getattr(os, name), what))
    return said


def written(path: Path, content: bytes = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_that_is_written_once_has_its_bytes_before_its_name(tmp_path: Path, steps: Steps) -> None:
    sha256, _ = durable.write_once(tmp_path, ".bin", lambda write: write(b"content"))
    temporary = f"{os.getpid()}.tmp"
    assert steps == [f"sync {temporary}", f"rename {temporary} {sha256}.bin", "sync ."]


def test_a_file_that_came_back_from_the_disk_otherwise_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "sha256_of", lambda path: "other")
    with pytest.raises(StoreDamaged, match="came back from the disk different"):
        durable.write_once(tmp_path, ".bin", lambda write: write(b"content"))


def test_a_replaced_file_has_its_bytes_before_its_name(tmp_path: Path, steps: Steps) -> None:
    durable.replace_file(tmp_path / "settings", b"new")
    temporary = f"settings.{os.getpid()}.tmp"
    assert steps == [f"sync {temporary}", f"rename {temporary} settings", "sync ."]


@pytest.mark.parametrize("way", ["once", "replaced"])
def test_all_bytes_of_a_file_are_the_systems_when_it_is_told_to_sync_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    sync, sizes = os.fsync, list[int]()

    def synced(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    if way == "once":
        durable.write_once(tmp_path, ".bin", lambda write: write(b"content"))
    else:
        durable.replace_file(tmp_path / "settings", b"content")
    assert sizes[0] == len(b"content")


def test_a_complete_file_is_synced_before_it_takes_anothers_place(tmp_path: Path, steps: Steps) -> None:
    durable.replace(written(tmp_path / "new"), written(tmp_path / "old", b"old"))
    assert steps == ["sync new", "rename new old", "sync ."]


def test_folders_are_made_from_the_outside_in_each_synced_in_the_one_it_lies_in(
    tmp_path: Path, steps: Steps
) -> None:
    durable.make_folder(tmp_path / "a/b/c")
    assert steps == ["make a", "sync .", "make a/b", "sync a", "make a/b/c", "sync a/b"]


def test_a_folder_that_is_there_is_left(tmp_path: Path, steps: Steps) -> None:
    durable.make_folder(tmp_path)
    assert steps == []


def test_a_file_that_is_moved_away_has_one_name_and_both_folders_are_synced(
    tmp_path: Path, steps: Steps
) -> None:
    source = written(tmp_path / "shop/a.png")
    steps.clear()
    durable.move_away(source, tmp_path / "trash/a.png")
    assert steps == [
        "make trash", "sync .", "rename shop/a.png trash/a.png", "sync trash", "sync shop",
    ]  # fmt: skip


def test_a_file_is_moved_over_nothing(tmp_path: Path) -> None:
    source, target = written(tmp_path / "a", b"a"), tmp_path / "b"
    target.symlink_to("nowhere")
    for move in (durable.move_away, durable.bring_back):
        with pytest.raises(FileExistsError, match="b"):
            move(source, target)
    assert source.read_bytes() == b"a"
    assert target.is_symlink()


def test_a_file_that_is_brought_back_has_a_name_at_every_moment(tmp_path: Path, steps: Steps) -> None:
    source = written(tmp_path / "trash/a.png")
    steps.clear()
    durable.bring_back(source, tmp_path / "shop/a.png")
    assert steps == [
        "make shop", "sync .", "link trash/a.png shop/a.png", "sync shop", "unlink trash/a.png", "sync shop",
        "sync trash",
    ]  # fmt: skip


def test_a_symbolic_link_is_brought_back_as_one(tmp_path: Path) -> None:
    source = tmp_path / "trash"
    source.symlink_to("somewhere")
    durable.bring_back(source, tmp_path / "shop")
    assert (tmp_path / "shop").readlink() == Path("somewhere")


def without_links(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK])
def test_where_there_are_no_hard_links_a_file_is_brought_back_by_its_name_and_over_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    without_links(code, monkeypatch)
    source, target = written(tmp_path / "a", b"a"), written(tmp_path / "b", b"b")
    with pytest.raises(FileExistsError):
        durable.bring_back(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (b"a", b"b")
    target.unlink()
    durable.bring_back(source, target)
    assert target.read_bytes() == b"a"
    assert not source.exists()


def test_what_else_the_system_says_of_a_link_is_not_taken_for_a_lack_of_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(errno.EIO, monkeypatch)
    source = written(tmp_path / "a")
    with pytest.raises(OSError, match="Input/output error"):
        durable.bring_back(source, tmp_path / "b")
    assert source.exists()


def test_a_link_takes_a_files_place_by_its_name_alone(tmp_path: Path, steps: Steps) -> None:
    keep, path = written(tmp_path / "keep"), written(tmp_path / "shop/copy")
    steps.clear()
    durable.replace_by_link(keep, path, tmp_path / "shop/new", durable.sha256_of(keep))
    assert steps == ["link keep shop/new", "rename shop/new shop/copy", "sync shop"]
    assert path.samefile(keep)


def test_a_file_that_is_no_longer_what_it_was_takes_no_place(tmp_path: Path) -> None:
    keep, path = written(tmp_path / "keep", b"changed"), written(tmp_path / "copy", b"copy")
    with pytest.raises(StoreDamaged, match="keep is not what it was"):
        durable.replace_by_link(keep, path, tmp_path / "new", durable.sha256_of(path))
    assert path.read_bytes() == b"copy"
    assert not (tmp_path / "new").exists()


def test_a_link_becomes_a_file_of_its_own_once_its_bytes_are_there(tmp_path: Path, steps: Steps) -> None:
    keep = written(tmp_path / "keep")
    path = tmp_path / "shop/copy"
    path.parent.mkdir()
    path.hardlink_to(keep)
    os.utime(keep, ns=(5, 5))
    steps.clear()
    durable.separate(path, tmp_path / "shop/new")
    assert steps == ["sync shop/new", "rename shop/new shop/copy", "sync shop"]
    assert not path.samefile(keep)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (b"content", 5)


@pytest.mark.parametrize("point", ["link.before_rename", "separate.before_rename"])
def test_what_fails_on_its_way_leaves_the_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    keep, path, temporary = written(tmp_path / "keep"), written(tmp_path / "copy", b"copy"), tmp_path / "new"
    steps: dict[str, Callable[[], None]] = {
        "link.before_rename": lambda: durable.replace_by_link(keep, path, temporary, durable.sha256_of(keep)),
        "separate.before_rename": lambda: durable.separate(path, temporary),
    }
    monkeypatch.setenv("INDEX_FAILPOINT", f"{point}:1:eio")
    monkeypatch.setattr(durable, "_hits", {})
    with pytest.raises(OSError, match="failpoint"):
        steps[point]()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy", "keep"]
    assert path.read_bytes() == b"copy"


def test_a_failpoint_fails_at_the_passage_that_was_asked_for_and_at_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INDEX_FAILPOINT", "here:3:enospc")
    monkeypatch.setattr(durable, "_hits", {})
    for _ in range(2):
        durable.failpoint("here")
        durable.failpoint("elsewhere")
    with pytest.raises(OSError, match="failpoint here") as failed:
        durable.failpoint("here")
    assert failed.value.errno == errno.ENOSPC
    durable.failpoint("here")


def test_the_lock_holds_the_pid_of_its_holder_alone(tmp_path: Path) -> None:
    lock = written(tmp_path / "lock", b"1234567890123456789\n")
    with durable.writer_lock(lock):
        assert lock.read_text() == f"{os.getpid()}\n"
    with durable.writer_lock(tmp_path / "new"):
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_what_the_system_says_of_the_lock_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(code: int) -> Callable[..., object]:
        def fail(*arguments: object) -> object:
            raise OSError(code, os.strerror(code))

        return fail

    for function, code, error in (
        ("open", errno.EACCES, PermissionRefused),
        ("ftruncate", errno.EIO, DiskFailed),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(os, function, failing(code))
            with pytest.raises(error, match="locking"), durable.writer_lock(tmp_path / "lock"):
                pass


def test_removing_a_file_that_is_gone_is_as_good(tmp_path: Path) -> None:
    durable.unlink(written(tmp_path / "a"))
    durable.unlink(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
