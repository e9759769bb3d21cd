"""Builds that are killed, starved or told that the disk failed, at every named step and at random moments."""

import random
import signal
import time

import pytest

from indexer.encoding import BATCH
from tests.crash.rounds import play_round
from tests.crash.stage import FIRST, INCREMENTAL, Case, Stage

KILLED, NO_SPACE, DISK_FAILED, INTERRUPTED = -signal.SIGKILL, 14, 12, 130
KINDS = (FIRST, INCREMENTAL)

ALL = 1000
# Where a build may stop, which passage, and how many batches are written down by then.
POINTS = [
    ("lock.taken", 1, 0),
    ("file.before_unlink", 1, 0),
    ("migrate.before_commit", 1, 0),
    ("replace.before_rename", 1, 0),
    ("embed.mid_batch", 2, 1),
    ("checkpoint.before_commit", 1, 0),
    ("checkpoint.after_commit", 1, 1),
    ("generation.rows_changed", 1, ALL),
    ("file.half_written", 1, ALL),
    ("file.before_fsync", 2, ALL),
    ("file.before_rename", 1, ALL),
    ("file.before_dirsync", 2, ALL),
    ("file.before_readback", 1, ALL),
    ("generation.before_commit", 1, ALL),
    ("generation.after_commit", 1, ALL),
    ("file.before_unlink", 2, ALL),
]
AFTER_THE_COMMIT = {("generation.after_commit", 1), ("file.before_unlink", 2)}
ONLY_IN_FIRST = {"migrate.before_commit", "replace.before_rename"}
STEPS = [
    pytest.param(point, nth, batches, kind, id=f"{point}-{nth}-{kind}")
    for point, nth, batches in POINTS
    for kind in KINDS
    if kind == FIRST or point not in ONLY_IN_FIRST
    if (kind, point, nth) != (FIRST, "file.before_unlink", 2)  # a first build replaces no FAISS file
]


def stopped(stage: Stage, kind: str, point: str, nth: int, action: str) -> tuple[Case, int]:
    """Start a build in a store that holds residue of an older crash, and fail it; return its exit code."""
    case = stage.case(kind)
    if kind == FIRST and point == "file.before_unlink":
        (case.store / "faiss").mkdir(parents=True)
    if point == "file.before_unlink" and nth == 1:
        (case.store / "faiss/1.tmp").write_bytes(b"half a file")
    ended = case.build(failpoint=f"{point}:{nth}:{action}")
    assert "Traceback" not in ended.err
    return case, ended.code


def assert_as_expected(case: Case, point: str, nth: int, batches: int) -> None:
    """Hold the stopped build's store to its invariants, and to what this very point must have left."""
    committed = (point, nth) in AFTER_THE_COMMIT
    state, wanted = case.assert_sound(), case.stage.states[case.kind][committed]
    assert (state and state.generation) == (wanted and wanted.generation)
    assert case.missing() == max(0, case.missing_at_start() - batches * BATCH)
    case.assert_recovers()


@pytest.mark.parametrize(("point", "nth", "batches", "kind"), STEPS)
def test_a_build_killed_at_any_step_leaves_the_last_generation_and_goes_on(
    stage: Stage, point: str, nth: int, batches: int, kind: str
) -> None:
    case, code = stopped(stage, kind, point, nth, "kill")
    assert code == KILLED
    case.assert_query_answers()
    assert_as_expected(case, point, nth, batches)


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


@pytest.mark.parametrize("iteration", range(20))
def test_a_build_killed_at_random_moments_leaves_a_sound_store_and_recovers(
    stage: Stage, iteration: int
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"play again with: scripts/soak --part kill --seed {seed} --iteration {iteration}")
    play_round(stage, seed, iteration)
