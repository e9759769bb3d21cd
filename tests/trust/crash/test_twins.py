"""Proof that the oracle can fail: programs that break one promise each, and the invariant that gives them away."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.stage import FIRST, INCREMENTAL, Case, Stage


def play(case: Case, twin: str, failpoint: str) -> None:
    """Kill a twin's build there, and hold what it leaves, and what it makes of it afterwards, to the invariants."""
    assert case.build(twin=twin, failpoint=failpoint).code == -9
    case.assert_sound()
    case.assert_recovers(twin=twin)


@pytest.mark.parametrize(
    ("twin", "kind", "failpoint", "broken"),
    [
        ("rows_before_files", FIRST, "file.before_rename:1:kill", "referential"),
        ("rows_before_files", INCREMENTAL, "file.half_written:1:kill", "referential"),
        ("files_in_a_transaction_of_their_own", INCREMENTAL, "generation.rows_changed:1:kill", "atomic"),
        (
            "old_files_removed_before_the_commit",
            INCREMENTAL,
            "generation.before_commit:1:kill",
            "referential",
        ),
        ("told_before_it_is_committed", FIRST, "generation.before_commit:1:kill", "durable"),
        ("told_before_it_is_committed", INCREMENTAL, "file.before_rename:2:kill", "durable"),
        ("vectors_forgotten", FIRST, "checkpoint.after_commit:1:kill", "resumable"),
        ("checkpoint_in_two_transactions", FIRST, "checkpoint.after_commit:1:kill", "atomic"),
        ("residue_kept", INCREMENTAL, "file.before_rename:1:kill", "no residue"),
    ],
)
def test_a_store_that_breaks_a_promise_is_caught(
    stage: Stage, twin: str, kind: str, failpoint: str, broken: str
) -> None:
    with pytest.raises(AssertionError, match=f"^{broken}: "):
        play(stage.case(kind), twin, failpoint)


@pytest.fixture
def spare_catalogue(stage: Stage) -> Iterator[Path]:
    """Put a copy in the catalogue's place, for twins that write to it."""
    kept = stage.catalogue.with_name("kept")
    stage.catalogue.rename(kept)
    shutil.copytree(kept, stage.catalogue)
    yield stage.catalogue
    shutil.rmtree(stage.catalogue)
    kept.rename(stage.catalogue)


def test_a_build_that_touches_the_catalogue_is_caught(stage: Stage, spare_catalogue: Path) -> None:
    case = stage.case(FIRST)
    assert case.build(twin="catalogue_touched").code == 3
    with pytest.raises(AssertionError, match=r"^catalogue untouched: "):
        case.assert_sound()
