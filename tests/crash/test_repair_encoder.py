"""A repair beside an encoder that is gone or damaged: nothing is encoded by it, and the rest is mended."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Answer, Command
from tests.crash.oracle import read_snapshot
from tests.tiny_encoder import write_tiny_encoder

DAMAGED = 12


@pytest.fixture
def own_encoder(workplace: Path, catalogue: Path, index: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An encoder that may be damaged, and an index made with it."""
    monkeypatch.delenv("INDEX_ENCODER")
    folder = write_tiny_encoder(workplace / "encoder")
    assert index("build", catalogue, "--encoder", folder).code == 0
    return folder / "model.onnx"


def flip_a_weight(graph: Path) -> None:
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 64
    graph.write_bytes(data)


HARMS: dict[str, Callable[[Path], None]] = {"gone": Path.unlink, "one bit": flip_a_weight}


@pytest.mark.parametrize("harm", HARMS)
def test_a_repair_never_encodes_with_another_encoder_than_the_indexs(
    index: Command, own_encoder: Path, harm: str
) -> None:
    graph, before = own_encoder.read_bytes(), read_snapshot(Path(".index"))
    assert before is not None
    HARMS[harm](own_encoder)
    assert "--repair" not in index("check").err, "which would mend nothing"
    repaired = index("check", "--repair", "--json")
    assert (repaired.code, repaired.json()["done"]) == (DAMAGED, [])
    assert [left["kind"] for left in repaired.json()["left"]] == ["encoder-differs"]
    after = read_snapshot(Path(".index"))
    assert after is not None
    assert (after.generation, after.differences(before)) == (before.generation, [])
    own_encoder.write_bytes(graph)
    assert index("check").code == 0


def spoil_the_page_of(table: str) -> None:
    """Overwrite the root page of a table, so that nothing of it can be read."""
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    with Path(".index/catalog.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(bytes(4096))


def found(answer: Answer) -> list[tuple[str, float]]:
    return [(match["path"], round(match["score"], 6)) for match in answer.json()["queries"][0]["results"]]


def test_an_index_whose_generations_are_lost_is_built_again_with_its_own_encoder(
    index: Command, own_encoder: Path
) -> None:
    question = ("query", "catalogue/cup/00.jpg", "-k", 24, "--json")
    before = found(index(*question))
    spoil_the_page_of("generations")
    repaired = index("check", "--repair")
    assert repaired.code == 0, repaired.err
    assert found(index(*question)) == before


def test_an_index_of_which_no_row_says_by_which_encoder_it_was_made_is_not_built_by_another_one(
    index: Command, own_encoder: Path
) -> None:
    question = ("query", "catalogue/cup/00.jpg", "-k", 24, "--json")
    before = found(index(*question))
    spoil_the_page_of("encoders")
    refused = index("check", "--repair")
    assert (refused.code, "does not say which encoder" in refused.err) == (10, True)
    assert index("build", "--encoder", own_encoder.parent).code == 0
    assert found(index(*question)) == before
    assert index("check").code == 0


@pytest.mark.parametrize("harm", HARMS)
def test_what_else_is_damaged_is_mended_and_comes_back_with_the_encoder(
    index: Command, own_encoder: Path, harm: str
) -> None:
    question = ("query", "catalogue/cup/00.jpg", "-k", 24, "--json")
    before, graph = found(index(*question)), own_encoder.read_bytes()
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute("UPDATE embeddings SET vector = zeroblob(96) WHERE item_id = 3")
    for file in Path(".index/faiss").iterdir():
        file.unlink()
    HARMS[harm](own_encoder)
    assert index("check", "--repair").code == DAMAGED
    own_encoder.write_bytes(graph)
    assert index("check").code == 0
    assert len(found(index(*question))) == 23
    assert index("build").code == 0
    assert found(index(*question)) == before
