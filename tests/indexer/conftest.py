"""A sandbox that tests share, pictures for it, and an index to damage."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.decoding.sandbox import Sandbox
from tests.hostile.crafted import photo, saved
from tests.indexer.sandboxes import sandbox_of
from tests.indexer.shop import make_shop


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with sandbox_of() as sandbox:
        yield sandbox


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """12 small JPEGs, no two alike."""
    paths = [tmp_path / f"{number:02d}.jpg" for number in range(12)]
    for number, path in enumerate(paths):
        path.write_bytes(saved(photo(60 + number, 50), "JPEG"))
    return paths


@pytest.fixture(scope="session")
def shop_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop-template")
    make_shop(folder)
    return folder


@pytest.fixture
def place(shop_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop and its index (`tests.indexer.shop`), as the working directory."""
    copy = tmp_path / "place"
    shutil.copytree(shop_template, copy)
    monkeypatch.delenv("INDEX_ENCODER", raising=False)
    monkeypatch.setenv("INDEX_JOBS", "1")
    monkeypatch.chdir(copy)
    return copy
