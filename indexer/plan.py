"""Compare what lies on disk with what the last generation holds: what must be read, what left, what stays."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from indexer.catalogue import Listing
from indexer.scan import FoundFile
from indexer.store import Store
from indexer.tables import Embedding, File, Item, Rejection

# Reasons that may pass without the file changing: a raised limit, a new decoder, a mended permission.
RETRIED_REASONS = frozenset(
    {
        "permission-denied",
        "too-large",
        "too-many-pixels",
        "too-much-memory",
        "too-slow",
        "unsupported-format",
        "unreadable",
    }
)


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A `files` row of the last generation, with its content's SHA-256."""

    path: str
    catalogue_id: int
    item_id: int
    sha256: bytes
    size_bytes: int
    mtime_ns: int
    label: str | None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that is not in the index, and why. ``path`` is as stored."""

    path: str
    catalogue_id: int
    size_bytes: int
    mtime_ns: int
    reason: str
    message: str

    def holds_for(self, size_bytes: int, mtime_ns: int) -> bool:
        """Whether it still says why a file of that size and time of change is left out."""
        return (self.size_bytes, self.mtime_ns) == (
            size_bytes,
            mtime_ns,
        ) and self.reason not in RETRIED_REASONS


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to read. ``path`` is as stored, ``found`` as it lies on disk."""

    path: str
    listing: Listing
    found: FoundFile

    def as_read(self, size_bytes: int, mtime_ns: int) -> "Candidate":
        """Return it with the size and the time of change that it had when it was read; mostly, that is itself."""
        read = FoundFile(self.found.path, size_bytes, mtime_ns)
        return self if read == self.found else Candidate(self.path, self.listing, read)


@dataclass
class Plan:
    """What a build has to do; ``untouched`` counts files of which no row had to be read to know it is nothing."""

    known: dict[str, KnownFile]
    untouched: int = 0
    unchanged: list[Candidate] = field(default_factory=list)
    to_read: list[Candidate] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)


def known_files(connection: Connection, store: Store) -> dict[str, KnownFile]:
    """Read all file rows, as {absolute path: row}."""
    statement = select(
        File.path,
        File.catalogue_id,
        File.item_id,
        Item.sha256,
        File.size_bytes,
        File.mtime_ns,
        File.label,
        File.attributes,
    ).join(Item, Item.id == File.item_id)
    rows = (KnownFile(*row) for row in connection.execute(statement))
    return {store.absolute_path(known.path): known for known in rows}


def encoded_items(connection: Connection, encoder_id: int, space_count: int) -> set[bytes]:
    """Return the SHA-256 of the contents that have all their vectors under an encoder."""
    complete = (
        select(Embedding.item_id)
        .where(Embedding.encoder_id == encoder_id)
        .group_by(Embedding.item_id)
        .having(func.count() == space_count)
    )
    return set(connection.execute(select(Item.sha256).where(Item.id.in_(complete))).scalars())


def make_plan(
    store: Store,
    listings: list[Listing],
    known: dict[str, KnownFile],
    rejections: dict[str, Rejected],
    encoded: Set[bytes],
) -> Plan:
    """Sort every candidate by what it costs: nothing, a read, or a place among the rejected.

    A file is unchanged if its size and its time of change are those that were recorded, and its content has all
    its vectors.
    """
    plan = Plan(known)
    for listing in listings:
        for found in listing.scan.files:
            _sort_file(plan, Candidate(store.stored_path(found.path), listing, found), rejections, encoded)
    plan.rejected.extend(odd_entries(store, listings))
    scanned = {listing.id for listing in listings}
    unseen = tuple(f"{folder}/" for listing in listings for folder in listing.scan.unseen_folders)
    gone = {
        path for path, row in known.items() if row.catalogue_id in scanned and not path.startswith(unseen)
    }
    plan.removed = gone.difference(found.path for listing in listings for found in listing.scan.files)
    return plan


def _sort_file(
    plan: Plan, candidate: Candidate, rejections: dict[str, Rejected], encoded: Set[bytes]
) -> None:
    found = candidate.found
    row = plan.known.get(found.path)
    if row and (row.size_bytes, row.mtime_ns) == (found.size_bytes, found.mtime_ns) and row.sha256 in encoded:
        plan.unchanged.append(candidate)
        return
    old = rejections.get(candidate.path)
    if old and old.holds_for(found.size_bytes, found.mtime_ns):
        plan.rejected.append(old)
    else:
        plan.to_read.append(candidate)


def odd_entries(store: Store, listings: Sequence[Listing]) -> Iterator[Rejected]:
    """Reject what a scan found that is named like a picture and is none."""
    for listing in listings:
        for odd in listing.scan.odd:
            facts = (odd.size_bytes, odd.mtime_ns, odd.reason, odd.message)
            yield Rejected(store.stored_path(odd.path), listing.id, *facts)


def old_rejections(connection: Connection) -> dict[str, Rejected]:
    """Read all rejections, as {stored path: rejection}."""
    rows = connection.execute(select(Rejection.__table__))
    return {row.path: Rejected(**row._mapping) for row in rows}  # noqa: SLF001  (SQLAlchemy's own public name)
