"""Damage drawn at random: a sound answer, or a typed error that names what is broken, and a repair that heals."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import durable, lookup, sound_rows
from tests.seeds import SEED
from tests.trust.damaged_stage import CLOSED, LOGGED, DamagedStage
from tests.trust.damages import DAMAGES

pytestmark = pytest.mark.timeout(1800)  # on a machine that is busy with something else

FAISS, DATABASE = "faiss", ".index/catalog.db"
FLIPS = 40


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DamagedStage]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("INDEX_ENCODER", "INDEX_STORE"):
            patch.delenv(name, raising=False)
        patch.setenv("INDEX_JOBS", "1")
        yield DamagedStage(tmp_path_factory.mktemp("damaged"))


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("name", ["catalog.db", "catalog.db-wal", "faiss", "index.toml", "model.onnx"])
def test_an_object_damaged_in_any_way_never_gives_another_answer(
    stage: DamagedStage, name: str, kind: str
) -> None:
    (path, *_) = [path for path in stage.names(LOGGED) if name in path.split("/")]
    stage.play(LOGGED, path, kind, random.Random(SEED))


def test_flipped_bits_of_the_database_never_give_another_answer(stage: DamagedStage) -> None:
    draw = random.Random(SEED)
    for _ in range(FLIPS):
        stage.play(CLOSED, DATABASE, "flip", draw)


@pytest.mark.parametrize("name", ["catalog.db", "faiss"])
def test_a_repair_that_is_killed_and_run_again_heals_what_one_that_was_not_heals(
    stage: DamagedStage, name: str
) -> None:
    draw = random.Random(SEED)
    (path, *_) = [path for path in stage.names(CLOSED) if name in path.split("/")]
    for kind in ("flip", "zero_a_page", "cut", "flip"):
        stage.play(CLOSED, path, kind, draw, killed=True)


def broken_promise(stage: DamagedStage, name: str, kind: str, rounds: int) -> str:
    """Damage until a promise is broken; return which."""
    for seed in range(rounds):
        try:
            stage.play(CLOSED, name, kind, random.Random(seed))
        except AssertionError as broken:
            return str(broken)
    return "none"


def test_a_program_that_does_not_hold_rows_to_their_checksums_is_caught(
    stage: DamagedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers with labels and paths that nobody wrote."""
    monkeypatch.setattr(sound_rows, "_require", lambda sound, table, id_: None)
    assert broken_promise(stage, DATABASE, "flip", 400).startswith("never silently wrong")


def test_a_program_that_does_not_hold_faiss_files_to_their_names_is_caught(
    stage: DamagedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It searches by the ids and vectors of a damaged file."""
    monkeypatch.setattr(durable, "sha256_of", lambda path: Path(path).stem)
    monkeypatch.setattr(lookup, "FAISS_TOLERANCE", float("inf"))
    assert broken_promise(stage, stage.answering_file(), "flip", 200).startswith("never silently wrong")
