"""A slice of `scripts/soak --part sweep`: faults at system calls all along three jobs."""

from pathlib import Path

import pytest

from tests.crash.stopped import Play
from tests.crash.sweep import ERRORS, KILL, Place, can_trace, places, strike

pytestmark = [
    pytest.mark.skipif(not can_trace(), reason="SKIPPED HERE: strace or ptrace is not to be had"),
    pytest.mark.timeout(1800),  # on a machine that is busy with something else
]
KILLS, FAILURES = 10, 3


def along(found: list[Place], count: int) -> list[Place]:
    return found[:: max(1, len(found) // count)][:count]


@pytest.mark.parametrize("name", ["first build", "incremental build", "trash"])
def test_a_job_killed_at_a_system_call_or_told_that_it_failed_leaves_a_sound_store_and_is_run_again(
    play: Play, tmp_path: Path, name: str
) -> None:
    found = places(play, name, tmp_path / "trace")
    assert {"pwrite64", "fdatasync", "openat", "unlink"} <= {place.call for place in found}
    for place in along(found, KILLS):
        strike(play, name, place, KILL)
    for fault in ERRORS:
        for place in along(found, FAILURES):
            strike(play, name, place, fault)


def test_a_build_that_commits_before_its_files_are_there_is_caught(play: Play, tmp_path: Path) -> None:
    renames = [p for p in places(play, "first build", tmp_path / "trace") if ".faiss" in p.text]
    first = next(place for place in renames if place.call == "rename")
    with pytest.raises(AssertionError, match=r"^referential: "):
        strike(play, "first build", first, KILL, "rows_before_files")
