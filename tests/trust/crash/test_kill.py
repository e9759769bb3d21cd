"""Builds that are killed at every named step, or told to end."""

import signal
import time

import pytest

from indexer.embedding import BATCH
from tests.crash.stage import Stage
from tests.crash.steps import KINDS, STEPS, assert_as_expected, stopped

KILLED, INTERRUPTED = -signal.SIGKILL, 130


@pytest.mark.parametrize(("point", "nth", "batches", "kind"), STEPS)
def test_a_build_killed_at_any_step_leaves_the_last_generation_and_goes_on(
    stage: Stage, point: str, nth: int, batches: int, kind: str
) -> None:
    case, code = stopped(stage, kind, point, nth, "kill")
    assert code == KILLED
    case.assert_query_answers()
    assert_as_expected(case, point, nth, batches)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_an_interrupted_build_exits_130_and_keeps_what_was_written_down(
    stage: Stage, kind: str, number: signal.Signals
) -> None:
    case = stage.case(kind)
    running = case.start()
    while case.missing() == case.missing_at_start():
        time.sleep(0.002)
    running.kill(number)
    ended = case.note(running.wait())
    if ended.code == 3:  # it was done before the signal came
        pytest.skip("the build was faster than the signal")
    assert (ended.code, ended.out) == (INTERRUPTED, "")
    assert (
        ended.err.lstrip("\n")
        == "error: interrupted: what was committed is there, and the next run goes on from it\n"
    )
    assert case.missing() <= case.missing_at_start() - BATCH
    case.assert_sound()
    case.assert_recovers()
