"""What an embedded store has committed: write-once files, and the small file CURRENT that names those that count.

A commit writes the vectors (FAISS's bytes) and their attributes, each under the SHA-256 of its content, then replaces
CURRENT. A crash before that leaves the commit before, whole, and files that nothing names, which the next writer
removes. Readers take no lock: where a writer removed a file before it was read, CURRENT names others by then.
"""

import hashlib
import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from indexer import durable
from indexer.errors import NewerFormat, StoreDamaged, os_errors
from indexer.vectors.filters import Kind
from indexer.vectors.memory import Arrays, Memory
from retrieval.errors import IndexInvalid
from retrieval.metric import Metric
from retrieval.structures import Flat, read_structure, write_structure

FORMAT = 1
VECTORS_SUFFIX, COLUMNS_SUFFIX = ".faiss", ".npz"
LOCK, _CURRENT = "lock", "CURRENT"
_HINT = "it holds nothing that the database does not: remove the folder, and fill it again"


@dataclass(frozen=True, slots=True)
class Commit:
    """What CURRENT says: the watermark, the vectors' size and number, the attributes' kinds, and the files' SHA-256."""

    watermark: int
    dim: int
    count: int
    kinds: dict[str, str]
    vectors: str
    columns: str


class Commits:
    """The commits in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._current = folder / _CURRENT

    @staticmethod
    def are_in(folder: Path) -> bool:
        """Tell whether a folder holds a commit, sound or not.

        Raises:
            OSError: nothing can be there, or it cannot be looked at.
        """
        try:
            (folder / _CURRENT).stat()
        except FileNotFoundError:
            return False
        return True

    def remove(self) -> None:
        """Remove all of them and the folder, unless other files lie there; for the writer alone."""
        with os_errors(f"removing {self.folder}"):
            if not self.folder.exists():
                return
            self._current.unlink(missing_ok=True)  # first: what it names is whole as long as it is there
            self.collect(None)
            (self.folder / LOCK).unlink(missing_ok=True)
            with suppress(OSError):  # not empty
                self.folder.rmdir()

    def last(self) -> Commit | None:
        """Return the last commit; None where there is none.

        Raises:
            StoreDamaged: CURRENT is not what was written.
            NewerFormat: a newer version wrote it.
        """
        with os_errors(f"reading {self._current}"):
            try:
                said = json.loads(self._current.read_bytes())
            except FileNotFoundError:
                return None
            except ValueError as error:
                raise StoreDamaged(f"{self._current} is no JSON", _HINT) from error
        try:
            if said["format"] > FORMAT:
                raise NewerFormat(f"{self.folder} was written by a newer version", "update this program")
            if said["sha256"] != _checksum(said["commit"]):
                raise StoreDamaged(f"{self._current} is not what was committed", _HINT)
            return Commit(**said["commit"])
        except (KeyError, TypeError) as error:
            raise StoreDamaged(f"{self._current} is not what was committed", _HINT) from error

    def read(self) -> tuple[Commit, Memory] | None:
        """Read the last commit, and what it holds.

        Raises:
            StoreDamaged: a file is missing, or is not the one that was committed.
        """
        while commit := self.last():
            try:
                return commit, Memory(self._vectors(commit), self._columns(commit))
            except FileNotFoundError as error:
                if self.last() == commit:
                    raise StoreDamaged(f"{error.filename} is missing", _HINT) from error
        return None

    def write(self, watermark: int, kinds: dict[str, Kind], content: Memory | Commit) -> Commit:
        """Make vectors and attributes durable, and then the commit; those of an earlier commit are so already.

        Raises:
            NoSpace, PermissionRefused: the commit before is untouched.
        """
        if isinstance(content, Commit):
            commit = replace(content, watermark=watermark)
        else:
            packed = _packed(content.columns)
            vectors, _ = durable.write_once(
                self.folder, VECTORS_SUFFIX, lambda write: write_structure(content.flat, write)
            )
            columns, _ = durable.write_once(
                self.folder, COLUMNS_SUFFIX, lambda write: _written(packed, write)
            )
            commit = Commit(
                watermark,
                int(content.flat.index.d),
                content.size,
                {name: str(kind) for name, kind in kinds.items()},
                vectors,
                columns,
            )
        said = {"format": FORMAT, "commit": asdict(commit), "sha256": _checksum(asdict(commit))}
        durable.replace_file(self._current, json.dumps(said, indent=1).encode())
        return commit

    def collect(self, kept: Commit | None) -> None:
        """Remove what a commit left behind that was not the last, or did not come to its end; for the writer alone."""
        named = set() if kept is None else {kept.vectors + VECTORS_SUFFIX, kept.columns + COLUMNS_SUFFIX}
        with os_errors(f"removing old files in {self.folder}"):
            for suffix in (VECTORS_SUFFIX, COLUMNS_SUFFIX, durable.TEMPORARY_SUFFIX):
                for path in self.folder.glob(f"*{suffix}"):
                    if path.name not in named:
                        durable.unlink(path)

    def _proven(self, sha256: str, suffix: str) -> Path:
        path = self.folder / f"{sha256}{suffix}"
        if durable.sha256_of(path) != sha256:
            raise StoreDamaged(f"{path} is not the file that was committed", _HINT)
        return path

    def _vectors(self, commit: Commit) -> Flat:
        with os_errors(f"reading {self.folder}"):
            path = self._proven(commit.vectors, VECTORS_SUFFIX)
            try:
                with path.open("rb", buffering=0) as file:
                    structure = read_structure(
                        file.read, dim=commit.dim, metric=Metric.COSINE, count=commit.count
                    )
            except IndexInvalid as error:
                raise StoreDamaged(f"{path}: {error}", _HINT) from error
        if not isinstance(structure, Flat):
            raise StoreDamaged(f"{path} is not flat", _HINT)
        return structure

    def _columns(self, commit: Commit) -> Arrays:
        with os_errors(f"reading {self.folder}"):
            packed = self._proven(commit.columns, COLUMNS_SUFFIX).read_bytes()
        return _unpacked(packed, {name: Kind(kind) for name, kind in commit.kinds.items()})


def _written(content: bytes, write: Callable[[bytes], int]) -> None:
    write(content)


def _checksum(commit: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(commit, sort_keys=True).encode()).hexdigest()


def _packed(arrays: Arrays) -> bytes:
    """Columns as the bytes of an .npz; of text its UTF-8 and where each value ends, so that nothing is pickled."""
    plain: Arrays = {}
    for name, column in arrays.items():
        if column.dtype == Kind.TEXT.dtype:
            texts = [text.encode() for text in column.tolist()]
            plain[f"{name}.bytes"] = np.frombuffer(b"".join(texts), np.uint8)
            plain[f"{name}.ends"] = np.cumsum([len(text) for text in texts], dtype=np.int64)
        else:
            plain[name] = column
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **plain)
    return buffer.getvalue()


def _unpacked(packed: bytes, kinds: dict[str, Kind]) -> Arrays:
    arrays: Arrays = {}
    with np.load(io.BytesIO(packed), allow_pickle=False) as plain:
        for name, kind in kinds.items():
            if kind is Kind.TEXT:
                whole, ends = plain[f"{name}.bytes"].tobytes(), plain[f"{name}.ends"].tolist()
                texts = [whole[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]
                arrays[name] = np.array(texts, kind.dtype)
            else:
                arrays[name] = plain[name]
    return arrays
