"""Every failpoint of the program, in every job that passes it: SIGKILL, and a disk that fails or is full."""

import zlib

import pytest

from tests.crash.jobs import JOBS
from tests.crash.passages import in_the_source
from tests.crash.steps import POINTS
from tests.crash.stopped import Play

pytestmark = pytest.mark.timeout(1800)  # on a machine that is busy with something else
BUILDS = ("first build", "incremental build")
OF_EVERY_WRITER = {"transaction.before_commit", "transaction.after_commit"}
# test_kill.py and test_builds.py go through these with every fault.
OF_BUILDS = {point for point, _, _ in POINTS}
# tests/postgres/test_copy.py kills at these: there is nowhere to move a database without a server.
OF_MOVES = {"copy.before_switch", "copy.after_switch"}
# tests/engines/test_index_kills.py kills at these: an index has an engine only where it is told to.
OF_ENGINES = {
    "engine.registered",
    "engine.part_written",
    "engine.filled",
    "engine.part_sent",
    "engine.sent",
}


def killed_at(play: Play, name: str) -> list[str]:
    passed = play.whole(name).passed
    return [point for point in passed if name not in BUILDS or point in OF_EVERY_WRITER]


@pytest.mark.parametrize("name", JOBS)
def test_a_job_killed_at_any_failpoint_leaves_what_was_or_what_should_be_and_is_run_again(
    play: Play, name: str
) -> None:
    for point in killed_at(play, name):
        play.stop(name, point, 1, "kill")


@pytest.mark.parametrize("name", JOBS)
def test_a_disk_that_fails_or_is_full_at_any_failpoint_is_told_of_and_the_job_is_run_again(
    play: Play, name: str
) -> None:
    for point in sorted(set(killed_at(play, name)) - OF_BUILDS):
        play.stop(name, point, 1, ("eio", "enospc")[zlib.crc32(f"{name} {point}".encode()) % 2])


def test_there_is_no_failpoint_at_which_nothing_is_killed(play: Play) -> None:
    """A passage that only a killed run's recovery comes to is among those of builds."""
    passed = {name: set(play.whole(name).passed) for name in JOBS}
    assert set.union(*(passed[name] for name in BUILDS)) <= OF_BUILDS | OF_EVERY_WRITER
    assert set.union(OF_BUILDS, *passed.values()) == in_the_source() - OF_MOVES - OF_ENGINES


@pytest.mark.parametrize(
    ("twin", "name", "stop", "broken"),
    [
        ("decisions_one_by_one", "import of decisions", ("decision.before_commit", 1, "kill"), "atomic"),
        ("moved_before_it_is_written_down", "trash", ("move.before_dirsync", 2, "kill"), "resumable"),
        ("disk_errors_unnamed", "list", ("lock.taken", 1, "eio"), "never silently wrong"),
        ("half_a_migration", "migration", ("migrate.before_commit", 1, "kill"), "usable"),
        (
            "repair_drops_what_was_decided",
            "repair of a damaged decision",
            ("transaction.before_commit", 1, "kill"),
            "resumable",
        ),
    ],
)
def test_a_job_that_breaks_a_promise_is_caught(
    play: Play, twin: str, name: str, stop: tuple[str, int, str], broken: str
) -> None:
    with pytest.raises(AssertionError, match=f"^{broken}: "):
        play.stop(name, *stop, twin)
