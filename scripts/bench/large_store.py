"""A large index without an encoder's work: small JPEGs, no two of the same bytes, with vectors that were drawn.

Of ``count`` pictures, ``pairs`` have a near copy: its vector lies at a cosine of 0.95 of theirs. The drawn vectors are
put in by the store's own transaction and have sound checksums: everything but the encoder is as after `index build`.
"""

import hashlib
import io
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, insert, select

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts/bench/speed")]

from simulated import simulated  # noqa: E402

from indexer import Index  # noqa: E402  (found by the line above)
from indexer.checksums import embedding_checksum, file_checksum, item_checksum  # noqa: E402
from indexer.committed import Committed, require_generation  # noqa: E402
from indexer.generations import commit_generation  # noqa: E402
from indexer.store import Store  # noqa: E402
from indexer.tables import Catalogue, Embedding, File, Item  # noqa: E402
from retrieval.effort import EXACT_LIMIT  # noqa: E402
from tests.pictures import picture  # noqa: E402

BASES, SIZE = 64, (320, 240)
LABELS, COSINE = 100, 0.95
_AT_ONCE = 2000


def make_large_store(
    folder: Path, count: int, pairs: int, seed: int = 0, like: Mapping[str, np.ndarray] | None = None
) -> Store:
    """Make ``folder``/catalogue and its index, with the built-in encoder's spaces.

    ``like`` are real (n, dim) vectors by space, which those that are drawn then lie like.
    """
    bases = []
    for number in range(BASES):
        buffer = io.BytesIO()
        picture(number, SIZE).save(buffer, "JPEG", quality=80)
        bases.append(buffer.getvalue())
    catalogue = folder / "catalogue"
    (catalogue / "first").mkdir(parents=True)
    (catalogue / "first/0.jpg").write_bytes(bases[0] + b"first")
    with Index(folder) as index:
        index.build(catalogue)
    store = Store(folder / ".index")
    paths = [catalogue / f"label-{n * LABELS // count:02d}" / f"{n:07d}.jpg" for n in range(count)]
    for path in {path.parent for path in paths}:
        path.mkdir()
    for number, path in enumerate(paths):
        path.write_bytes(bases[number % BASES] + f"{number}".encode())  # behind the end of the picture
    with store.writing():
        with store.database.reading() as connection:
            generation = require_generation(connection, store)
        rows = _Rows(store, generation, paths, pairs, np.random.default_rng(seed), like or {})
        commit_generation(store, generation.encoder_id, generation.metric, EXACT_LIMIT, rows.insert)
    return store


class _Rows:
    """The rows of the pictures, inserted part by part."""

    def __init__(
        self,
        store: Store,
        generation: Committed,
        paths: list[Path],
        pairs: int,
        generator: np.random.Generator,
        like: Mapping[str, np.ndarray],
    ) -> None:
        self._store, self._generation, self._paths = store, generation, paths
        self._vectors = {
            space.name: _vectors(generator, len(paths), pairs, space.dim, like.get(space.name))
            for space in generation.spec.spaces
        }

    def insert(self, connection: Connection) -> None:
        catalogue = connection.execute(select(Catalogue.id)).scalar_one()
        for start in range(0, len(self._paths), _AT_ONCE):
            part = self._paths[start : start + _AT_ONCE]
            contents = [path.read_bytes() for path in part]
            shas = [hashlib.sha256(content).digest() for content in contents]
            facts = [(len(content), *SIZE, "JPEG") for content in contents]
            names = ("size_bytes", "width", "height", "format")
            items = [
                {"sha256": sha, "checksum": item_checksum(sha, *fact), **dict(zip(names, fact, strict=True))}
                for sha, fact in zip(shas, facts, strict=True)
            ]
            ids = connection.execute(insert(Item).returning(Item.id, sort_by_parameter_order=True), items)
            files, embeddings = [], []
            for place, (path, sha, id_) in enumerate(zip(part, shas, ids.scalars().all(), strict=True)):
                files.append(self._file(path, sha, id_, catalogue))
                embeddings += [
                    self._embedding(space, vectors[start + place], sha, id_)
                    for space, vectors in self._vectors.items()
                ]
            connection.execute(insert(File), files)
            connection.execute(insert(Embedding), embeddings)

    def _file(self, path: Path, sha: bytes, id_: int, catalogue: int) -> dict[str, object]:
        stored, status = self._store.stored_path(str(path)), path.stat()
        facts = (status.st_size, status.st_mtime_ns, path.parent.name, {})
        values = dict(zip(("size_bytes", "mtime_ns", "label", "attributes"), facts, strict=True))
        checksum = file_checksum(stored, sha, *facts)
        return {"path": stored, "catalogue_id": catalogue, "item_id": id_, "checksum": checksum, **values}

    def _embedding(self, space: str, vector: np.ndarray, sha: bytes, id_: int) -> dict[str, object]:
        blob = vector.astype("<f4").tobytes()
        checksum = embedding_checksum(self._generation.fingerprint, space, sha, blob)
        values = {"encoder_id": self._generation.encoder_id, "space": space, "item_id": id_}
        return values | {"vector": blob, "checksum": checksum}


def _vectors(
    generator: np.random.Generator, count: int, pairs: int, dim: int, like: np.ndarray | None
) -> np.ndarray:
    """Draw (count, dim) unit vectors; the last ``pairs`` lie near the first ones."""
    if like is None:
        vectors = _unit(generator.standard_normal((count, dim), np.float32))
    else:
        vectors = simulated(like, count, 0)
    near = vectors[:pairs]
    across = generator.standard_normal((pairs, dim), np.float32)
    across = _unit(across - (across * near).sum(axis=1, keepdims=True) * near)
    vectors[count - pairs :] = COSINE * near + np.sqrt(1 - COSINE**2) * across
    return vectors


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
