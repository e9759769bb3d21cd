"""Every step at which a build may stop, and what it must have left there."""

import pytest

from indexer.embedding import BATCH
from tests.crash.stage import FIRST, INCREMENTAL, Case, Stage

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
