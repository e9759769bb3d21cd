"""What waits in quarantine: shown, and released source by source."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from indexer.durable import failpoint
from indexer.errors import UsageRefused
from indexer.nightly.findings import Finding, quarantined, release
from indexer.nightly.lock import alone
from indexer.nightly.order import in_order_of_value
from indexer.nightly.pictures import Picture, Sources, pictures_of
from indexer.nightly.report import Entry, described
from indexer.store import Store


def in_quarantine(store: Store) -> list[Entry]:
    """Return what waits, in order of value; what left the index meanwhile is not shown.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    with store.database.reading() as connection:
        found, pictures = _held(connection, store, quarantined(connection))
    return [described(finding, pictures) for finding in found]


def release_source(store: Store, source: str, show: Callable[[Sequence[Entry]], None]) -> None:
    """Show what waits from a source, then write down that it was: killed in between, it is shown again, not lost.

    What left the index stays in quarantine: it may come back.

    Raises:
        UsageRefused: nothing waits from that source.
        StoreLocked: a night is at work.
    """
    with alone(store):
        with store.database.reading() as connection:
            waiting = quarantined(connection)
            found, pictures = _held(connection, store, [f for f in waiting if f.source == source])
        if not found:
            sources = sorted({finding.source for finding in waiting})
            hint = f"in quarantine: {', '.join(sources)}" if sources else "nothing is in quarantine"
            raise UsageRefused(f"nothing in the index is in quarantine from {source!r}", hint)
        show([described(finding, pictures) for finding in found])
        with store.writing(), store.database.writing() as connection:
            release(connection, found)
            failpoint("night.before_release")


def _held(
    connection: Connection, store: Store, findings: Sequence[Finding]
) -> tuple[list[Finding], dict[bytes, Picture]]:
    """Return the findings that the index still holds, in order of value, and their pictures."""
    contents = {sha256 for finding in findings for sha256 in finding.contents}
    pictures = pictures_of(connection, store, Sources.read(connection, store, None), contents)
    held = [finding for finding in findings if finding.contents <= pictures.keys()]
    return in_order_of_value(held), pictures
