"""Lists of contents: ``genuine`` pictures of a label, known ``fraud``, and what is ``benign``; each can be switched off.

A listing is on a content, known by its SHA-256: copies carry it, moves and rebuilds keep it. It is compared by the
content's vectors, so the content has to be in the index when it is listed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update

from indexer.checksums import listing_checksum
from indexer.committed import require_generation
from indexer.contents import content_at
from indexer.database import REPAIR_HINT
from indexer.decisions import checked_note
from indexer.durable import failpoint
from indexer.errors import StoreDamaged, UsageRefused
from indexer.remote import Place, place_of
from indexer.store import Store
from indexer.tables import File, Item, Listing, now


class ListName(StrEnum):
    """The lists."""

    GENUINE = "genuine"  # what a label looks like: where there are any, only these count for it
    FRAUD = "fraud"  # known to deceive, in whoever's hands
    BENIGN = "benign"  # free for everyone, such as a stock photo


_NAMES = frozenset(ListName)


@dataclass(frozen=True)
class Listed:
    """A row of a list; ``label`` is that of a genuine picture, and ``listed_at`` UTC, ISO 8601."""

    id: int
    list: ListName
    sha256: bytes
    label: str | None
    note: str
    active: bool
    listed_at: str


@dataclass(frozen=True)
class ListingShown:
    """A listing as it is shown: the content's SHA-256 in hex, and one of its paths if the index holds it."""

    id: int
    list: str
    path: str | None
    sha256: str
    label: str | None
    note: str
    active: bool
    listed_at: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def add_listings(
    store: Store, name: str, paths: Sequence[Place], label: str | None = None, note: str = ""
) -> list[ListingShown]:
    """Put the contents of files on a list, all of them or none; one that is on it already stays as it is.

    A genuine picture is one of ``label``, or else of the label that its file has in the index.

    Raises:
        UsageRefused: no such list, a file that the index does not hold, a genuine picture without a label, or a
            label where none is meant.
        StoreDamaged: a row is not what was written.
    """
    wanted = parse_list(name)
    if label is not None and (wanted is not ListName.GENUINE or not label.strip()):
        raise UsageRefused("--label names what a genuine picture is of", "leave it out")
    note = checked_note(note)
    with store.writing():
        with store.database.writing() as connection:
            require_generation(connection, store)
            contents = {content_at(connection, store, path): path for path in paths}
            for sha256, path in contents.items():
                known = _label_of(connection, sha256, path)
                of = (label or known) if wanted is ListName.GENUINE else None
                if wanted is ListName.GENUINE and of is None:
                    raise UsageRefused(f"{path} has no label in the index", "say what it is of with --label")
                if not any(
                    (row.list, row.label) == (wanted, of) for row in read_listings(connection, sha256=sha256)
                ):
                    _add(connection, wanted, sha256, of, note)
            failpoint("listing.before_commit")
        failpoint("listing.after_commit")
    return [row for row in show_listings(store) if bytes.fromhex(row.sha256) in contents and row.active]


def switch_off(store: Store, which: str) -> list[ListingShown]:
    """Switch off the listing with that id, or all of the content at that path; the rows stay.

    Raises:
        UsageRefused: there is no such listing, or it is off already.
        StoreDamaged: a row is not what was written.
    """
    with store.writing(), store.database.writing() as connection:
        found = [row for row in read_listings(connection) if str(row.id) == which]
        if not found:
            sha256 = content_at(connection, store, place_of(which))
            found = list(read_listings(connection, sha256=sha256))
        if not found:
            raise UsageRefused(f"{which} is on no list", "see `index list show`")
        for row in found:
            checksum = listing_checksum(row.list, row.sha256, row.label, row.note, 0, row.listed_at)
            statement = update(Listing).where(Listing.id == row.id)
            connection.execute(statement.values(active=False, checksum=checksum))
    changed = {row.id for row in found}
    return [row for row in show_listings(store) if row.id in changed]


def show_listings(store: Store) -> list[ListingShown]:
    """Return all listings, those that are off too, oldest first.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    with store.database.reading() as connection:
        rows = list(read_listings(connection, active=False))
        places = select(Item.sha256, File.path).join(File, File.item_id == Item.id)
        wanted = places.where(Item.sha256.in_(select(Listing.sha256))).order_by(File.path.desc())
        paths = {row.sha256: store.shown_path(row.path) for row in connection.execute(wanted)}
    return [
        ListingShown(
            row.id,
            row.list,
            paths.get(row.sha256),
            row.sha256.hex(),
            row.label,
            row.note,
            row.active,
            row.listed_at,
        )
        for row in rows
    ]


def read_listings(
    connection: Connection, *, sha256: bytes | None = None, active: bool = True
) -> Iterator[Listed]:
    """Yield the listings that are on, or with ``active=False`` all, of one content or of all; oldest first.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    conditions: list[ColumnElement[bool]] = [] if sha256 is None else [Listing.sha256 == sha256]
    for row in connection.execute(select(Listing.__table__).where(*conditions).order_by(Listing.id)):
        if not is_sound(row):
            raise StoreDamaged(f"row {row.id} of table listings is not what was written", REPAIR_HINT)
        if row.active or not active:
            name = ListName(row.list)
            yield Listed(row.id, name, row.sha256, row.label, row.note, row.active, row.listed_at)


def is_sound(row: Any) -> bool:
    """Tell whether a row of the table is what was written."""
    facts = (row.label, row.note, row.active, row.listed_at)
    return bool(row.checksum == listing_checksum(row.list, row.sha256, *facts) and row.list in _NAMES)


def parse_list(name: str) -> ListName:
    """Read a list's name.

    Raises:
        UsageRefused: it is none of those known.
    """
    try:
        return ListName(name)
    except ValueError as error:
        raise UsageRefused(f"there is no list {name!r}", f"use one of {', '.join(ListName)}") from error


def _label_of(connection: Connection, sha256: bytes, path: Place) -> str | None:
    """Return the label of a content in the index, or None where it has none or several.

    Raises:
        UsageRefused: the index does not hold it.
    """
    statement = select(File.label).join(Item, Item.id == File.item_id).where(Item.sha256 == sha256)
    labels = set(connection.execute(statement).scalars())
    if not labels:
        raise UsageRefused(
            f"the index does not hold {path}: a listed picture is compared by its vectors",
            "build its folder first: `index build FOLDER`",
        )
    return labels.pop() if len(labels) == 1 else None


def _add(connection: Connection, name: ListName, sha256: bytes, label: str | None, note: str) -> None:
    when = now()
    checksum = listing_checksum(name, sha256, label, note, 1, when)
    values = {"list": name, "sha256": sha256, "label": label, "note": note, "active": True, "listed_at": when}
    connection.execute(insert(Listing).values(**values, checksum=checksum))
