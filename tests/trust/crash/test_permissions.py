"""What the system refuses: stores, mounts and pictures that may not be written or read, and a store that is locked."""

import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.crash.mounts import mounted
from tests.crash.server import Server
from tests.crash.stage import FIRST, INCREMENTAL, REJECTED, Case, Stage, leave_a_log, noise

LOCKED, REFUSED = 11, 15


def set_modes(path: Path, *, folders: int, files: int) -> None:
    for each in [*path.rglob("*"), path]:
        each.chmod(folders if each.is_dir() else files)


def assert_refused(case: Case, **options: object) -> str:
    ended = case.build(**options)
    assert (ended.code, ended.out) == (REFUSED, ""), ended.err
    assert ended.err.startswith("error: ")
    assert "Traceback" not in ended.err
    return ended.err


def assert_answers(case: Case, **options: object) -> None:
    ended = case.query("-k", 1, **options)
    assert ended.code == 0, ended.err
    assert ended.json()["queries"][0]["results"][0]["path"] == str(case.stage.picture)


@pytest.mark.parametrize("part", [".", "catalog.db", "faiss", "everything"])
def test_a_store_that_may_not_be_written_is_queried_and_not_built(stage: Stage, part: str) -> None:
    case = stage.case(INCREMENTAL)
    set_modes(case.folder, folders=0o755, files=0o644)
    if part == "everything":
        set_modes(case.store, folders=0o555, files=0o444)
    else:
        (case.store / part).chmod(0o555 if (case.store / part).is_dir() else 0o444)
    assert_answers(case, unprivileged=True)
    assert_refused(case, unprivileged=True)
    assert_answers(case, unprivileged=True)
    case.assert_sound()
    assert not list(case.store.rglob("*.tmp*"))
    set_modes(case.store, folders=0o755, files=0o644)
    case.assert_recovers(unprivileged=True)


def test_a_store_that_may_not_even_be_entered_is_refused(stage: Stage) -> None:
    case = stage.case(INCREMENTAL)
    case.store.chmod(0)
    assert "permission refused" in assert_refused(case, unprivileged=True)
    assert case.query(unprivileged=True).code == REFUSED
    case.store.chmod(0o700)
    case.assert_recovers()


def test_a_first_build_where_nothing_may_be_created_is_refused(stage: Stage) -> None:
    case = stage.case(FIRST)
    case.folder.chmod(0o555)
    assert str(case.store) in assert_refused(case, unprivileged=True)
    assert not case.store.exists()


@pytest.mark.parametrize("name", ["index.toml", "catalog.db"])
def test_a_file_of_the_store_that_may_not_be_read_is_refused(stage: Stage, name: str) -> None:
    case = stage.case(INCREMENTAL)
    set_modes(case.folder, folders=0o755, files=0o644)
    (case.store / name).chmod(0)
    assert name in assert_refused(case, unprivileged=True)
    ended = case.query(unprivileged=True)
    assert (ended.code, ended.out) == (REFUSED, "")
    assert name in ended.err


def test_a_store_on_a_read_only_mount_is_queried_and_not_built(stage: Stage) -> None:
    with mounted() as disk:
        store = stage.stores[INCREMENTAL]
        assert store is not None
        shutil.copytree(store, disk.path / ".index")
        case = Case(stage, INCREMENTAL, disk.path)
        disk.remount("remount,ro")
        assert_answers(case)
        case.assert_sound()
        assert_refused(case)
        disk.remount("remount,rw")
        case.assert_recovers()


def test_a_log_that_a_killed_writer_left_on_a_read_only_mount_is_not_passed_over(stage: Stage) -> None:
    with mounted() as disk:
        store = stage.stores[INCREMENTAL]
        assert store is not None
        shutil.copytree(store, disk.path / ".index")
        leave_a_log(store, disk.path / ".index")
        case = Case(stage, INCREMENTAL, disk.path)
        disk.remount("remount,ro")
        ended = case.query()
        assert (ended.code, ended.out) == (REFUSED, "")
        disk.remount("remount,rw")
        assert_answers(case)


def test_a_second_build_is_refused_at_once_and_readers_answer_meanwhile(stage: Stage) -> None:
    case = stage.case(INCREMENTAL)
    writer = case.start()
    while (case.store / "lock").read_text() != f"{writer.pid}\n":
        time.sleep(0.001)
    writer.kill(signal.SIGSTOP)
    try:
        second = case.build()
        assert (second.code, second.out) == (LOCKED, "")
        assert f"(pid {writer.pid})" in second.err
        assert second.seconds < 10  # nothing is waited for: the writer stands still
        case.assert_query_answers()
        case.assert_sound()
    finally:
        writer.kill(signal.SIGCONT)
    assert case.note(writer.wait()).code == REJECTED
    case.assert_recovers()


def test_pictures_and_folders_that_may_not_be_read_cost_one_rejection_each(
    open_folder: Path, server: Server
) -> None:
    folder = open_folder / "unreadable"
    for i in range(4):
        noise(folder / f"pictures/{'open' if i < 2 else 'shut'}/{i}.png", i)
    set_modes(folder, folders=0o755, files=0o644)
    (folder / "pictures/open/1.png").chmod(0)
    (folder / "pictures/shut").chmod(0)
    ended = server.run("build", "pictures", "--json", cwd=folder, unprivileged=True)
    assert ended.code == REJECTED, ended.err
    report = ended.json()
    reasons = {entry["path"]: entry["reason"] for entry in report["rejected"]}
    assert reasons == {"pictures/open/1.png": "permission-denied", "pictures/shut": "folder-unreadable"}
    assert (report["found"], report["indexed"], report["encoded"]) == (3, 1, 1)
    set_modes(folder, folders=0o755, files=0o644)
    report = server.run("build", "--json", cwd=folder, unprivileged=True).json()
    assert (report["found"], report["indexed"], report["rejected"]) == (4, 3, [])
