"""Pictures as a night tells of them: where they lie, and the source that brought them."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self

from sqlalchemy import ColumnElement, Connection, select

from indexer.contents import sound_files
from indexer.duplicates.scope import value_of
from indexer.errors import UsageRefused
from indexer.remote import path_below
from indexer.store import Store
from indexer.tables import FOLDER, Catalogue, File, Item

_CONTENTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Picture:
    """One content: its files' paths as the user can open them, sorted, its size; label and source of the first file."""

    sha256: bytes
    item: int
    paths: tuple[str, ...]
    size_bytes: int
    label: str | None
    source: str


@dataclass(frozen=True)
class Sources:
    """Which source a file came from: its value of ``key``, or else the top folder below its catalogue."""

    key: str | None
    roots: Mapping[int, str]

    @classmethod
    def read(cls, connection: Connection, store: Store, key: str | None) -> Self:
        """Read where the catalogues lie.

        Raises:
            UsageRefused: no file has that attribute.
        """
        if key is not None:
            _require_known(connection, key)
        rows = connection.execute(select(Catalogue.id, Catalogue.path, Catalogue.kind)).all()
        paths = {row.id: (store.absolute_path(row.path), row.kind) for row in rows}
        return cls(
            key,
            {id_: path if kind == FOLDER else os.path.dirname(path) for id_, (path, kind) in paths.items()},
        )

    def of(self, path: str, catalogue_id: int, label: str | None, attributes: Mapping[str, str]) -> str:
        """Return the source of the file at an absolute ``path``."""
        value = value_of(self.key, label, attributes)
        if value is not None:
            return value
        root = self.roots[catalogue_id]
        top, *below = path_below(path, root).split(os.sep)
        name = os.path.basename(root)
        return os.path.join(name, top) if below and top != os.pardir else name


def _require_known(connection: Connection, key: str) -> None:
    known = {"label"}
    rows = connection.execute(select(File.label, File.attributes))
    for row in rows:
        if value_of(key, row.label, row.attributes) is not None:
            return
        known |= row.attributes.keys()
    raise UsageRefused(
        f"no file of the index has the attribute {key!r}", f"known: {', '.join(sorted(known))}"
    )


def newer_pictures(connection: Connection, store: Store, sources: Sources, item: int) -> list[Picture]:
    """Return the pictures that came after the item id ``item``, in the order of their first paths.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    return list(_read(connection, store, sources, File.item_id > item).values())


def pictures_of(
    connection: Connection, store: Store, sources: Sources, contents: Collection[bytes]
) -> dict[bytes, Picture]:
    """Return the pictures with these SHA-256, as far as the index holds them.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    wanted, found = sorted(set(contents)), dict[bytes, Picture]()
    for start in range(0, len(wanted), _CONTENTS_AT_ONCE):
        part = wanted[start : start + _CONTENTS_AT_ONCE]
        found |= _read(connection, store, sources, Item.sha256.in_(part))
    return found


def _read(
    connection: Connection, store: Store, sources: Sources, condition: ColumnElement[bool]
) -> dict[bytes, Picture]:
    """Read the files that meet ``condition``, those of one content together."""
    found: dict[bytes, Picture] = {}
    for row in sound_files(connection, condition):
        source = sources.of(store.absolute_path(row.path), row.catalogue_id, row.label, row.attributes)
        path = store.shown_path(row.path)
        first = found.setdefault(
            row.sha256, Picture(row.sha256, row.item_id, (), row.size_bytes, row.label, source)
        )
        found[row.sha256] = replace(first, paths=(*first.paths, path))
    return found
