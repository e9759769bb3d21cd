"""A sandbox that tests share, and pictures for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.decoding.sandbox import Sandbox
from tests.hostile.crafted import photo, saved
from tests.indexer.sandboxes import sandbox_of


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
