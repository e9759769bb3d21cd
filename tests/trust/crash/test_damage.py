"""Damage to every object of the store: never another answer, the right exit code, named by check, healed by repair."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from indexer import Index
from indexer.errors import IndexerError
from tests.conftest import Command

QUERY = "catalogue/cup/00.jpg"
DAMAGED, NOTHING_COMMITTED = 12, 10


def answers(index: Command) -> list[tuple[str, float, str]]:
    found = index("query", QUERY, "-k", 24, "--json")
    assert found.code == 0, found.err
    return [(r["path"], r["score"], r["label"]) for r in found.json()["queries"][0]["results"]]


@pytest.fixture
def sound(index: Command, catalogue: Path) -> list[tuple[str, float, str]]:
    """An index over the catalogue, and what it answers."""
    assert index("build", catalogue).code == 0
    return answers(index)


def faiss_files(index: Command) -> dict[str, Path]:
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        rows = database.execute("SELECT space, sha256 FROM faiss_files").fetchall()
    return {space: Path(f".index/faiss/{sha256}.faiss") for space, sha256 in rows}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


FILE_DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "one bit": flip,
    "a folder": to_folder,
}


def assert_repair_heals(index: Command, expected: list[tuple[str, float, str]], catalogue: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in catalogue.rglob("*.jpg")}
    repaired = index("check", "--repair", "--json")
    assert repaired.code == 0, repaired.out + repaired.err
    assert repaired.json()["done"]
    assert repaired.json()["left"] == []
    assert index("check").code == 0
    assert answers(index) == expected
    again = index("check", "--repair", "--json").json()
    assert again["done"] == []
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in catalogue.rglob("*.jpg")}
    assert after == before


@pytest.mark.parametrize("damage", FILE_DAMAGE)
def test_a_damaged_faiss_file_is_refused_by_name_and_rebuilt_from_the_database(
    index: Command, catalogue: Path, sound: list[tuple[str, float, str]], damage: str
) -> None:
    path = faiss_files(index)["object"]
    FILE_DAMAGE[damage](path)
    refused = index("query", QUERY)
    assert (refused.code, refused.out) == (DAMAGED, "")
    assert path.name in refused.err
    assert "index check --repair" in refused.err
    checked = index("check", "--json")
    assert checked.code == DAMAGED
    assert [f["kind"] for f in checked.json()["findings"] if f["severity"] == "damage"] == ["faiss-damaged"]
    if damage == "a folder":
        path.rmdir()
    assert_repair_heals(index, sound, catalogue)


def test_faiss_files_that_changed_places_are_noticed(
    index: Command, catalogue: Path, sound: list[tuple[str, float, str]]
) -> None:
    copy, thing = (faiss_files(index)[space] for space in ("copy", "object"))
    held = copy.read_bytes()
    copy.write_bytes(thing.read_bytes())
    thing.write_bytes(held)
    assert index("query", QUERY).code == DAMAGED
    assert_repair_heals(index, sound, catalogue)


CHANGES = {
    "a vector": "UPDATE embeddings SET vector = zeroblob(96) WHERE item_id = 3",
    "a vector's length": "UPDATE embeddings SET vector = zeroblob(8) WHERE item_id = 3",
    "two vectors swapped": "UPDATE embeddings SET item_id = 1003 - item_id WHERE item_id IN (3, 1000)",
    "a lost vector": "DELETE FROM embeddings WHERE item_id = 3",
    "a label": "UPDATE files SET label = 'other' WHERE id = 3",
    "a path": "UPDATE files SET path = CAST('catalogue/cup/99.jpg' AS BLOB) WHERE id = 3",
    "a content": "UPDATE items SET width = width + 1 WHERE id = 3",
    "a file on another item": "UPDATE files SET item_id = 4 WHERE id = 3",
    "attributes": 'UPDATE files SET attributes = \'{"seller": "bob"}\' WHERE id = 3',
    "attributes that are no JSON": "UPDATE files SET attributes = '{' WHERE id = 3",
    "a lost file": "DELETE FROM files WHERE id = 3",
    "a count": "UPDATE generations SET item_count = item_count + 1",
    "an unknown FAISS file": "UPDATE faiss_files SET sha256 = printf('%064d', 7) WHERE space = 'object'",
    "no FAISS file": "DELETE FROM faiss_files WHERE space = 'object'",
    "a metric": "UPDATE generations SET metric = 'manhattan'",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_row_is_never_an_answer_and_is_healed(
    index: Command, catalogue: Path, sound: list[tuple[str, float, str]], change: str
) -> None:
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute("PRAGMA foreign_keys=OFF")
        database.execute(CHANGES[change])
    found = index("query", QUERY, "-k", 24, "--json")
    assert found.code == DAMAGED or answers(index) == sound
    assert "Traceback" not in found.err
    assert index("check").code == DAMAGED
    assert_repair_heals(index, sound, catalogue)


def test_a_repair_that_was_killed_while_no_generation_was_left_is_run_again(
    index: Command, catalogue: Path, sound: list[tuple[str, float, str]]
) -> None:
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute("DELETE FROM faiss_files")
        database.execute("DELETE FROM generations")
    assert index("query", QUERY).code == NOTHING_COMMITTED
    assert index("check", "--repair").code == 0
    assert (index("check").code, answers(index)) == (0, sound)


@pytest.mark.parametrize("damage", ["garbage", "cut in half", "zeros in the middle"])
def test_a_database_that_cannot_be_read_is_set_aside_and_what_can_be_saved_is(
    index: Command, catalogue: Path, sound: list[tuple[str, float, str]], damage: str
) -> None:
    path = Path(".index/catalog.db")
    data = path.read_bytes()
    half = len(data) // 2
    damaged = {
        "garbage": b"garbage" * 999,
        "cut in half": data[:half],
        "zeros in the middle": data[: half // 4096 * 4096] + bytes(4096) + data[half // 4096 * 4096 + 4096 :],
    }[damage]
    path.write_bytes(damaged)
    found = index("query", QUERY, "-k", 24, "--json")
    assert found.code == DAMAGED or answers(index) == sound
    assert index("check").code == DAMAGED
    repaired = index("check", "--repair")
    assert "Traceback" not in repaired.err
    assert index("build", catalogue).code == 0
    assert answers(index) == sound
    assert index("check").code == 0
    aside = list(Path(".index").glob("catalog.db.damaged-*"))
    assert [file.read_bytes() for file in aside] in ([damaged], [])


def test_a_flipped_bit_anywhere_in_the_database_never_gives_another_answer(
    catalogue: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Index(".") as index:
        index.build(catalogue)
        pixels = [index.query(QUERY, k=24)]
    data = bytearray(Path(".index/catalog.db").read_bytes())
    store = tmp_path_factory.mktemp("flipped") / ".index"
    shutil.copytree(".index", store)
    expected = [(Path(m.path).name, round(m.score, 6), m.label) for m in pixels[0]]
    numbers = random.Random(6)
    refused = 0
    for _ in range(100):
        position, bit = numbers.randrange(len(data)), 1 << numbers.randrange(8)
        data[position] ^= bit
        (store / "catalog.db").write_bytes(data)
        data[position] ^= bit
        try:
            with Index(store) as index:
                found = [(Path(m.path).name, round(m.score, 6), m.label) for m in index.query(QUERY, k=24)]
        except IndexerError:
            refused += 1
        else:
            assert found == expected, (position, bit)
    assert refused >= 3


def test_an_emptied_database_is_damage_and_no_build_silently_begins_anew(
    index: Command, catalogue: Path, sound: list[tuple[str, float, str]]
) -> None:
    Path(".index/catalog.db").write_bytes(b"")
    for command in (("query", QUERY), ("status",), ("build", catalogue)):
        refused = index(*command)
        assert (refused.code, refused.out) == (DAMAGED, "")
        assert "catalog.db is empty" in refused.err
    assert index("check").code == DAMAGED
    repaired = index("check", "--repair")
    assert (repaired.code, "nothing could be saved" in repaired.err) == (10, True)
    assert len(list(Path(".index").glob("catalog.db.damaged-*"))) == 1
    assert index("build", catalogue).code == 0
    assert answers(index) == sound


def test_a_settings_file_that_is_no_toml_is_refused_by_name(
    index: Command, sound: list[tuple[str, float, str]]
) -> None:
    Path(".index/index.toml").write_bytes(b"\xff\x00garbage")
    refused = index("query", QUERY)
    assert (refused.code, "index.toml" in refused.err) == (2, True)
