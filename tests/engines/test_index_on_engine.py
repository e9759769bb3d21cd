"""An index whose vectors an engine searches answers as one that has them in files."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer import Index
from indexer.lookup import Gallery
from indexer.stamp import STAMP_FILE
from indexer.store import open_store
from indexer.vectors.faiss_store import FaissStore
from indexer.vectors.open import open_vectors
from indexer.vectors.protocol import Columns
from retrieval.similarity import Float32, Int64
from tests.conftest import Answer, Command
from tests.engines.conftest import Engine
from tests.engines.held import (
    DIM,
    assert_engine_holds_the_index,
    changed_on_engine,
    collections,
    forget,
    on_engine,
    rows,
    vectors_in_database,
)
from tests.engines.relay import wire_to
from tests.indexer.test_stamp import age
from tests.pictures import save
from tests.tiny_encoder import write_tiny_encoder

if TYPE_CHECKING:
    from starlette.testclient import TestClient

UNAVAILABLE, DAMAGED = 17, 12


def found(answer: Answer) -> list[tuple[str, float]]:
    assert answer.code == 0, answer.err
    [query] = answer.json()["queries"]
    return [(match["path"], round(match["score"], 9)) for match in query["results"]]


def answers(index: Command, pictures: Path) -> list[object]:
    """What an index says of several pictures, by all that a query can be asked for."""
    asked = ((), ("--space", "copy"), ("--where", "label=cup"), ("--metric", "l2"), ("-k", 30))
    told: list[object] = [
        found(index("query", path, "-k", 5, *one, "--json"))
        for path in sorted(pictures.rglob("*.jpg"))[::16]
        for one in asked
    ]
    return [*told, copies(index), copies(index, "--threshold", 0.99)]


def copies(index: Command, *options: object) -> object:
    said = index("dedupe", *options, "--json").out
    return json.loads(re.sub(r'"seconds": [0-9.]+', '"seconds": 0', said))


def test_answers_are_those_of_an_index_in_files(index: Command, pictures: Path, url: str) -> None:
    assert index("build", pictures).code == 0
    in_files, verified = answers(index, pictures), copies(index, "--verify", "--threshold", 0.99)
    moved = index("copy", "--to", url, "--json")
    assert moved.code == 0, moved.err
    assert (moved.json()["vectors"], moved.json()["recall"]) == (48, {"copy": 1.0, "object": 1.0})
    assert_engine_holds_the_index(url)
    assert answers(index, pictures) == in_files
    assert copies(index, "--verify", "--threshold", 0.99) == verified
    assert index("check").code == 0
    assert index("copy", "--to", "files").code == 0
    assert answers(index, pictures) == in_files
    index("label", pictures / "cup/00.jpg", "mug")
    assert index("build").code == 0
    assert index("build").code == 0
    save(pictures / "cup/one.jpg", 910)
    index("build")
    assert on_engine(url) == set()


def test_builds_go_on_where_the_vectors_are(index: Command, pictures: Path, url: str) -> None:
    assert index("build", pictures, "--vectors", url).code == 0
    first = collections()
    save(pictures / "cup/new.jpg", 900)
    (pictures / "cup/00.jpg").unlink()
    built = index("build", "--json").json()
    assert (built["encoded"], built["search"]["copy"]["kind"]) == (1, "engine")
    assert collections() == first
    assert_engine_holds_the_index(url)
    assert found(index("query", pictures / "cup/new.jpg", "-k", 1, "--json"))[0][0] == "catalogue/cup/new.jpg"
    assert index("remove", pictures / "cup/new.jpg").code == 0
    assert_engine_holds_the_index(url)
    age(Path(".index"))
    assert index("build", "--json").json()["generation"] == 3
    assert not Path(".index", STAMP_FILE).exists()  # whose answer would not ask the engine
    status = index("status", "--json").json()["search"]["copy"]
    assert (status["url"], status["waiting"], status["collection"]) == (url, 0, first["copy"])
    assert url in index("status").out


def test_an_index_that_is_open_follows_what_another_commits(index: Command, pictures: Path, url: str) -> None:
    index("build", pictures, "--vectors", url)
    with Index(".") as opened:
        assert opened.query(pictures / "cup/01.jpg", 1)[0].score == 1
        assert index("check").code == 0  # by a handle of its own
        assert opened.query(pictures / "cup/02.jpg", 1)[0].score == 1
        save(pictures / "cup/new.jpg", 900)
        index("build")
        assert opened.query(pictures / "cup/new.jpg", 1)[0].path == "catalogue/cup/new.jpg"


def test_an_index_that_is_open_follows_what_is_sent_later(
    index: Command, pictures: Path, url: str, build_unsent: Callable[[], None]
) -> None:
    index("build", pictures, "--vectors", url)
    new = save(pictures / "cup/new.jpg", 900)
    build_unsent()
    with Index(".") as opened:
        assert opened.query(new, 1)[0].path == "catalogue/cup/new.jpg"
        assert len(rows("SELECT * FROM vector_changes")) == 1
        assert index("build", "--json").json()["generation"] == 2
        assert_engine_holds_the_index(url)
        assert opened.query(new, 1)[0].path == "catalogue/cup/new.jpg"


def test_what_waits_for_an_engine_is_forgotten_with_it(
    index: Command, pictures: Path, url: str, build_unsent: Callable[[], None]
) -> None:
    index("build", pictures, "--vectors", url)
    new = save(pictures / "cup/new.jpg", 900)
    build_unsent()
    assert index("copy", "--to", "files").code == 0
    assert rows("SELECT * FROM vector_changes") == []
    assert found(index("query", new, "-k", 1, "--json")) == [("catalogue/cup/new.jpg", 1)]


def test_a_reader_whose_collections_are_gone_moves_on(index: Command, pictures: Path, url: str) -> None:
    index("build", pictures, "--vectors", url)
    store = open_store(Path(".index"))
    gallery = Gallery(store)
    with store.database.reading() as connection:
        gallery.follow(connection)
        for _ in range(2):
            assert index("copy", "--to", url).code == 0
        gallery.follow(connection)
        assert gallery.generation.id == 1
        space = gallery.generation.space("copy")
        gallery.open_current(connection, space)
        assert gallery.generation.id == 3
        assert (
            len(gallery.open_index(space, connection).search(np.eye(1, DIM, dtype=np.float32), 5)[0].ids) == 5
        )


def test_a_server_asks_the_engine_and_follows_builds(index: Command, pictures: Path, url: str) -> None:
    pytest.importorskip("fastapi", reason="needs: pip install 'siamese-index[serve]'")
    from tests.web.conftest import serving

    def nearest(client: "TestClient", picture: Path) -> tuple[str, float]:
        sent = [("image", (picture.name, picture.read_bytes()))]
        best = client.post("/api/v1/query", files=sent).json()["queries"][0]["results"][0]
        return Path(best["path"]).name, best["score"]

    index("build", pictures, "--vectors", url)
    with serving(Path(".index")) as client:
        assert nearest(client, pictures / "cup/00.jpg") == ("00.jpg", 1)
        new = save(pictures / "cup/new.jpg", 900)
        assert nearest(client, new)[0] != "new.jpg"
        index("build")
        assert nearest(client, new) == ("new.jpg", 1)
        for name in collections().values():
            forget(url, name)
        save(pictures / "cup/more.jpg", 901)
        index("build")
        assert nearest(client, new) == ("new.jpg", 1)


def test_another_encoder_fills_other_collections_and_the_old_ones_go(
    index: Command, pictures: Path, workplace: Path, url: str
) -> None:
    index("build", pictures, "--vectors", url)
    first = collections()
    other = write_tiny_encoder(workplace / "other", seed=5)
    for turn in range(2):
        save(pictures / f"cup/new{turn}.jpg", 900 + turn)
        assert index("build", "--encoder", other).code == 0
        assert_engine_holds_the_index(url)
    assert set(collections().values()).isdisjoint(first.values())
    assert on_engine(url) == set(collections().values())


def test_two_indexes_on_one_engine_never_meet(
    index: Command, pictures: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INDEX_VECTORS", url)
    index("build", pictures, "--store", "one")
    index("build", pictures / "cup", "--store", "two")
    index("build", pictures, "--store", "one")
    assert len(on_engine(url)) == 4
    for store, count in (("one", 24), ("two", len(list((pictures / "cup").iterdir())))):
        assert index("check", "--store", store).code == 0
        asked = index("query", pictures / "cup/00.jpg", "-k", 30, "--store", store, "--json")
        assert len(found(asked)) == count


def test_vectors_that_the_engine_lost_are_told_and_filled_again(
    index: Command, pictures: Path, url: str
) -> None:
    for mend in (("build",), ("check", "--repair")):
        index("build", pictures, "--vectors", url)
        forget(url, collections()["object"])
        asked = index("query", pictures / "cup/00.jpg")
        assert (asked.code, url in asked.err, "Traceback" in asked.err) == (UNAVAILABLE, True, False)
        assert "engine-damaged" in index("check").out
        assert index(*mend).code == 0
        assert_engine_holds_the_index(url)
        assert index("query", pictures / "cup/00.jpg").code == 0


def test_an_engine_that_went_back_in_time_is_filled_again(index: Command, pictures: Path, url: str) -> None:
    index("build", pictures, "--vectors", url)
    save(pictures / "cup/new.jpg", 900)
    index("build")
    for name in collections().values():
        with closing(open_vectors(url, DIM, part=name)) as store:
            store.commit(0)
    assert "went back to an older state" in index("check").out
    assert index("build").code == 0
    assert_engine_holds_the_index(url)


def test_what_is_missing_too_much_or_stale_is_counted_and_mended(
    index: Command, pictures: Path, url: str
) -> None:
    index("build", pictures, "--vectors", url)
    items = sorted(vectors_in_database("copy"))
    changed_on_engine(url, collections()["copy"], without=items[0], beside=10**6, other=items[1])
    checked = index("check")
    assert checked.code == DAMAGED
    assert "space 'copy': 1 vectors missing, 1 too many, 1 not the same" in checked.out
    assert "'object'" not in checked.out
    assert index("check", "--repair").code == 0
    assert_engine_holds_the_index(url)


def test_the_row_that_says_where_the_vectors_are_can_be_lost(
    index: Command, pictures: Path, url: str
) -> None:
    index("build", pictures, "--vectors", url)
    left = on_engine(url)
    rows("DELETE FROM vector_collections")
    assert index("query", pictures / "cup/00.jpg").code == DAMAGED
    assert index("check").code == DAMAGED
    assert index("check", "--repair").code == 0
    assert index("check").code == 0
    assert index("query", pictures / "cup/00.jpg").code == 0
    for name in left:
        forget(url, name)


def test_a_url_that_is_none_changes_nothing(index: Command, pictures: Path, workplace: Path) -> None:
    index("build", pictures)
    for wrong in ("elastic://host/x", "faiss://relative"):
        refused = index("build", "--vectors", wrong)
        assert (refused.code, "Traceback" in refused.err) == (2, False)
        assert index("copy", "--to", wrong).code == 2
    assert index("status", "--json").json()["generation"] == 1
    assert rows("SELECT * FROM vector_collections") == []
    assert index("check").code == 0


def test_an_engine_that_does_not_hold_what_was_written_is_not_moved_to(
    index: Command, pictures: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert = FaissStore.upsert

    def forgetful(store: FaissStore, ids: Int64, vectors: Float32, attributes: Columns) -> None:
        upsert(store, ids[1:], vectors[1:], attributes)

    index("build", pictures)
    monkeypatch.setattr(FaissStore, "upsert", forgetful)
    for _ in range(3):
        refused = index("copy", "--to", f"faiss://{workplace}/engine")
        assert (refused.code, "1 vectors missing, 0 too many" in refused.err) == (UNAVAILABLE, True)
        assert len(on_engine(f"faiss://{workplace}/engine")) == 1  # which the next try, or build, removes
    assert collections() == {}
    assert index("check").code == 0


def test_an_engine_that_moved_is_not_filled_again(index: Command, pictures: Path, workplace: Path) -> None:
    index("build", pictures, "--vectors", f"faiss://{workplace}/before")
    named = collections()
    (workplace / "before").rename(workplace / "after")
    save(pictures / "cup/new.jpg", 900)
    assert index("build", "--vectors", f"faiss://{workplace}/after").code == 0
    assert collections() == named
    assert index("build").code == 0
    assert not (workplace / "before").exists()
    assert_engine_holds_the_index(f"faiss://{workplace}/after")


def test_the_settings_are_not_contradicted(
    index: Command, pictures: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INDEX_VECTORS", "files")
    index("build", pictures)
    refused = index("copy", "--to", url)
    assert (refused.code, "INDEX_VECTORS" in refused.err) == (2, True)


def test_vectors_that_are_compared_by_distance_stay_in_files(
    index: Command, pictures: Path, workplace: Path, url: str
) -> None:
    encoder = write_tiny_encoder(workplace / "by-distance", metric="l2")
    assert index("build", pictures, "--encoder", encoder, "--vectors", url).code == 0
    assert collections() == {}
    assert index("query", pictures / "cup/00.jpg", "--metric", "l2").code == 0
    assert "compared by cosine" in index("copy", "--to", url).err


def test_a_server_that_is_gone_stops_no_build_and_loses_nothing(
    index: Command, pictures: Path, url: str, engine: Engine
) -> None:
    if engine.name != "milvus":
        pytest.skip("only a server of this machine is at the other end of a wire that can be cut")
    host, _, name = url.removeprefix("milvus://").partition("/")
    with wire_to(int(host.rpartition(":")[2])) as port:
        assert index("build", pictures, "--vectors", f"milvus://127.0.0.1:{port}/{name}").code == 0
    assert index("query", pictures / "cup/00.jpg").code == UNAVAILABLE
    assert "engine-unreachable" in index("check").out
    save(pictures / "cup/new.jpg", 900)
    built = index("build")
    assert (built.code, "generation 2 is committed" in built.err) == (UNAVAILABLE, True)
    assert index("status", "--json").json()["search"]["copy"]["waiting"] == 1
    again = index("build", "--vectors", url)  # the same server, under another address
    assert again.code == 0, again.err
    assert_engine_holds_the_index(url)
    assert index("status", "--json").json()["generation"] == 2


def test_a_server_that_is_gone_leaves_an_index_where_it_was(
    index: Command, pictures: Path, url: str, engine: Engine
) -> None:
    if not engine.is_server:
        pytest.skip("a folder is always there")
    index("build", pictures)
    for moving in (("copy", "--to"), ("build", "--vectors")):
        refused = index(*moving, "milvus://127.0.0.1:1/gone")
        assert (refused.code, "Traceback" in refused.err) == (UNAVAILABLE, False)
    assert index("query", pictures / "cup/00.jpg").code == 0
    assert index("status", "--json").json()["search"]["copy"]["kind"] == "flat"
    index("copy", "--to", url)
    assert index("build", "--vectors", "milvus://127.0.0.1:1/gone").code == UNAVAILABLE
    assert_engine_holds_the_index(url)
