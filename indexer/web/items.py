"""Contents of the index as clients see them: facts, and every place where a content lies; each row held to its checksum."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Text, cast, func, select

from indexer.checksums import item_checksum
from indexer.contents import sound_files
from indexer.database import REPAIR_HINT
from indexer.errors import StoreDamaged
from indexer.store import Store
from indexer.tables import File, Item
from indexer.web.errors import ApiError, Code

_AT_ONCE = 500
_ESCAPE = "\\"


@dataclass(frozen=True)
class ItemView:
    """A content: its id, SHA-256 (32 bytes) and facts, and its files' paths as they are stored, sorted."""

    item: int
    sha256: bytes
    width: int
    height: int
    format: str
    size_bytes: int
    stored_paths: list[str]
    label: str | None
    attributes: Mapping[str, str]

    def to_dict(self, store: Store) -> dict[str, Any]:
        """Return it as plain values; paths as the user can open them."""
        paths = [store.shown_path(path) for path in self.stored_paths]
        return {
            "item": self.item,
            "path": paths[0],
            "label": self.label,
            "attributes": dict(self.attributes),
            "width": self.width,
            "height": self.height,
            "format": self.format,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256.hex(),
            "paths": paths,
        }


def read_views(connection: Connection, ids: Iterable[int]) -> dict[int, ItemView]:
    """Read contents by their ids; those that the index does not hold are left out.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    wanted, views = sorted(set(ids)), dict[int, ItemView]()
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        files: dict[int, list[Any]] = {}
        for row in sound_files(connection, File.item_id.in_(part)):
            files.setdefault(row.item_id, []).append(row)
        for row in connection.execute(select(Item.__table__).where(Item.id.in_(list(files)))):
            if row.checksum != item_checksum(row.sha256, row.size_bytes, row.width, row.height, row.format):
                raise StoreDamaged(f"row {row.id} of table items is not what was written", REPAIR_HINT)
            views[row.id] = _view(row, files[row.id])
    return views


def require_view(connection: Connection, item: int) -> ItemView:
    """Read one content.

    Raises:
        ApiError: the index holds none of that id.
        StoreDamaged: a row is not what was written.
    """
    return require_views(connection, [item])[item]


def require_views(connection: Connection, ids: Sequence[int]) -> dict[int, ItemView]:
    """Read contents by their ids.

    Raises:
        ApiError: the index does not hold one of them.
        StoreDamaged: a row is not what was written.
    """
    views = read_views(connection, ids)
    missing = sorted(set(ids) - set(views))
    if missing:
        raise ApiError(404, Code.NO_SUCH_ITEM, f"the index holds no item {missing[0]}", {"items": missing})
    return views


def items_by_content(connection: Connection, contents: Iterable[bytes]) -> dict[bytes, int]:
    """Return the ids of those contents, by SHA-256, that a file of the index has."""
    wanted, found = sorted(set(contents)), dict[bytes, int]()
    for start in range(0, len(wanted), _AT_ONCE):
        part = Item.sha256.in_(wanted[start : start + _AT_ONCE])
        lies_somewhere = select(File.id).where(File.item_id == Item.id).exists()
        rows = connection.execute(select(Item.sha256, Item.id).where(part, lies_somewhere))
        found |= {row.sha256: row.id for row in rows}
    return found


@dataclass(frozen=True)
class ItemFilter:
    """Which contents a list has: those with a file of that label, those attributes, and that text in its path."""

    label: str | None
    where: Mapping[str, str]
    path: str | None

    def ids(self, connection: Connection, after: int, limit: int) -> list[int]:
        """Return the smallest ids above ``after``."""
        statement = self._narrowed(select(File.item_id).distinct()).where(File.item_id > after)
        return list(connection.execute(statement.order_by(File.item_id).limit(limit)).scalars())

    def count(self, connection: Connection) -> int:
        """Count the contents."""
        statement = self._narrowed(select(func.count(File.item_id.distinct())))
        return int(connection.execute(statement).scalar_one())

    def _narrowed(self, statement: Select[Any]) -> Select[Any]:
        if self.label is not None:
            statement = statement.where(File.label == self.label)
        for key, value in self.where.items():
            column = File.label if key == "label" else File.attributes[key].as_string()
            statement = statement.where(column == value)
        if self.path:
            pattern = "".join(_ESCAPE + c if c in "%_\\" else c for c in self.path)
            statement = statement.where(cast(File.path, Text).like(f"%{pattern}%", escape=_ESCAPE))
        return statement


def _view(row: Any, files: Sequence[Any]) -> ItemView:
    return ItemView(
        item=row.id,
        sha256=row.sha256,
        width=row.width,
        height=row.height,
        format=row.format,
        size_bytes=row.size_bytes,
        stored_paths=[file.path for file in files],
        label=files[0].label,
        attributes=files[0].attributes,
    )
