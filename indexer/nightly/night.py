"""One night: build, compare what is new with everything, screen it, report.

The order of what is written makes a night that is killed be run again with nothing lost and nothing told twice:

============================  ============================================================================
killed                        leaves
============================  ============================================================================
before the build's commit     what `index build` leaves: the next night goes on from it
before the report is written  an index that moved on: what is new is counted from the last night that ended
while it is written           a folder of a night that never ended: the next one has its number, and replaces it
before the commit             the same, with a whole report: the next one finds the same
after the commit              a night that ended, with its report
============================  ============================================================================

One transaction writes the findings down and ends the night. Nothing in a night is quadratic in the catalogue: all
vectors are read, and compared with the new ones.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, func, select

from indexer import durable
from indexer.build import build
from indexer.catalogue import require_there
from indexer.decisions import Decisions
from indexer.dedupe import dedupe
from indexer.duplicates.scope import Scope
from indexer.encoding import Progress, no_progress
from indexer.nightly.copies import copies, repeated_bytes
from indexer.nightly.findings import QUARANTINED, REPORTED, Finding, add_findings, quarantined, unreported
from indexer.nightly.flood import DEFAULT_LIMIT, held_back
from indexer.nightly.folder import drop_old_nights, night_folder, write_night
from indexer.nightly.lock import alone
from indexer.nightly.nights import add_night, last_night, next_number
from indexer.nightly.order import in_order_of_value
from indexer.nightly.pictures import Picture, Sources, newer_pictures, pictures_of
from indexer.nightly.rejected import RejectedFile, newly_rejected
from indexer.nightly.report import NightReport, described
from indexer.nightly.screened import alerts
from indexer.remote import Place
from indexer.settings import Settings
from indexer.store import Store
from indexer.tables import File, now

KEPT_REPORTS = 90


@dataclass(frozen=True)
class NightOptions:
    """``source`` is the attribute that names a source, ``flood`` how many findings one may bring.

    ``threshold`` and ``verify`` are those of `dedupe`; ``keep`` is how many reports stay on disk, and ``html`` where
    the page is written besides.
    """

    source: str | None = None
    flood: int = DEFAULT_LIMIT
    threshold: float | None = None
    verify: bool = False
    keep: int = KEPT_REPORTS
    html: Path | None = None


def nightly(
    store: Store,
    catalogues: Sequence[Place],
    settings: Settings,
    options: NightOptions,
    progress: Progress = no_progress,
) -> NightReport:
    """Build, find what is new since the last night that ended, and report what no night reported.

    Raises:
        StoreLocked: another night, or another writer, is at work.
        UsageRefused, StoreDamaged, NewerFormat, NoSpace, PermissionRefused, EngineUnavailable: the night did not end;
            run it again.
    """
    for path in catalogues:
        require_there(path)
    with alone(store):
        clock = _Clock()
        built = build(store, catalogues, settings, progress=progress)
        clock.took("build")
        durable.failpoint("night.built")
        with store.database.reading() as connection:
            sources = Sources.read(connection, store, options.source)
            change = _change(connection, store, sources)
        found = _compare(store, settings, options, change)
        clock.took("compare")
        found = _without_alerted(found, list(alerts(store, settings, change.new, verify=options.verify)))
        clock.took("screen")
        fresh, pictures = _fresh(store, sources, found)
        queue, aside, floods = held_back(fresh, options.flood)
        report = NightReport(
            change.night,
            now().replace("+00:00", "Z"),
            store.shown_path(str(night_folder(store, change.night))),
            built.generation,
            change.count,
            new=[{"path": picture.paths[0], "source": picture.source} for picture in change.new],
            removed=change.removed,
            rejected=[file.to_dict() for file in change.rejected],
            queue=[described(finding, pictures) for finding in in_order_of_value(queue)],
            flood=floods,
            in_quarantine=change.in_quarantine + len(aside),
        )
        report.count(fresh)
        write_night(store, settings, report, clock.took, options.html)
        durable.failpoint("night.reported")
        told = [*queue, *(file.finding for file in change.rejected)]
        with store.writing():
            with store.database.writing() as connection:
                add_findings(connection, change.night, REPORTED, told)
                add_findings(connection, change.night, QUARANTINED, aside)
                add_night(connection, change.night, report.finished_at, change.newest, change.count)
                durable.failpoint("night.before_commit")
            durable.failpoint("night.after_commit")
        drop_old_nights(store, options.keep)
    return report


@dataclass(frozen=True)
class _Change:
    """What became of the catalogue since the last night that ended; all of one snapshot.

    ``seen`` and ``newest`` are the largest item ids then and now, ``count`` is how many contents there are.
    """

    night: int
    seen: int
    newest: int
    count: int
    removed: int
    new: list[Picture]
    rejected: list[RejectedFile]
    in_quarantine: int


def _change(connection: Connection, store: Store, sources: Sources) -> _Change:
    seen, count_before = last_night(connection)
    new = newer_pictures(connection, store, sources, seen)
    newest, count = connection.execute(
        select(func.max(File.item_id), func.count(File.item_id.distinct()))
    ).one()
    return _Change(
        night=next_number(connection),
        seen=seen,
        newest=max(newest or 0, seen),
        count=count,
        removed=count_before - (count - len(new)),
        new=new,
        rejected=newly_rejected(connection, store),
        in_quarantine=len(quarantined(connection)),
    )


def _compare(store: Store, settings: Settings, options: NightOptions, change: _Change) -> list[Finding]:
    """Find copies among what is new, and between it and the rest; and bytes that lie twice, new or not."""
    found: list[Finding] = []
    if change.new:
        found += copies(
            dedupe(
                store,
                settings,
                options.threshold,
                scope=Scope(new=True),
                seen=change.seen,
                verify=options.verify,
            )
        )
    with store.database.reading() as connection:
        return found + list(repeated_bytes(connection))


def _without_alerted(pairs: Sequence[Finding], alerted: Sequence[Finding]) -> list[Finding]:
    """Leave out the copies of which an alert says more."""
    told = {(alert.first_sha256, alert.second_sha256) for alert in alerted}
    return [*alerted, *(pair for pair in pairs if (pair.first_sha256, pair.second_sha256) not in told)]


def _fresh(
    store: Store, sources: Sources, findings: Sequence[Finding]
) -> tuple[list[Finding], dict[bytes, Picture]]:
    """Keep what no night told of and nobody decided; say which source brought it, and what it wastes."""
    with store.database.reading() as connection:
        decisions = Decisions.read(connection)
        fresh = [
            finding
            for finding in unreported(connection, findings)
            if decisions.verdict(finding.first_sha256, finding.second_sha256) is None
        ]
        contents = {sha256 for finding in fresh for sha256 in finding.contents}
        pictures = pictures_of(connection, store, sources, contents)
    held = [finding for finding in fresh if finding.contents <= pictures.keys()]
    return [_attributed(finding, pictures) for finding in held], pictures


def _attributed(finding: Finding, pictures: dict[bytes, Picture]) -> Finding:
    both = [pictures[sha256] for sha256 in finding.contents]
    if len(both) == 1:
        wasted = both[0].size_bytes * (len(both[0].paths) - 1)
    else:
        wasted = min(picture.size_bytes for picture in both)
    return replace(finding, source=max(both, key=lambda picture: picture.item).source, wasted_bytes=wasted)


class _Clock:
    """Seconds since the last step ended, by the step's name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = self._last = time.monotonic()

    def took(self, step: str) -> dict[str, float]:
        """Note what a step took; return all of them, with their total."""
        present = time.monotonic()
        self.seconds[step] = round(present - self._last, 3)
        self._last = present
        return self.seconds | {"total": round(present - self._started, 3)}
