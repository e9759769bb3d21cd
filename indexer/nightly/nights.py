"""The nights that ended: how far each had seen. The newest says what is new."""

from typing import Any

from sqlalchemy import Connection, func, insert, select

from indexer.checksums import night_checksum
from indexer.database import REPAIR_HINT
from indexer.errors import StoreDamaged
from indexer.tables import Finding, Night


def next_number(connection: Connection) -> int:
    """Return the number of the night that comes; a number of which findings tell is never given again.

    Raises:
        StoreDamaged: a finding's night is no number.
    """
    last, told = (
        connection.execute(select(func.max(column))).scalar() or 0 for column in (Night.id, Finding.night)
    )
    if not isinstance(told, int):
        raise StoreDamaged(
            f"a row of table findings is not what was written: {told!r} for a night", REPAIR_HINT
        )
    return max(last, told) + 1


def last_night(connection: Connection) -> tuple[int, int]:
    """Return the largest item id that the last night saw, and how many items there were; zeros before the first.

    Raises:
        StoreDamaged: its row is not what was written.
    """
    row = connection.execute(select(Night.__table__).order_by(Night.id.desc()).limit(1)).first()
    if row is None:
        return 0, 0
    if not is_sound(row):
        raise StoreDamaged(f"row {row.id} of table nights is not what was written", REPAIR_HINT)
    return row.newest_item, row.item_count


def add_night(
    connection: Connection, number: int, finished_at: str, newest_item: int, item_count: int
) -> None:
    """Write down that a night ended: from here on what it saw is not new."""
    facts = (number, finished_at, newest_item, item_count)
    values = dict(zip(("id", "finished_at", "newest_item", "item_count"), facts, strict=True))
    connection.execute(insert(Night).values(**values, checksum=night_checksum(*facts)))


def is_sound(row: Any) -> bool:
    """Tell whether a row of the table is what was written."""
    return bool(row.checksum == night_checksum(row.id, row.finished_at, row.newest_item, row.item_count))
