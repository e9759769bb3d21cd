"""The files of the index, the best one first: which file of a group is kept, and why.

EXIF is not looked at: files that tie in resolution and in bytes differ in it next to never, and it would cost a look
into every one of them.
"""

import fnmatch
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from indexer.duplicates.scope import Kind, Scope, value_of
from indexer.errors import UsageRefused
from indexer.remote import Place as Where
from indexer.remote import holds, is_remote
from indexer.store import Store
from indexer.tables import File, Item


@dataclass(frozen=True, slots=True)
class Place:
    """A file of the index: where it lies, its content, and what decides whether it is the best of its group."""

    path: str  # as it is stored
    item: int
    sha256: bytes
    pixels: int
    size_bytes: int
    preferred: int  # smaller is better
    kind: Kind

    def preference(self) -> tuple[int, int, int, int, str]:
        """Sort key, best first: preferred, then resolution, then file size, then the shortest path."""
        return (self.preferred, -self.pixels, -self.size_bytes, len(self.path), self.path)


def read_places(
    connection: Connection, store: Store, scope: Scope, prefer: Sequence[str], seen: int
) -> list[Place]:
    """Return all files, best first; contents up to the item id ``seen`` are old.

    Raises:
        UsageRefused: no file has an attribute that the scope asks for, or lies below its reference.
    """
    columns = (File.path, File.item_id, File.size_bytes, File.label, File.attributes)
    statement = select(*columns, Item.sha256, Item.width, Item.height).join(Item, Item.id == File.item_id)
    rows = connection.execute(statement).all()
    for key in scope.keys:
        if rows and all(value_of(key, row.label, row.attributes) is None for row in rows):
            known = sorted({"label"}.union(*(row.attributes for row in rows)))
            raise UsageRefused(
                f"no file of the index has the attribute {key!r}", f"known: {', '.join(known)}"
            )
    folder = _folder(scope.reference) if scope.reference is not None else None
    places = [_place(row, store.absolute_path(row.path), scope, prefer, seen, folder) for row in rows]
    if folder is not None and not any(place.kind.is_reference for place in places):
        raise UsageRefused(f"the index holds nothing below {scope.reference}", "index it too: `index build`")
    return sorted(places, key=Place.preference)


def _folder(reference: Where) -> str:
    return reference if is_remote(reference) else os.path.realpath(reference)


def _place(
    row: Any, path: str, scope: Scope, prefer: Sequence[str], seen: int, reference: str | None
) -> Place:
    kind = Kind(
        value_of(scope.within, row.label, row.attributes),
        value_of(scope.across, row.label, row.attributes),
        reference is not None and holds(reference, path),
        row.item_id <= seen,
    )
    preferred = -1 if kind.is_reference else _first_match(path, prefer)
    return Place(row.path, row.item_id, row.sha256, row.width * row.height, row.size_bytes, preferred, kind)


def _first_match(path: str, globs: Sequence[str]) -> int:
    """Which glob a path matches first: by its name, or by any number of its last folders and its name."""
    for number, glob in enumerate(globs):
        if fnmatch.fnmatch(os.path.basename(path), glob) or fnmatch.fnmatch(path, f"*/{glob.lstrip('/')}"):
            return number
    return len(globs)


def why_kept(keep: Place, others: Sequence[Place]) -> str:
    """Say by what a file is the best of its group."""
    if keep.kind.is_reference:
        return "the reference"
    if all(keep.preferred < other.preferred for other in others):
        return "preferred"
    if all(keep.pixels > other.pixels for other in others):
        return "the highest resolution"
    if all((keep.pixels, keep.size_bytes) > (other.pixels, other.size_bytes) for other in others):
        return "the largest file of the highest resolution"
    return "the shortest path among equals"
