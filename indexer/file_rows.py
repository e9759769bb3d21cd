"""From files that were read to the rows that describe them: which label and attributes each one gets."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, delete, insert, select

from indexer.checksums import file_checksum
from indexer.contents import sound_files
from indexer.encoding import ReadFile
from indexer.store import Store
from indexer.survey import Survey
from indexer.tables import File, Item

T = TypeVar("T")
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class FileRow:
    """A `files` row to be, with its content's SHA-256 in place of an item id."""

    path: str
    catalogue_id: int
    sha256: bytes
    size_bytes: int
    mtime_ns: int
    label: str | None
    attributes: Mapping[str, str]

    def values(self, item_id: int) -> dict[str, Any]:
        """Return the columns, checksum included."""
        facts = (self.size_bytes, self.mtime_ns, self.label, self.attributes)
        return {
            "path": self.path,
            "catalogue_id": self.catalogue_id,
            "item_id": item_id,
            "size_bytes": self.size_bytes,
            "mtime_ns": self.mtime_ns,
            "label": self.label,
            "attributes": dict(self.attributes),
            "checksum": file_checksum(self.path, self.sha256, *facts),
        }


def changed_rows(work: Survey, read_files: Iterable[ReadFile]) -> Iterator[FileRow]:
    """Yield the rows that are new or differ from what the last generation holds."""
    homes: dict[bytes, list[str]] = defaultdict(list)
    for path, known in work.plan.known.items():
        homes[known.sha256].append(path)
    for read in read_files:
        yield _row_of(work, read, homes.get(read.sha256, []))
    for candidate in work.plan.unchanged:
        known = work.plan.known[candidate.found.path]
        row = _row_of(work, ReadFile(candidate, known.sha256), [])
        if (row.label, row.attributes, row.catalogue_id) != (
            known.label,
            known.attributes,
            known.catalogue_id,
        ):
            yield row


def _row_of(work: Survey, read: ReadFile, homes: list[str]) -> FileRow:
    """Decide label and attributes: the user's, the manifest's, its own, its former place's, its folder's."""
    candidate, (path, size_bytes, mtime_ns) = read.candidate, read.candidate.found
    listing = candidate.listing
    known = work.plan.known.get(path)
    if path in work.facts:
        label, attributes = work.facts[path].label, dict(work.facts[path].attributes)
    elif known is not None:
        label, attributes = known.label, dict(known.attributes)
    elif homes:
        left_first = sorted(homes, key=lambda home: (home not in work.plan.removed, home))
        label, attributes = _inherit(work, left_first[0], listing.label_of(path))
    else:
        label, attributes = listing.label_of(path), {}
    label = work.assigned.get(read.sha256, label)
    return FileRow(candidate.path, listing.id, read.sha256, size_bytes, mtime_ns, label, attributes)


def _inherit(work: Survey, former_path: str, folder: str | None) -> tuple[str | None, dict[str, str]]:
    """Take label and attributes along to a new place; a label that only named the old folder stays behind."""
    former = work.plan.known[former_path]
    listing = next((listing for listing in work.listings if listing.id == former.catalogue_id), None)
    named_by_folder = (
        listing is not None and not listing.facts and listing.label_of(former_path) == former.label
    )
    return (folder if named_by_folder else former.label), dict(former.attributes)


def replace_rows(
    connection: Connection, store: Store, removed: Iterable[str], rows: Iterable[FileRow]
) -> None:
    """Delete the rows of ``removed`` (absolute paths) and put ``rows`` in place of what their paths held.

    A row takes ten times the room of what is known of its file: few are there at once.

    Raises:
        StoreDamaged: a row that gave a new one its label or attributes, or is deleted, is not what was written.
    """
    for paths in _parts(map(store.stored_path, removed)):
        _delete(connection, paths)
    held: set[bytes] = set()
    for part in _parts(rows):
        replaced = _delete(connection, [row.path for row in part])
        inherited = {row.sha256 for row in part if row.path not in replaced} - held
        deque(sound_files(connection, Item.sha256.in_(inherited)), maxlen=0)
        held |= inherited
        wanted = select(Item.sha256, Item.id).where(Item.sha256.in_({row.sha256 for row in part}))
        ids = {row.sha256: row.id for row in connection.execute(wanted)}
        connection.execute(insert(File), [row.values(ids[row.sha256]) for row in part])


def _delete(connection: Connection, paths: Sequence[str]) -> set[str]:
    """Delete the rows of these paths, as stored; return of which there were any."""
    found = {row.path for row in sound_files(connection, File.path.in_(paths))}
    delete_one = delete(File).where(File.path == bindparam("gone"))
    connection.execute(delete_one, [{"gone": path} for path in paths])
    return found


def _parts(entries: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(entries)
    while part := list(islice(rest, _ROWS_AT_ONCE)):
        yield part
