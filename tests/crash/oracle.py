"""What must be true of a store after any fault, checked without trusting the program that wrote it.

Rows are read straight from SQLite (from a copy, so that looking changes nothing), FAISS files straight with FAISS,
and answers are compared with brute force over the rows. Each failure names the invariant that is broken.
"""

import hashlib
import json
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import faiss
import numpy as np
from PIL import Image

from indexer import Index
from indexer.check import check
from indexer.errors import IndexNotFound
from indexer.lookup import Gallery
from indexer.store import Store, open_store

SAME_VECTOR = 1e-5  # a picture's place in its batch may move a vector's last bits
SAME_SCORE = 1e-6
PERMANENT = {"catalog.db", "index.toml", "lock", "faiss", "unchanged.json"}

Vectors = dict[str, dict[str, np.ndarray]]
FileState = tuple[str, str | None, str]


@dataclass(frozen=True)
class Snapshot:
    """One committed state: ``files`` as {path: (content, label, attributes)}, ``vectors`` by space and content."""

    generation: int
    metric: str
    files: dict[str, FileState]
    vectors: Vectors = field(repr=False)

    def differences(self, other: "Snapshot") -> list[str]:
        """Say where two states differ, whatever their generations' numbers."""
        told = [
            f"{path}: {self.files.get(path)} instead of {other.files.get(path)}"
            for path in sorted(self.files.keys() | other.files.keys())
            if self.files.get(path) != other.files.get(path)
        ]
        if self.metric != other.metric:
            told.append(f"metric {self.metric} instead of {other.metric}")
        for space in sorted(self.vectors.keys() | other.vectors.keys()):
            ours, theirs = self.vectors.get(space, {}), other.vectors.get(space, {})
            if ours.keys() != theirs.keys():
                told.append(f"space {space}: vectors of {len(ours)} contents instead of {len(theirs)}")
            elif not all(np.allclose(ours[sha], theirs[sha], atol=SAME_VECTOR) for sha in ours):
                told.append(f"space {space}: other vectors")
        return told

    def digest(self) -> str:
        """Name the state by all that it holds, vectors to the last bit."""
        digest = hashlib.sha256(json.dumps([self.metric, sorted(self.files.items())]).encode())
        for space, vectors in sorted(self.vectors.items()):
            for sha, vector in sorted(vectors.items()):
                digest.update(f"{space} {sha}".encode() + vector.tobytes())
        return digest.hexdigest()

    def answer(self, space: str, query: np.ndarray, k: int) -> list[tuple[str, float]]:
        """Return the k nearest (path, score) by brute force, ties by path."""
        vectors = self.vectors[space]
        scored = []
        for path, (sha, _, _) in self.files.items():
            dot = float(query.astype(np.float64) @ vectors[sha].astype(np.float64))
            norms = np.linalg.norm(query.astype(np.float64)) * np.linalg.norm(vectors[sha].astype(np.float64))
            scored.append((path, dot / norms))
        return sorted(scored, key=lambda entry: (-round(entry[1], 9), entry[0]))[:k]


def tree_digest(root: Path) -> str:
    """Name a folder by its names, contents, sizes, modes and times of change."""
    digest = hashlib.sha256()
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"{path} {status.st_size} {status.st_mode} {status.st_mtime_ns}".encode())
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


@contextmanager
def database_copy(store: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of the database and its log.

    Another process copies them: one that closes a file gives up all its POSIX locks on it, and with them those that
    keep the log under its own readers (sqlite.org/howtocorrupt.html, 2.2).
    """
    with tempfile.TemporaryDirectory(prefix="index-look-") as folder:
        # The log first: what a reader that ends meanwhile puts from it into the database is then there twice, not never.
        for name in ("catalog.db-wal", "catalog.db"):
            if (store / name).exists():  # a build that ends meanwhile takes its log away
                subprocess.run(
                    ["cp", store / name, folder], stderr=subprocess.DEVNULL, check=name == "catalog.db"
                )
        with closing(sqlite3.connect(Path(folder) / "catalog.db")) as connection:
            yield connection


def read_snapshot(store: Path) -> Snapshot | None:
    """Read the current generation's state, or None where none was committed."""
    if not (store / "catalog.db").exists():
        return None
    with database_copy(store) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        newest = "SELECT id, encoder_id, metric FROM generations ORDER BY id DESC LIMIT 1"
        row = connection.execute(newest).fetchone() if "generations" in tables else None
        if row is None:
            return None
        generation, encoder, metric = row
        files = {
            os.path.normpath(store.parent / os.fsdecode(path)): (
                sha.hex(),
                label,
                json.dumps(json.loads(attributes), sort_keys=True),
            )
            for path, sha, label, attributes in connection.execute(
                "SELECT path, sha256, label, attributes FROM files JOIN items ON items.id = files.item_id"
            )
        }
        return Snapshot(generation, metric, files, _vectors(connection, encoder, held=True))


def encoded_contents(store: Path) -> set[str]:
    """Return the contents that have a vector in every space, held by a file or not."""
    if not (store / "catalog.db").exists():
        return set()
    with database_copy(store) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        encoders = connection.execute("SELECT id FROM encoders").fetchall() if "encoders" in tables else []
        if not encoders:
            return set()
        spaces = _vectors(connection, encoders[-1][0], held=False)
        return set.intersection(*map(set, spaces.values())) if spaces else set()


def _vectors(connection: sqlite3.Connection, encoder: int, *, held: bool) -> Vectors:
    vectors: Vectors = {}
    only_held = "AND items.id IN (SELECT item_id FROM files)" if held else ""
    for space, sha, blob in connection.execute(
        f"SELECT space, sha256, vector FROM embeddings JOIN items ON items.id = item_id WHERE encoder_id = ? {only_held}",
        (encoder,),
    ):
        vectors.setdefault(space, {})[sha.hex()] = np.frombuffer(blob, "<f4")
    return vectors


def assert_store_sound(
    store: Path,
    *,
    states: Sequence[Snapshot | None],
    acknowledged: int = 0,
    catalogue: tuple[Path, str] | None = None,
    picture: Path | None = None,
) -> Snapshot | None:
    """Hold a store to the invariants that no fault may break; return the state that it is in.

    ``states`` are the committed states that it may be in (None: nothing committed yet), ``acknowledged`` the newest
    generation that a command reported, ``catalogue`` a folder and its digest from before, ``picture`` a file that
    every state holds.
    """
    if catalogue is not None:
        assert tree_digest(catalogue[0]) == catalogue[1], "catalogue untouched: the catalogue was written to"
    state = read_snapshot(store)
    found = state.generation if state else 0
    assert found >= acknowledged, (
        f"durable: generation {acknowledged} was reported, {found or 'none'} is there"
    )
    _assert_one_of(state, states)
    if state is None:
        _assert_says_that_nothing_is_there(store)
        return None
    _assert_files_are_those_that_rows_name(store, state)
    _assert_answers(store, state)
    if picture is not None:
        _assert_answers_a_picture(store, state, picture)
    return state


def _assert_one_of(state: Snapshot | None, states: Sequence[Snapshot | None]) -> None:
    if state is None:
        assert None in states, "atomic: nothing is committed, though something was"
        return
    known = [allowed for allowed in states if allowed is not None]
    same = [allowed for allowed in known if allowed.generation == state.generation]
    told = [state.differences(allowed) for allowed in same or known]
    assert told, "atomic: a generation is there, though nothing was committed"
    closest = min(told, key=len)
    assert not closest, f"atomic: no committed state; the nearest one differs: {closest[:3]}"


def _assert_says_that_nothing_is_there(store: Path) -> None:
    try:
        Gallery(open_store(store))
    except IndexNotFound:
        return
    raise AssertionError("never silently wrong: an index without a generation was opened")


def _assert_files_are_those_that_rows_name(store: Path, state: Snapshot) -> None:
    with database_copy(store) as connection:
        named = connection.execute(
            "SELECT generation_id, space, sha256, size_bytes FROM faiss_files"
        ).fetchall()
        held = connection.execute(
            "SELECT DISTINCT item_id, hex(sha256) FROM files JOIN items ON items.id = item_id ORDER BY item_id"
        ).fetchall()
        counts = connection.execute(
            "SELECT item_count, file_count FROM generations WHERE id = ?", (state.generation,)
        ).fetchone()
    assert counts == (len(held), len(state.files)), (
        f"referential: generation says {counts}, rows say {len(held)}"
    )
    spaces = {space for generation, space, _, _ in named if generation == state.generation}
    assert spaces, f"referential: generation {state.generation} names no FAISS file"
    for generation, space, sha, size_bytes in named:
        path = store / "faiss" / f"{sha}.faiss"
        assert path.is_file(), f"referential: generation {generation} names {path}, which is missing"
        content = path.read_bytes()
        sound = (hashlib.sha256(content).hexdigest(), len(content)) == (sha, size_bytes)
        assert sound, f"referential: {path} is not what generation {generation} names"
        if generation == state.generation:
            index = faiss.read_index(str(path))
            ids = faiss.vector_to_array(index.id_map).tolist()
            assert ids == [row[0] for row in held], f"referential: {path} holds other items than the rows"
            flat = faiss.downcast_index(index.index).reconstruct_n(0, index.ntotal)
            stored = [state.vectors[space][sha256.lower()] for _, sha256 in held]
            assert np.array_equal(flat, stored), f"referential: {path} holds other vectors than the rows"


def _assert_answers(store: Path, state: Snapshot) -> None:
    """Ask for a few stored vectors and a strange one, in every space."""
    gallery = Gallery(open_store(store))
    for space in gallery.generation.spec.spaces:
        vectors = state.vectors[space.name]
        chosen = [vectors[sha] for sha in sorted(vectors)[:: max(1, len(vectors) // 4)]]
        strange = np.random.default_rng(0).normal(size=space.dim).astype(np.float32)
        queries = [*chosen, strange / np.linalg.norm(strange)]
        answers = gallery.find(
            np.stack(queries), [None] * len(queries), 7, space=space, metric=gallery.generation.metric
        )
        for query, matches in zip(queries, answers, strict=True):
            expected = state.answer(space.name, query, 7)
            got = [(os.path.abspath(match.path), match.score) for match in matches]
            assert [path for path, _ in got] == [path for path, _ in expected], (
                f"atomic: space {space.name} answers {got}, brute force over the generation {expected}"
            )
            assert np.allclose([s for _, s in got], [s for _, s in expected], atol=SAME_SCORE), (
                f"atomic: space {space.name} scores {got}, brute force over the generation {expected}"
            )
            for match in matches:
                _, label, attributes = state.files[os.path.abspath(match.path)]
                told = (match.label, json.dumps(match.attributes, sort_keys=True))
                assert told == (label, attributes), f"atomic: {match} has another label or attributes"


def _assert_answers_a_picture(store: Path, state: Snapshot, picture: Path) -> None:
    """Go the whole way of a query, encoder included."""
    with Image.open(picture) as image, Index(store) as index:
        first = index.query(np.asarray(image.convert("RGB")), k=1)[0]
    same = state.files[os.path.abspath(first.path)][0] == state.files[str(picture)][0]
    assert same, f"usable: {picture} finds {first.path} first"
    assert abs(first.score - 1) < SAME_VECTOR, f"usable: {picture} finds itself with score {first.score}"


def assert_store_clean(store: Path) -> None:
    """After a good build nothing is left that no generation names, and `check` has nothing to say."""
    with database_copy(store) as connection:
        named = {f"{row[0]}.faiss" for row in connection.execute("SELECT sha256 FROM faiss_files")}
    there = {path.name for path in (store / "faiss").iterdir()}
    assert there == named, (
        f"no residue: {sorted(there - named)} lie in faiss/, {sorted(named - there)} do not"
    )
    stray = {path.name for path in store.iterdir()} - PERMANENT
    stray = {name for name in stray if not name.startswith("catalog.db.damaged-")}
    assert not stray, f"no residue: {sorted(stray)} lie in the store"
    with database_copy(store) as connection:
        orphans = connection.execute(
            "SELECT count(*) FROM items WHERE id NOT IN (SELECT item_id FROM files)"
        ).fetchone()[0]
    assert not orphans, f"no residue: {orphans} items that no file holds"
    findings = check(Store(store))
    assert not findings, f"no residue: check finds {findings}"
