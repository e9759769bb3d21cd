"""The engines that the same tests are run against, each with a store that is filled, and one to be changed.

``INDEX_TEST_MILVUS_URL=milvus://HOST:PORT`` adds a server of your own; what the tests make there, they remove.
"""

import contextlib
import importlib.util
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from indexer.vectors.filters import Kind
from indexer.vectors.open import TOKEN, open_vectors
from indexer.vectors.protocol import VectorStore
from tests.conftest import Command
from tests.engines.catalogue import COUNT, DIM, KINDS, Catalogue, make, outdated
from tests.engines.server import milvus_server
from tests.pictures import make_catalogue

OWN = "INDEX_TEST_MILVUS_URL"
NEEDS = {
    "faiss": (),
    "milvus+lite": ("pymilvus", "milvus_lite"),
    "milvus": ("pymilvus", "milvus"),
    OWN: ("pymilvus",),
}
SMALL_DIM = 8


@dataclass(frozen=True)
class Engine:
    """One of the engines, and what the URLs of stores in it begin and end with."""

    name: str
    prefix: str
    suffix: str

    def url(self, store: str) -> str:
        return f"{self.prefix}{store}{self.suffix}"

    def open(self, store: str, dim: int, kinds: Mapping[str, Kind] = KINDS) -> VectorStore:
        return open_vectors(self.url(store), dim, kinds)

    @property
    def is_server(self) -> bool:
        return self.name in ("milvus", OWN)


def missing(engine: str) -> str:
    """Why the tests are not run against an engine; nothing where they are."""
    if engine == OWN and OWN not in os.environ:
        return f"set {OWN}=milvus://HOST:PORT to run these tests on a server of your own"
    libraries = [library for library in NEEDS[engine] if importlib.util.find_spec(library) is None]
    return f"{' and '.join(libraries)} not installed: run `make test-engines`" if libraries else ""


def needs(engine: str) -> None:
    """Skip a test where an engine is not."""
    if why := missing(engine):
        pytest.skip(why)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return make()


@pytest.fixture(scope="session", params=[one for one in NEEDS if not missing(one)])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    name: str = request.param
    folder = tmp_path_factory.mktemp("engine")
    with contextlib.ExitStack() as running:
        if name == "faiss":
            yield Engine(name, f"faiss://{folder}/", "")
        elif name == "milvus+lite":
            yield Engine(name, f"milvus+lite://{folder}/", ".db")
        elif name == "milvus":
            url = running.enter_context(milvus_server(folder / "data"))
            yield Engine(name, f"{url}/", "")
        else:
            url = os.environ[OWN]
            unique = f"test_{uuid.uuid4().hex[:8]}_"
            running.callback(remove_stores, url, unique)
            yield Engine(name, f"{url.rstrip('/')}/{unique}", "")


@pytest.fixture
def pictures(workplace: Path) -> Path:
    """24 pictures in a folder per class, for an index."""
    return make_catalogue(workplace / "catalogue")


@pytest.fixture
def url(engine: Engine) -> str:
    """Where an index's vectors come to lie, which nobody else uses."""
    return engine.url(f"i{uuid.uuid4().hex[:8]}")


@pytest.fixture
def build_unsent(index: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Build, and have the engine not follow, as if the build had been killed before."""

    def build() -> None:
        with monkeypatch.context() as stopped:
            stopped.setattr("indexer.generations.follow", lambda store: None)
            assert index("build").code == 0

    return build


@pytest.fixture(scope="session")
def filled(engine: Engine, catalogue: Catalogue) -> Iterator[VectorStore]:
    """A store that holds the catalogue, opened again: some of it written twice, and some removed, after a seal."""
    store = engine.open("filled", DIM)
    extra = np.arange(10**12, 10**12 + 200)
    _, vectors, columns = catalogue.rows(slice(0, 200))
    store.upsert(extra, vectors, columns)
    store.upsert(*outdated(catalogue, slice(0, 300)).rows(slice(None)))
    for start in range(300, COUNT, 5000):
        store.upsert(*catalogue.rows(slice(start, start + 5000)))
    with sealed(engine, "filled"):
        store.upsert(*catalogue.rows(slice(0, 300)))
        store.delete(extra)
        store.commit(41)
        store.commit(42)
        store.close()
        store = engine.open("filled", DIM)
    yield store
    store.close()


@pytest.fixture(scope="session")
def changing(engine: Engine) -> Iterator[VectorStore]:
    store = engine.open("changing", SMALL_DIM)
    yield store
    store.close()


@pytest.fixture
def store(changing: VectorStore) -> VectorStore:
    """An empty store of vectors of 8 values."""
    for ids, _ in changing.iterate():
        changing.delete(ids)
    return changing


@contextlib.contextmanager
def sealed(engine: Engine, store: str) -> Iterator[None]:
    """Have a server build its graphs and search them: it does so by itself when much was written, or time has passed.

    It does while the block runs, and after it is waited for.
    """
    if not engine.is_server:
        yield
        return
    client = server_client(engine.url(store))
    client.flush(store_name(engine, store))
    yield
    until = time.monotonic() + 90
    while sum(one.num_rows for one in client.list_loaded_segments(store_name(engine, store))) < COUNT:
        assert time.monotonic() < until
        time.sleep(0.5)
    assert client.describe_index(store_name(engine, store), "vector")["pending_index_rows"] == 0
    client.close()
    time.sleep(
        3
    )  # for a second what was loaded is searched without its graph, and filters then cost it a fifth


def store_name(engine: Engine, store: str) -> str:
    return Path(engine.url(store)).name


def server_client(url: str):  # type: ignore[no-untyped-def]
    from pymilvus import MilvusClient

    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
    scheme, _, rest = url.partition("://")
    secure = scheme == "milvuss"
    return MilvusClient(
        uri=f"{'https' if secure else 'http'}://{rest.partition('/')[0]}",
        token=os.environ.get(TOKEN, "") if secure else "",
    )


def remove_stores(url: str, prefix: str) -> None:
    client = server_client(url)
    for collection in client.list_collections():
        if collection.startswith(prefix):
            for alias in client.list_aliases(collection)["aliases"]:
                client.drop_alias(alias)
            client.drop_collection(collection)
    client.close()
