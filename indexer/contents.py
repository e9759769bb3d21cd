"""Which content lies at a path, and where the index knows a content to lie. A content is its bytes' SHA-256."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from indexer import durable
from indexer.checksums import file_checksum
from indexer.database import REPAIR_HINT
from indexer.errors import StoreDamaged, UsageRefused, os_errors
from indexer.remote import Place, absolute, is_remote
from indexer.store import Store
from indexer.tables import Decision, File, Item


def content_at(connection: Connection, store: Store, path: Place) -> bytes:
    """Return the SHA-256, 32 bytes, of the content at ``path``.

    A file that is as the index saw it (size, mtime), that is gone since, or that lies on an object store is answered
    for by its row; any other is read, whether the index holds it or not.

    Raises:
        UsageRefused: neither the index nor the disk has such a file.
        StoreDamaged: the row is not what was written.
        PermissionRefused, DiskFailed: the file cannot be read.
    """
    if "\0" in str(path):
        raise UsageRefused(f"no path holds a zero byte: {str(path)!r}")
    stored = store.stored_path(absolute(path))
    row = next(sound_files(connection, File.path == stored), None)
    on_disk = not is_remote(path) and os.path.isfile(path)
    with os_errors(f"reading {path}"):
        try:
            if row is not None and (not on_disk or _is_unchanged(path, row)):
                return bytes(row.sha256)
            if on_disk:
                return bytes.fromhex(durable.sha256_of(Path(path)))
        except FileNotFoundError:
            pass
    raise UsageRefused(f"there is no file {path}, on disk or in the index", "check the spelling")


def decided_paths(connection: Connection, store: Store) -> dict[bytes, str]:
    """Return {SHA-256: the first of its paths, as the user can open it} of the decided contents in the index.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    decided = select(Decision.first_sha256).union(select(Decision.second_sha256))
    paths: dict[bytes, str] = {}
    for row in sound_files(connection, Item.sha256.in_(decided)):
        paths.setdefault(row.sha256, store.shown_path(row.path))
    return paths


def sound_files(connection: Connection, condition: ColumnElement[bool]) -> Iterator[Any]:
    """Yield the `files` rows that meet ``condition``, by path, with their content; each held to its checksum.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    statement = select(File.__table__, Item.sha256).join(Item, Item.id == File.item_id).where(condition)
    for row in connection.execute(statement.order_by(File.path)):
        facts = (row.size_bytes, row.mtime_ns, row.label, row.attributes)
        if row.checksum != file_checksum(row.path, row.sha256, *facts):
            raise StoreDamaged(f"row {row.id} of table files is not what was written", REPAIR_HINT)
        yield row


def _is_unchanged(path: Place, row: Any) -> bool:
    status = os.stat(path)
    return (status.st_size, status.st_mtime_ns) == (row.size_bytes, row.mtime_ns)
