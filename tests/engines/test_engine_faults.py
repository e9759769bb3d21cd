"""What may go wrong beside an engine: a salvage, a database that went back, odd vectors, odd URLs, an engine far behind."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.checksums import embedding_checksum
from indexer.engine import search
from indexer.vectors.faiss_store import FaissStore
from tests.conftest import Command
from tests.crash.jobs import malformed_database
from tests.engines.held import DATABASE, assert_engine_holds_the_index, collections, rows, vectors_on_engine
from tests.engines.test_index_on_engine import DAMAGED, found
from tests.pictures import save

REFUSED = 2


@pytest.fixture
def folder(workplace: Path) -> str:
    """A folder's engine: what is tested here is on this side of it."""
    return f"faiss://{workplace}/engine"


@pytest.fixture
def built(index: Command, pictures: Path, folder: str) -> Path:
    assert index("build", pictures, "--vectors", folder).code == 0
    return pictures


def nothing_was_salvaged() -> bool:
    return list(DATABASE.parent.glob("catalog.db.*")) == []


def test_an_index_that_was_salvaged_goes_on_with_its_engine(
    index: Command, built: Path, folder: str, workplace: Path
) -> None:
    for turn in range(3):  # changes have numbers
        save(built / f"cup/new{turn}.jpg", 900 + turn)
        assert index("build").code == 0
    malformed_database(workplace)
    assert index("check").code == DAMAGED
    assert index("check", "--repair").code == 0
    assert_engine_holds_the_index(folder)
    for turn in range(3, 5):
        new = save(built / f"cup/new{turn}.jpg", 900 + turn)
        assert index("build").code == 0
        assert found(index("query", new, "-k", 1, "--json")) == [(f"catalogue/cup/{new.name}", 1)]
    assert_engine_holds_the_index(folder)
    assert rows("PRAGMA journal_mode") == [("wal",)]


def test_a_database_that_was_put_back_has_its_engine_filled_anew(
    index: Command, built: Path, folder: str
) -> None:
    saved = Path("saved.db")
    rows("VACUUM INTO 'saved.db'")
    for turn in range(2):
        save(built / f"cup/new{turn}.jpg", 900 + turn)
        assert index("build").code == 0
    for log in ("-wal", "-shm"):
        DATABASE.with_name(DATABASE.name + log).unlink(missing_ok=True)
    DATABASE.write_bytes(saved.read_bytes())
    assert "went back to an older state" in index("check").out
    new = save(built / "cup/other.jpg", 910)
    assert index("build").code == 0
    assert_engine_holds_the_index(folder)
    assert found(index("query", new, "-k", 1, "--json"))[0] == ("catalogue/cup/other.jpg", 1)


def test_an_engine_far_behind_hides_nothing(
    index: Command, built: Path, build_unsent: Callable[[], None]
) -> None:
    pictures = sorted(built.rglob("*.jpg"))
    kept = pictures[:2]
    for path in pictures[2:]:
        path.unlink()
    build_unsent()
    asked = found(index("query", kept[0], "-k", 10, "--json"))
    assert sorted(path for path, _ in asked) == [f"catalogue/{path.parent.name}/{path.name}" for path in kept]


def test_what_an_engine_gives_at_once_is_not_all_that_there_is(
    index: Command, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = sorted(built.rglob("*.jpg"))[::6]
    asked = [("query", path, "-k", 8, "--where", "label=cup", "--json") for path in some]
    before = [found(index(*one)) for one in asked]
    monkeypatch.setattr(FaissStore, "capabilities", replace(FaissStore.capabilities, max_k=5))
    monkeypatch.setattr(search, "_FEW", 0)
    assert [found(index(*one)) for one in asked] == before
    assert {len(one) for one in before} == {8}


def test_an_engine_that_cannot_be_asked_is_no_reason_to_salvage(index: Command, built: Path) -> None:
    rows("UPDATE vector_collections SET url = 'elastic://host/x'")
    checked = index("check")
    assert (checked.code, "engine-unreachable" in checked.out, "unreadable" in checked.out) == (
        DAMAGED,
        True,
        False,
    )
    index("check", "--repair")
    assert nothing_was_salvaged()
    rows("DELETE FROM vector_collections")
    assert "engine-damaged" in index("check").out
    assert index("check", "--repair").code == 0
    assert nothing_was_salvaged()


def test_a_collection_that_cannot_be_removed_stops_no_build(index: Command, built: Path, folder: str) -> None:
    rows("INSERT INTO vector_collections VALUES ('left', 'elastic://host/x', NULL)")
    save(built / "cup/new.jpg", 900)
    assert index("build").code == 0
    assert index("build").code == 0
    rows("DELETE FROM vector_collections WHERE name = 'left'")
    assert_engine_holds_the_index(folder)


def directionless(item: int) -> None:
    """Give a content a vector of zeros, as if its encoder had."""
    zeros = bytes(4 * 24)
    with closing(sqlite3.connect(DATABASE)) as database, database:
        facts = "SELECT sha256, fingerprint FROM items, encoders WHERE items.id = ?"
        sha256, fingerprint = database.execute(facts, (item,)).fetchone()
        database.execute(
            "UPDATE embeddings SET vector = ?, checksum = ? WHERE item_id = ? AND space = 'copy'",
            (zeros, embedding_checksum(fingerprint, "copy", sha256, zeros), item),
        )


def test_a_vector_without_a_direction_stays_in_the_database(index: Command, built: Path, folder: str) -> None:
    directionless(3)
    assert index("copy", "--to", folder).code == 0
    assert 3 not in vectors_on_engine(folder, collections()["copy"])
    assert 3 in vectors_on_engine(folder, collections()["object"])
    assert index("check").code == 0
    save(built / "cup/new.jpg", 900)
    assert index("build").code == 0
    assert index("check").code == 0
    assert len(found(index("query", built / "cup/new.jpg", "-k", 5, "--space", "copy", "--json"))) == 5


def test_what_nothing_can_be_near_is_near_nothing(built: Path) -> None:
    from indexer.lookup import Gallery
    from indexer.store import open_store

    store = open_store(Path(".index"))
    gallery = Gallery(store)
    with store.database.reading() as connection:
        index = gallery.open_index(gallery.generation.space("copy"), connection)
        [one] = index.search(np.zeros((1, 24), np.float32), 3)
    assert (len(one.ids), set(one.scores.tolist())) == (24, {0.0})


def test_items_that_lack_their_vectors_are_for_a_repair_first(
    index: Command, built: Path, folder: str
) -> None:
    rows("DELETE FROM embeddings WHERE item_id = 3")
    refused = index("copy", "--to", folder)
    assert (refused.code, "lack a vector" in refused.err) == (DAMAGED, True)
    assert index("check", "--repair").code == 0
    assert index("copy", "--to", folder).code == 0
    assert_engine_holds_the_index(folder)


@pytest.mark.parametrize(
    "url",
    [
        "elastic://host/x",
        "milvus://[::1",
        "faiss://relative",
        "faiss:///etc/hostname/below",
        "faiss:///tmp/%00",
        f"faiss:///tmp/{'x' * 300}",
        "milvus+lite:///tmp/no-suffix",
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_before_anything_is_read(
    url: str, index: Command, pictures: Path
) -> None:
    refused = index("build", pictures, "--vectors", url)
    assert (refused.code, "Traceback" in refused.err) == (REFUSED, False), refused.err
    assert not DATABASE.exists()
    index("build", pictures)
    moved = index("copy", "--to", url)
    assert (moved.code, "Traceback" in moved.err) == (REFUSED, False), moved.err
    assert rows("SELECT * FROM vector_collections") == []
    assert index("build").code == 0
