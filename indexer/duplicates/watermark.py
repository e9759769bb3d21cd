"""How far `dedupe --new` has followed the index: the largest item id that was there when it last finished."""

from sqlalchemy import Connection, delete, insert, select

from indexer.store import Store
from indexer.tables import Watermark

_NAME = "dedupe"


def seen_items(connection: Connection) -> int:
    """Return the item id up to which every content was seen, 0 for none."""
    found = connection.execute(select(Watermark.item_id).where(Watermark.name == _NAME)).scalar()
    return found if isinstance(found, int) else 0


def remember_seen(store: Store, item_id: int) -> None:
    """Write down that all contents up to ``item_id`` were reported; a later mark than that one stays.

    Raises:
        StoreLocked, NoSpace, PermissionRefused
    """
    with store.writing(), store.database.writing() as connection:
        if seen_items(connection) < item_id:
            connection.execute(delete(Watermark).where(Watermark.name == _NAME))
            connection.execute(insert(Watermark).values(name=_NAME, item_id=item_id))
