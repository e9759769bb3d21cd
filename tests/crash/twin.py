"""Broken twins: the same program with one promise of its store broken on purpose. The harness must catch each.

A twin patches functions in its own process, before the command line runs. The product has no switch for any of it.
`python -m tests.crash.twin NAME build ...` runs one under tools that must start the process themselves.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash.job_twins import JOB_TWINS
from tests.crash.passages import passages_recorded


def rows_before_files() -> None:
    """Commit the generation's row, and only then write the FAISS files that it names."""
    from indexer import durable, generations

    pending: list[Callable[[], object]] = []

    def promise(store: Any, index: Any) -> tuple[str, int]:
        pieces: list[bytes] = []
        index.write(lambda piece: pieces.append(bytes(piece)) or len(piece))
        data = b"".join(pieces)
        pending.append(lambda: durable.write_once(store.faiss_folder, ".faiss", lambda write: write(data)))
        return hashlib.sha256(data).hexdigest(), len(data)

    def failpoint(name: str) -> None:
        if name == "generation.after_commit":
            for write in pending:
                write()
        durable.failpoint(name)

    generations.Store.write_faiss = promise  # type: ignore[method-assign]
    generations.failpoint = failpoint


def files_in_a_transaction_of_their_own() -> None:
    """Change the file rows in one transaction and commit the generation in a second one."""
    from indexer import build
    from indexer.generations import commit_generation

    def twice(store: Any, encoder_id: int, metric: Any, limit: int, change: Any, **options: Any) -> Any:
        with store.database.writing() as connection:
            change(connection)
        return commit_generation(store, encoder_id, metric, limit, lambda _: None, **options)

    build.commit_generation = twice


def old_files_removed_before_the_commit() -> None:
    """Remove the FAISS files of the last generation while the next one is not committed yet."""
    from indexer import durable, generations

    store_of: list[Any] = []
    locked = generations.Store.locked

    def remember(self: Any) -> Any:
        store_of.append(self)
        return locked(self)

    def failpoint(name: str) -> None:
        if name == "generation.rows_changed":
            for path in store_of[-1].faiss_folder.glob("*.faiss"):
                path.unlink()
        durable.failpoint(name)

    generations.Store.locked = remember  # type: ignore[method-assign]
    generations.failpoint = failpoint


def told_before_it_is_committed() -> None:
    """Print the report, then commit."""
    import json

    from indexer import build
    from indexer.generations import commit_generation

    def boast(store: Any, *arguments: Any, **options: Any) -> Any:
        with store.database.reading() as connection:
            last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM generations").scalar_one()
        print(json.dumps({"generation": last + 1}), flush=True)
        return commit_generation(store, *arguments, **options)

    build.commit_generation = boast


def vectors_forgotten() -> None:
    """Begin every build by dropping what a killed one had written down."""
    from indexer import build

    survey = build.survey

    def forget(store: Any, *arguments: Any) -> Any:
        with store.database.writing() as connection:
            for table, column in (("embeddings", "item_id"), ("items", "id")):
                connection.exec_driver_sql(
                    f"DELETE FROM {table} WHERE {column} NOT IN (SELECT item_id FROM files)"
                )
        return survey(store, *arguments)

    build.survey = forget


def checkpoint_in_two_transactions() -> None:
    """Write a batch's vectors down under the wrong items for a moment, and put them right in a second transaction."""
    from indexer import encoding

    write = encoding._Writer.__call__

    def twice(self: Any, batch: Any, vectors: Any) -> Any:
        turned = {space: matrix[::-1] for space, matrix in vectors.items()}
        write(self, batch, turned)
        return write(self, batch, vectors)

    encoding._Writer.__call__ = twice  # type: ignore[method-assign]


def residue_kept() -> None:
    """Never remove what a killed writer left."""
    from indexer import durable

    durable.unlink = lambda path: None


def catalogue_touched() -> None:
    """Leave the catalogue's files with another time of access and change."""
    from indexer import build

    survey = build.survey

    def touch(store: Any, catalogues: Any, *arguments: Any) -> Any:
        os.utime(next(iter(sorted(Path(catalogues[0]).rglob("*.png")))))
        return survey(store, catalogues, *arguments)

    build.survey = touch


def damage_answered() -> None:
    """Answer from a FAISS file without looking whether it is the one that was committed."""
    from indexer import durable

    durable.sha256_of = lambda path: Path(path).stem  # type: ignore[attr-defined]


def files_not_synced() -> None:
    """Rename FAISS files without having made their bytes durable."""
    from indexer import durable

    class Careless:
        """The `os` module, whose fsync does nothing for files."""

        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def fsync(self, descriptor: int) -> None:
            if os.path.isdir(f"/proc/self/fd/{descriptor}"):
                os.fsync(descriptor)

    durable.os = Careless()  # type: ignore[assignment]


def folder_not_synced() -> None:
    """Rename FAISS files without making the rename durable."""
    from indexer import durable

    durable.sync_directory = lambda directory: None


TWINS: dict[str, Callable[[], None]] = {
    twin.__name__: twin
    for twin in (
        rows_before_files,
        files_in_a_transaction_of_their_own,
        old_files_removed_before_the_commit,
        told_before_it_is_committed,
        vectors_forgotten,
        checkpoint_in_two_transactions,
        residue_kept,
        catalogue_touched,
        damage_answered,
        files_not_synced,
        folder_not_synced,
        passages_recorded,
        *JOB_TWINS,
    )
}


if __name__ == "__main__":
    from indexer.cli import main

    if sys.argv[1] != "sound":
        TWINS[sys.argv[1]]()
    main(sys.argv[2:])
