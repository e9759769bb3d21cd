"""Rows read back and held to their checksums: what is returned from here is what was written."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.checksums import embedding_checksum, file_checksum, item_checksum
from indexer.committed import Committed
from indexer.database import REPAIR_HINT
from indexer.errors import StoreDamaged
from indexer.stored_vectors import unpack_vectors
from indexer.tables import Embedding, File, Item
from retrieval.encoder import Space
from retrieval.similarity import Float32

_IDS_AT_ONCE = 500


@dataclass(frozen=True)
class FileFacts:
    """One place of an item: its path as stored, its label and attributes."""

    path: str
    label: str | None
    attributes: dict[str, str]


@dataclass(frozen=True)
class ItemFacts:
    """What the database holds of one proposed item, every row of it checked."""

    sha256: bytes
    vector: Float32
    files: list[FileFacts]


def read_items(
    connection: Connection, generation: Committed, space: Space, ids: Sequence[int]
) -> dict[int, ItemFacts]:
    """Read items, their vectors in one space and their files.

    Raises:
        StoreDamaged: one of them is missing, lies nowhere, or is not what was written.
    """
    items: dict[int, ItemFacts] = {}
    for start in range(0, len(ids), _IDS_AT_ONCE):
        items |= _read_part(connection, generation, space, ids[start : start + _IDS_AT_ONCE])
    lost = set(ids) - {id_ for id_, item in items.items() if item.files}
    if lost:
        raise StoreDamaged(f"{len(lost)} items of the index lack their rows in the database", REPAIR_HINT)
    return items


def _read_part(
    connection: Connection, generation: Committed, space: Space, ids: Sequence[int]
) -> dict[int, ItemFacts]:
    """Read items, their vectors in one space and their files, each row held to its checksum."""
    wanted = (
        select(Item.__table__, Embedding.vector, Embedding.checksum.label("embedding_checksum"))
        .join(Embedding, Embedding.item_id == Item.id)
        .where(Embedding.encoder_id == generation.encoder_id, Embedding.space == space.name, Item.id.in_(ids))
    )
    items: dict[int, ItemFacts] = {}
    for row in connection.execute(wanted):
        sound = row.checksum == item_checksum(row.sha256, row.size_bytes, row.width, row.height, row.format)
        expected = embedding_checksum(generation.fingerprint, space.name, row.sha256, row.vector)
        _require(sound and row.embedding_checksum == expected, "items", row.id)
        items[row.id] = ItemFacts(row.sha256, unpack_vectors([row.vector], space)[0], [])
    files = select(File.__table__).where(File.item_id.in_(ids)).order_by(File.path)
    for row in connection.execute(files):
        _require(row.item_id in items, "files", row.id)
        facts = (row.size_bytes, row.mtime_ns, row.label, row.attributes)
        expected = file_checksum(row.path, items[row.item_id].sha256, *facts)
        _require(row.checksum == expected, "files", row.id)
        items[row.item_id].files.append(FileFacts(row.path, row.label, row.attributes))
    return items


def _require(sound: bool, table: str, id_: int) -> None:  # noqa: FBT001  (reads as an assertion)
    if not sound:
        raise StoreDamaged(f"row {id_} of table {table} is not what was written", REPAIR_HINT)
