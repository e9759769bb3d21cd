"""What `index export URL` puts into a vector store is the index's contents, and is found there by the same scores."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer.checksums import embedding_checksum
from indexer.engine_export import ATTRIBUTES
from indexer.vectors.filters import Eq
from indexer.vectors.open import open_vectors
from tests.conftest import Command
from tests.pictures import save
from tests.tiny_encoder import write_tiny_encoder

DIM = 24


@pytest.fixture(params=["faiss", "milvus+lite"])
def url(request: pytest.FixtureRequest, workplace: Path) -> str:
    if request.param == "faiss":
        return f"faiss://{workplace}/exported"
    pytest.importorskip("pymilvus", reason="needs: pip install 'siamese-index[milvus]'")
    pytest.importorskip("milvus_lite", reason="needs: pip install milvus-lite")
    return f"milvus+lite://{workplace}/exported.db"


def vectors_by_path(index: Command) -> dict[str, np.ndarray]:
    assert index("export", "vectors.npz", "--space", "copy").code == 0
    with np.load("vectors.npz") as data:
        return dict(zip(data["path"].tolist(), data["vectors"], strict=True))


def test_every_content_is_found_by_its_vector_and_by_its_label(
    index: Command, catalogue: Path, url: str
) -> None:
    index("build", catalogue)
    written = index("export", url, "--space", "copy", "--json")
    assert (written.code, written.json()) == (0, {"file": url, "rows": 24}), written.err
    by_path = vectors_by_path(index)
    with closing(open_vectors(url, DIM, ATTRIBUTES)) as store:
        assert (store.count(), store.committed()) == (24, 1)
        for path, vector in by_path.items():
            found, scores = store.search(vector[None], 1, Eq("path", path))
            assert found[0, 0] > 0
            assert scores[0, 0] == pytest.approx(1, abs=1e-6)
        assert store.count(Eq("label", "cup")) == sum("/cup/" in path for path in by_path)


def test_a_second_export_replaces_the_first(index: Command, catalogue: Path, url: str) -> None:
    index("build", catalogue)
    index("export", url, "--space", "copy")
    (catalogue / "cup/00.jpg").unlink()
    save(catalogue / "cup/new.jpg", 900)
    index("build")
    assert index("export", url, "--space", "copy").code == 0
    with closing(open_vectors(url, DIM, ATTRIBUTES)) as store:
        assert (store.count(), store.committed()) == (24, 2)
        assert store.count(Eq("path", "catalogue/cup/00.jpg")) == 0
        assert store.count(Eq("path", "catalogue/cup/new.jpg")) == 1


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("elastic://host/x", 2, "names no vector store"),
        ("faiss://relative/path", 2, "names no absolute path"),
        ("vectors.txt", 2, "end its name with"),
    ],
)
def test_a_target_that_is_none_is_told(
    target: str, code: int, said: str, index: Command, catalogue: Path
) -> None:
    index("build", catalogue)
    answer = index("export", target)
    assert (answer.code, said in answer.err) == (code, True), answer.err


def test_a_vector_without_a_direction_is_told(index: Command, catalogue: Path, workplace: Path) -> None:
    index("build", catalogue)
    zeros = bytes(4 * DIM)
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        sha256, fingerprint = database.execute(
            "SELECT sha256, fingerprint FROM items, encoders WHERE items.id = 1"
        ).fetchone()
        database.execute(
            "UPDATE embeddings SET vector = ?, checksum = ? WHERE item_id = 1 AND space = 'copy'",
            (zeros, embedding_checksum(fingerprint, "copy", sha256, zeros)),
        )
    answer = index("export", f"faiss://{workplace}/exported", "--space", "copy")
    assert (answer.code, "Traceback" in answer.err, "'copy'" in answer.err) == (2, False, True), answer.err


def test_vectors_that_are_compared_by_distance_are_refused(
    index: Command, catalogue: Path, workplace: Path
) -> None:
    encoder = write_tiny_encoder(workplace / "by-distance", metric="l2")
    index("build", catalogue, "--encoder", encoder)
    answer = index("export", f"faiss://{workplace}/exported")
    assert (answer.code, "unit length" in answer.err) == (2, True), answer.err
