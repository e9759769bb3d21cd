"""Tell at once that catalogues are as they were: the usual night, in which a look at every row would cost the most."""

import os
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, LargeBinary, func, select, type_coerce

from indexer.catalogue import Listing
from indexer.plan import Plan, Rejected, odd_entries
from indexer.store import Store
from indexer.tables import Embedding, File

_Place = tuple[bytes, int, int, int]  # path as stored, size, time of change, catalogue


def untouched_plan(
    connection: Connection,
    store: Store,
    listings: Sequence[Listing],
    rejections: Mapping[str, Rejected],
    encoder_id: int,
    space_count: int,
) -> Plan | None:
    """Return the plan of a build that finds every file as the last one left it; None where anything may differ.

    Files are held to what was recorded of them as in `make_plan`. Only where something says what files are, a manifest
    or a list of labels, do their rows have to be looked at one by one: the caller sees to that.
    """
    columns = (type_coerce(File.path, LargeBinary), File.size_bytes, File.mtime_ns, File.catalogue_id)
    scanned = [listing.id for listing in listings]
    rows = connection.execute(select(*columns).where(File.catalogue_id.in_(scanned))).all()
    if not rows:  # a first build: there is nothing that could be as it was
        return None
    known = set(map(tuple, rows))
    found = {place for listing in listings for place in _places(store, listing)}
    if not known <= found:
        return None
    plan = Plan({}, untouched=len(known), rejected=list(odd_entries(store, listings)))
    for path, size_bytes, mtime_ns, _ in found - known:
        old = rejections.get(os.fsdecode(path))
        if old is None or not old.holds_for(size_bytes, mtime_ns):
            return None
        plan.rejected.append(old)
    return plan if _has_all_vectors(connection, encoder_id, space_count) else None


def _places(store: Store, listing: Listing) -> Iterator[_Place]:
    stored, encoded, catalogue = store.stored_path, os.fsencode, listing.id
    return ((encoded(stored(path)), size, mtime, catalogue) for path, size, mtime in listing.scan.files)


def _has_all_vectors(connection: Connection, encoder_id: int, space_count: int) -> bool:
    held = select(File.item_id).distinct()
    items = select(func.count()).select_from(held.subquery())
    vectors = (
        select(func.count())
        .select_from(Embedding)
        .where(Embedding.encoder_id == encoder_id, Embedding.item_id.in_(held))
    )
    return connection.execute(vectors).scalar_one() == space_count * connection.execute(items).scalar_one()
