"""Builds that are starved or told that the disk failed at every named step, and killed at random moments."""

import pytest

from tests.crash.rounds import play_round
from tests.crash.stage import Stage
from tests.crash.steps import STEPS, assert_as_expected, stopped
from tests.seeds import SEED

NO_SPACE, DISK_FAILED = 14, 12


@pytest.mark.parametrize(("point", "nth", "batches", "kind"), STEPS)
def test_a_full_disk_at_any_step_exits_14_and_the_build_goes_on_afterwards(
    stage: Stage, point: str, nth: int, batches: int, kind: str
) -> None:
    case, code = stopped(stage, kind, point, nth, "enospc")
    ended = case.ran[-1]
    assert (code, ended.out) == (NO_SPACE, "")
    assert ended.err.startswith("error: no space left"), ended.err
    assert point == "file.before_unlink" or not list(case.store.rglob("*.tmp*"))
    assert_as_expected(case, point, nth, batches)


@pytest.mark.parametrize(("point", "nth", "batches", "kind"), STEPS)
def test_a_failing_disk_at_any_step_is_named_and_the_build_goes_on_afterwards(
    stage: Stage, point: str, nth: int, batches: int, kind: str
) -> None:
    case, code = stopped(stage, kind, point, nth, "eio")
    ended = case.ran[-1]
    assert (code, ended.out) == (DISK_FAILED, "")
    assert ended.err.startswith("error: "), ended.err
    assert "Input/output error" in ended.err
    assert point == "file.before_unlink" or not list(case.store.rglob("*.tmp*"))
    assert_as_expected(case, point, nth, batches)


@pytest.mark.parametrize("iteration", range(20))
def test_a_build_killed_at_random_moments_leaves_a_sound_store_and_recovers(
    stage: Stage, iteration: int
) -> None:
    play_round(stage, SEED, iteration)
