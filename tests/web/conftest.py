"""One server over a small index that tests read, and servers of their own for tests that write."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from indexer import Index
from indexer.settings import load_settings
from indexer.store import open_store
from indexer.web.app import create_app
from indexer.web.guard import Access
from indexer.web.responses import json_text
from indexer.web.service import Service
from tests.pictures import make_catalogue, picture

ODD_NAME = os.fsdecode(b"caf\xe9 <img src=x onerror=alert(1)>.jpg")
CAMERA = "a camera that nobody shall know of"

Serve = Callable[..., TestClient]


@contextmanager
def serving(store: Path, access: Access | None = None, **limits: int) -> Iterator[TestClient]:
    """A client of an app that serves the index at ``store``; requests come from this machine."""
    service = Service(open_store(store), load_settings(store, {"jobs": 1} | limits, {}))
    with TestClient(
        create_app(service, access or Access()), base_url="http://127.0.0.1", raise_server_exceptions=False
    ) as client:
        client.service = service
        yield client


def make_shop(folder: Path) -> Path:
    """Twelve pictures of three classes, and what makes a catalogue a real one: copies, odd names, a broken file."""
    catalogue = make_catalogue(folder / "catalogue", per_class=4)
    copy = Image.open(catalogue / "cup/00.jpg")
    copy.resize((copy.width // 2, copy.height // 2)).save(catalogue / "cup/small.png")
    (catalogue / "ewer/again.jpg").write_bytes((catalogue / "ewer/01.jpg").read_bytes())
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = CAMERA, 6  # lies on its side
    picture(900).save(catalogue / "bass" / ODD_NAME, "JPEG", exif=exif, comment=CAMERA.encode())
    (catalogue / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    rows = [f"{name}/0{i}.jpg,{name},{('ann', 'bob')[i % 2]}" for name in ("bass", "cup") for i in range(4)]
    (folder / "labels.csv").write_text("path,label,seller\n" + "\n".join(rows))
    return catalogue


@pytest.fixture(scope="session")
def untouched_shop(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """The folder of an index over a shop. Nothing opens it: a log that comes and goes cannot be copied."""
    folder = tmp_path_factory.mktemp("untouched-shop")
    with Index(folder, encoder=str(tiny_encoder), jobs=1) as index:
        index.build(make_shop(folder), labels=folder / "labels.csv")
    return folder


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, untouched_shop: Path) -> Path:
    """The store of an index over a shop. Tests read it."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(untouched_shop, folder, dirs_exist_ok=True, symlinks=True)
    return folder / ".index"


@pytest.fixture(scope="session")
def client(shop: Path) -> Iterator[TestClient]:
    """A client of a server that many tests share: they change nothing."""
    with serving(shop) as opened:
        yield opened


@pytest.fixture
def own_shop(tmp_path: Path, untouched_shop: Path) -> Path:
    """The store of an index that a test may change: store and catalogue move together."""
    shutil.copytree(untouched_shop, tmp_path, dirs_exist_ok=True, symlinks=True)
    return tmp_path / ".index"


@pytest.fixture
def own(own_shop: Path) -> Iterator[TestClient]:
    """A client of a server over it."""
    with serving(own_shop) as opened:
        yield opened


def as_sent(document: Any) -> Any:
    """A document as a client reads it: names that are no text have been made some."""
    return json.loads(json_text(document))


def item_of(client: TestClient, name: str) -> dict:
    """The item whose path has ``name`` in it."""
    found = client.get("/api/v1/items", params={"path": name}).json()["items"]
    assert len(found) == 1, found
    return found[0]


def found_groups(client: TestClient, generation: int = 1) -> dict:
    """The groups of a generation, as soon as they are found."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        answer = client.get("/api/v1/groups", params={"state": "all", "limit": 500}).json()
        if answer["state"] != "computing" and answer["generation"] == generation:
            return answer
        time.sleep(0.05)
    raise AssertionError(answer)
