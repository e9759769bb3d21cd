"""Real full disks: a tmpfs with too little room, or with room for too few files."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.crash.mounts import Tmpfs, mounted
from tests.crash.stage import FIRST, INCREMENTAL, REJECTED, Case, Stage, leave_a_log

NO_SPACE = 14
KIB = 1024
PLENTY = 4096
# From nothing, over each step of a build, to just enough and plenty. In KiB.
ROOM = {
    FIRST: [0, 16, 200, 300, PLENTY],
    INCREMENTAL: [0, 24, 48, 100, 120, 140, 160, 200, PLENTY],
}
FILES = {FIRST: [0, 2, 3, 5, 6], INCREMENTAL: [0, 1, 2]}


@pytest.fixture
def disk() -> Iterator[Tmpfs]:
    with mounted() as tmpfs:
        yield tmpfs


def case_on(disk: Tmpfs, stage: Stage, kind: str) -> Case:
    store = stage.stores[kind]
    if store is not None:
        shutil.copytree(store, disk.path / ".index")
    return Case(stage, kind, disk.path)


def assert_refused_or_done(case: Case, disk: Tmpfs) -> int:
    """Build, and hold the store to its invariants on the full disk, and again with space freed."""
    ended = case.build()
    assert ended.code in {NO_SPACE, REJECTED}, ended.err
    if ended.code == NO_SPACE:
        assert ended.out == ""
        assert ended.err.startswith("error: no space left while "), ended.err
        assert str(case.store) in ended.err
    assert not list(case.store.rglob("*.tmp*"))
    state, wanted = case.assert_sound(), case.stage.states[case.kind][ended.code == REJECTED]
    assert (state and state.generation) == (wanted and wanted.generation)
    disk.free_space()
    case.assert_recovers()
    return ended.code


@pytest.mark.parametrize(("kind", "room"), [(kind, room) for kind, rooms in ROOM.items() for room in rooms])
def test_without_space_a_build_exits_14_the_last_generation_answers_and_freed_space_mends_it(
    stage: Stage, disk: Tmpfs, kind: str, room: int
) -> None:
    case = case_on(disk, stage, kind)
    disk.limit(free_bytes=room * KIB)
    code = assert_refused_or_done(case, disk)
    assert room not in {0, PLENTY} or code == (REJECTED if room else NO_SPACE)


@pytest.mark.parametrize(("kind", "room"), [(kind, room) for kind, rooms in FILES.items() for room in rooms])
def test_without_room_for_one_more_file_a_build_exits_14_as_well(
    stage: Stage, disk: Tmpfs, kind: str, room: int
) -> None:
    case = case_on(disk, stage, kind)
    disk.limit(free_files=room)
    code = assert_refused_or_done(case, disk)
    assert room or code == NO_SPACE


@pytest.mark.parametrize("log_is_left", [False, True], ids=["closed", "killed"])
def test_on_a_disk_without_a_free_byte_the_command_line_still_answers(
    stage: Stage, disk: Tmpfs, log_is_left: bool
) -> None:
    case = case_on(disk, stage, INCREMENTAL)
    if log_is_left:
        leave_a_log(stage.stores[INCREMENTAL], case.store)
    disk.limit(free_bytes=0, free_files=0)
    case.assert_query_answers()
    assert case.build().code == NO_SPACE
    case.assert_query_answers()


@pytest.mark.parametrize(
    "room",
    [{"free_bytes": room * KIB} for room in (0, 64, 256, PLENTY)]
    + [{"free_files": room} for room in range(5)],
    ids=str,
)
def test_without_space_a_damaged_database_stays_as_it_is_until_there_is_some(
    stage: Stage, disk: Tmpfs, room: dict[str, int]
) -> None:
    case = case_on(disk, stage, INCREMENTAL)
    with closing(sqlite3.connect(case.store / "catalog.db")) as database, database:
        database.execute("UPDATE files SET attributes = 'null' WHERE id = (SELECT min(id) FROM files)")
    disk.limit(**room)
    repair = ("check", "--repair")
    ended = case.stage.server.run(*repair, cwd=case.folder)
    assert "Traceback" not in ended.err
    assert ended.code == NO_SPACE or (ended.code, room) == (0, {"free_bytes": PLENTY * KIB})
    disk.free_space()
    assert case.stage.server.run(*repair, cwd=case.folder).code == 0
    assert case.stage.server.run("check", cwd=case.folder).code == 0
