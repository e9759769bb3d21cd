"""A request is answered by one generation, whatever is committed meanwhile; the next one sees the new one."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from indexer import Index
from indexer.committed import require_generation
from indexer.errors import IndexNotFound
from indexer.store import Store
from indexer.web.galleries import Galleries
from tests.pictures import save
from tests.tiny_encoder import DIM, write_tiny_encoder
from tests.web.conftest import item_of

API = "/api/v1"


def add(store: Store, name: str, seed: int) -> int:
    """Put a picture into the catalogue, build, and return the generation."""
    save(store.base / "catalogue/cup" / name, seed)
    with Index(store.path) as index:
        return index.build().generation


def test_a_request_keeps_its_generation_to_its_end(own: TestClient) -> None:
    galleries, store = own.service.galleries, own.service.store

    probe = np.eye(DIM, dtype=np.float32)[0]

    def found() -> int:
        space = gallery.generation.space("copy")
        return len(gallery.find([probe], [None], 99, space=space, metric=space.metric)[0])

    with galleries.taken() as gallery:
        before = found()
        for number in range(4):  # more generations than are kept on disk
            add(store, f"{number}.png", 800 + number)
            with galleries.taken() as later:
                assert later.generation.id == gallery.generation.id + number + 1
        assert found() == before
    with galleries.taken() as gallery:
        assert found() == before + 4


def test_a_new_generation_is_noticed_by_the_next_request(own: TestClient) -> None:
    assert own.get(f"{API}/status").json()["generation"] == 1
    add(own.service.store, "new.png", 808)
    assert own.get(f"{API}/status").json()["generation"] == 2
    item = item_of(own, "new.png")["item"]
    answer = own.post(f"{API}/query", data={"item": item, "k": 1}).json()
    assert answer["queries"][0]["results"][0]["item"] == item


def test_what_an_old_generation_took_up_is_let_go_with_its_last_request(own_shop: Path) -> None:
    store = Store(own_shop)
    galleries = Galleries(store)
    with galleries.taken() as old:
        index = weakref.ref(old.open_file(old.generation.space("copy")))
        add(store, "new.png", 808)
        with galleries.taken():
            pass
        gc.collect()
        assert index() is not None
    del old
    gc.collect()
    assert index() is None


def test_an_index_is_loaded_once_for_many_that_ask_at_once(own_shop: Path) -> None:
    galleries, barrier = Galleries(Store(own_shop)), threading.Barrier(8)

    def ask(_: int) -> int:
        barrier.wait()
        with galleries.taken() as gallery:
            return id(gallery.open_file(gallery.generation.space("copy")))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_a_generation_by_another_encoder_is_loaded_with_its_own(own: TestClient, tmp_path: Path) -> None:
    other = write_tiny_encoder(tmp_path / "other", seed=1)
    with Index(own.service.store.path, encoder=str(other), jobs=1) as index:
        index.build()
    item = item_of(own, "cup/01")["item"]
    answer = own.post(f"{API}/query", data={"item": item, "k": 1}).json()
    assert answer["queries"][0]["results"][0]["score"] == 1.0
    assert own.get(f"{API}/encoder").json()["spec"]["version"] == "1"


def test_where_the_encoder_is_gone_what_needs_none_is_answered(own: TestClient, tmp_path: Path) -> None:
    other = write_tiny_encoder(tmp_path / "other", seed=2)
    with Index(own.service.store.path, encoder=str(other), jobs=1) as index:
        index.build()
    (other / "model.onnx").unlink()
    item = item_of(own, "cup/01")["item"]
    assert own.post(f"{API}/query", data={"item": item}).status_code == 200
    answer = own.post(f"{API}/query", files=[("image", ("x.jpg", b"x"))])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "wrong_encoder")


def test_a_request_that_is_late_with_an_older_snapshot_takes_the_newest_from_no_other(own_shop: Path) -> None:
    store = Store(own_shop)
    galleries = Galleries(store)
    with store.snapshot() as before, before.database.reading() as connection:
        assert require_generation(connection, before).id == 1
        add(store, "new.png", 808)
        with galleries.taken() as newest:
            assert newest.generation.id == 2
        assert galleries._loaded(before).generation.id == 1
    assert galleries.current is not None
    assert galleries.current.id == 2


def test_without_a_generation_there_is_nothing_to_take(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound), Galleries(Store(tmp_path / ".index")).taken():
        pass
