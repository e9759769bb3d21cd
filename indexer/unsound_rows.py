"""Every row of the database held to its checksum; where it has none, its values to their types."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, inspect, select

from indexer.calibrations import is_sound as calibration_is_sound
from indexer.checksums import embedding_checksum, file_checksum, item_checksum
from indexer.column_types import UnsoundValue
from indexer.decisions import is_sound as decision_is_sound
from indexer.listings import is_sound as listing_is_sound
from indexer.nightly.findings import is_sound as finding_is_sound
from indexer.nightly.nights import is_sound as night_is_sound
from indexer.tables import (
    Base,
    Calibration,
    Decision,
    Embedding,
    Encoder,
    File,
    Finding,
    Item,
    Listing,
    Night,
)

_ROWS_AT_ONCE = 10_000


def unsound_rows(connection: Connection) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the tables in which rows are not what was written, each with the ids of those; of a vector, its item's."""
    tables = set(inspect(connection).get_table_names())  # an older schema lacks some
    for table, (statement, is_sound) in _CHECKS.items():
        if table in tables:
            rows = connection.execute(statement.execution_options(yield_per=_ROWS_AT_ONCE))
            ids = tuple(row.id for row in rows if not is_sound(row))
            if ids:
                yield table, ids


def unsound_values(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield the tables without checksums that hold a value which nobody can have written, and which."""
    tables = set(inspect(connection).get_table_names())  # as above
    for table in Base.metadata.sorted_tables:
        if table.name in tables - _CHECKS.keys():
            try:
                rows = select(table).execution_options(yield_per=_ROWS_AT_ONCE)
                deque(connection.execute(rows), maxlen=0)
            except UnsoundValue as error:
                yield table.name, str(error)


def _item_is_sound(row: Any) -> bool:
    return bool(row.checksum == item_checksum(row.sha256, row.size_bytes, row.width, row.height, row.format))


def _file_is_sound(row: Any) -> bool:
    facts = (row.size_bytes, row.mtime_ns, row.label, row.attributes)
    return bool(row.checksum == file_checksum(row.path, row.sha256, *facts))


def _embedding_is_sound(row: Any) -> bool:
    return bool(row.checksum == embedding_checksum(row.fingerprint, row.space, row.sha256, row.vector))


_FILES = select(File.__table__, Item.sha256).join(Item, Item.id == File.item_id)
_EMBEDDINGS = (
    select(
        Embedding.item_id.label("id"),
        Embedding.space,
        Embedding.vector,
        Embedding.checksum,
        Item.sha256,
        Encoder.fingerprint,
    )
    .join(Item, Item.id == Embedding.item_id)
    .join(Encoder, Encoder.id == Embedding.encoder_id)
)
_CHECKS: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "items": (select(Item.__table__), _item_is_sound),
    "files": (_FILES, _file_is_sound),
    "embeddings": (_EMBEDDINGS, _embedding_is_sound),
    "decisions": (select(Decision.__table__), decision_is_sound),
    "listings": (select(Listing.__table__), listing_is_sound),
    "calibrations": (select(Calibration.__table__), calibration_is_sound),
    "nights": (select(Night.__table__), night_is_sound),
    "findings": (select(Finding.__table__), finding_is_sound),
}
