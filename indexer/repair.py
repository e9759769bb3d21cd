"""`index check --repair`: rebuild the cache from the database, and encode again only what is lost.

1. A database that SQLite cannot read is set aside; what can be read of it is saved into a new one.
2. Rows that are not what was written are dropped, and so are generations that cannot be read; decisions, which
   nothing else could say again, are set aside in a text file beside the database.
3. The catalogues that can be reached are built again, which encodes what lacks a vector and nothing else that did
   not change, and every FAISS file is written anew. Where the encoder is gone, or is not what it was, nothing is
   encoded: a damaged graph would give every picture a damaged vector. What has vectors goes on being found.

The catalogue is read, never written. Each step is a transaction of its own: a repair that is killed is run again.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, delete, select

from indexer.assigned_labels import restore_labels
from indexer.bucket_scan import has_objects
from indexer.build import build
from indexer.check import (
    DECISION_DAMAGED,
    DISPOSAL_UNFINISHED,
    ENCODER_DIFFERS,
    ENGINE_UNREACHABLE,
    LISTING_DAMAGED,
    MALFORMED,
    UNREADABLE,
    Finding,
    Severity,
    check,
    items_without_vectors,
)
from indexer.column_types import UnsoundValue
from indexer.committed import Committed, current_generation
from indexer.duplicates.undo import finish
from indexer.engine.changes import note_gone
from indexer.errors import EngineUnavailable, IndexNotFound, PermissionRefused, StoreDamaged, UsageRefused
from indexer.generations import commit_generation, no_change
from indexer.lost_catalogues import adopt_files, forget_empty
from indexer.remote import Place, is_remote, place_of
from indexer.salvage import salvage
from indexer.set_aside import set_aside_decisions, set_aside_listings
from indexer.settings import Settings
from indexer.store import Store
from indexer.tables import (
    Calibration,
    Catalogue,
    Embedding,
    Encoder,
    FaissFile,
    File,
    Generation,
    Item,
    Night,
    Rejection,
)
from indexer.tables import Finding as FindingRow

_NOT_OURS = {ENCODER_DIFFERS, ENGINE_UNREACHABLE}  # to mend
# Rows on which no others hang. Without its row a night is gone over again, which finds what is in the ledger already;
# a finding may be told again, and is in its night's report. The calibration before a dropped one counts again, and
# `index status` names it.
_ALONE: dict[str, type[Calibration | File | Night | FindingRow]] = {
    "calibration-damaged": Calibration,
    "file-damaged": File,
    "night-damaged": Night,
    "finding-damaged": FindingRow,
}


@dataclass
class RepairReport:
    """What was found, what was done about it, and what is left."""

    found: list[Finding]
    done: list[str] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)


def repair(store: Store, settings: Settings) -> RepairReport:
    """Mend what `check` calls damage; without damage nothing is touched, but what a killed `dedupe` was at is settled.

    Raises:
        StoreLocked: another process is writing.
        IndexNotFound: nothing could be saved, and no catalogue is left to build from.
    """
    report = RepairReport(_check_first(store))
    if any(finding.kind == DISPOSAL_UNFINISHED for finding in report.found):
        with store.writing():
            report.done += finish(store)
    report.left = [finding for finding in _damage(report.found) if finding.kind in _NOT_OURS]
    if report.left == _damage(report.found):
        return report
    if {MALFORMED, UNREADABLE} & {finding.kind for finding in _damage(report.found)}:
        with store.locked():
            report.done += salvage(store)
    with store.writing():
        generation = _newest_readable_generation(store, report.done)
        damage = _damage(_check_again(store))
        can_encode = all(finding.kind != ENCODER_DIFFERS for finding in damage)
        reachable = _reachable_catalogues(store) if can_encode else {}
        adopted = _drop_rows(store, damage, report.done)
        if generation is not None:
            _drop_lost_files(store, generation, reachable, report.done)
    _rebuild(store, generation, reachable, settings, report.done)
    if adopted:
        with store.writing(), store.database.writing() as connection:
            report.done += [adopted[id_] for id_ in sorted(forget_empty(connection, adopted))]
    report.left = _damage(check(store))
    return report


def _check_first(store: Store) -> list[Finding]:
    """Check; where nothing is committed but catalogues are known, a repair was killed that had dropped what was.

    Raises:
        IndexNotFound: there is nothing to build from.
    """
    try:
        return check(store)
    except IndexNotFound:
        if store.database.revision() is None:
            raise
        with store.database.reading() as connection:
            if connection.execute(select(Catalogue.id)).first() is None:
                raise
    lost = "the catalogues are known, but no generation is there"
    return [Finding(Severity.DAMAGE, "generation-lost", str(store.path), lost)]


def _damage(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.DAMAGE]


def _check_again(store: Store) -> list[Finding]:
    try:
        return check(store)
    except IndexNotFound:  # no generation was left in what could be saved
        return []


def _newest_readable_generation(store: Store, done: list[str]) -> Committed | None:
    while True:
        with store.database.writing() as connection:
            try:
                return current_generation(connection)
            except (StoreDamaged, UnsoundValue) as error:
                newest = select(Generation.id).order_by(Generation.id.desc()).limit(1).scalar_subquery()
                connection.execute(delete(FaissFile).where(FaissFile.generation_id == newest))
                connection.execute(delete(Generation).where(Generation.id == newest))
                done.append(f"dropped a generation: {error}")


def _drop_rows(store: Store, damage: Iterable[Finding], done: list[str]) -> dict[int, str]:
    """Delete the rows that are not what was written, and what hangs on them; set decisions aside.

    Return the catalogues that files without one were given, each with what is to be said of it.
    """
    with store.database.writing() as connection:
        for finding in damage:
            if finding.kind == DECISION_DAMAGED:
                done.append(set_aside_decisions(connection, store.path, finding.ids))
                continue
            if finding.kind == LISTING_DAMAGED:
                done.append(set_aside_listings(connection, store.path, finding.ids))
                continue
            for id_ in finding.ids:
                if finding.kind == "item-damaged":
                    connection.execute(delete(Embedding).where(Embedding.item_id == id_))
                    connection.execute(delete(File).where(File.item_id == id_))
                    connection.execute(delete(Item).where(Item.id == id_))
                    note_gone(connection, [id_])
                elif finding.kind in _ALONE:
                    connection.execute(delete(_ALONE[finding.kind]).where(_ALONE[finding.kind].id == id_))
                elif finding.kind == "vector-damaged":
                    connection.execute(delete(Embedding).where(Embedding.item_id == id_))
            if finding.kind.endswith("-damaged") and finding.ids:
                done.append(f"dropped what hangs on {len(finding.ids)} rows ({finding.kind})")
        done += restore_labels(connection)
        adopted = adopt_files(connection, store)
        _drop_orphans(connection)
    return adopted


def _drop_orphans(connection: Connection) -> None:
    """Delete rows whose item, encoder or catalogue is gone, which a salvaged database may hold: ids are given again."""
    items = select(Item.id)
    connection.execute(delete(Embedding).where(Embedding.item_id.not_in(items)))
    connection.execute(delete(Embedding).where(Embedding.encoder_id.not_in(select(Encoder.id))))
    connection.execute(delete(File).where(File.item_id.not_in(items)))
    generations = select(Generation.id)
    connection.execute(delete(FaissFile).where(FaissFile.generation_id.not_in(generations)))
    connection.execute(delete(Rejection).where(Rejection.catalogue_id.not_in(select(Catalogue.id))))


def _reachable_catalogues(store: Store) -> dict[int, Place]:
    with store.database.reading() as connection:
        rows = connection.execute(select(Catalogue.id, Catalogue.path)).all()
    places = {row.id: place_of(store.absolute_path(row.path)) for row in rows}
    return {id_: place for id_, place in places.items() if _is_reachable(place)}


def _is_reachable(place: Place) -> bool:
    if is_remote(place):
        with suppress(UsageRefused, EngineUnavailable, PermissionRefused):
            return has_objects(place)
        return False
    path = Path(place)
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def _drop_lost_files(
    store: Store, generation: Committed, reachable: dict[int, Place], done: list[str]
) -> None:
    """Delete the files whose vectors are lost and cannot be made again: nothing can answer for them."""
    with store.database.writing() as connection:
        lost = items_without_vectors(connection, generation)
        gone = 0
        for id_ in lost:
            unreachable = delete(File).where(File.item_id == id_, File.catalogue_id.not_in(reachable))
            gone += connection.execute(unreachable).rowcount
        if gone:
            done.append(f"dropped {gone} files whose vectors are lost and cannot be made again for now")


def _rebuild(
    store: Store,
    generation: Committed | None,
    reachable: dict[int, Place],
    settings: Settings,
    done: list[str],
) -> None:
    if reachable and generation is None and not _knows_its_encoder(store, settings):
        raise IndexNotFound(
            f"what could be saved of {store.database.where} does not say which encoder the index was made with",
            "run `index build`, with --encoder where it was not the built-in one",
        )
    if reachable:
        report = build(store, list(reachable.values()), settings, rebuild_cache=True)
        done.append(
            f"encoded {report.encoded} pictures again and wrote the FAISS files of generation {report.generation}"
        )
    elif generation is not None:
        with store.writing():
            committed = commit_generation(
                store,
                generation.encoder_id,
                generation.metric,
                settings.exact_limit,
                no_change,
                vectors=settings.vectors,
                rebuild_cache=True,
            )
        done.append(f"wrote the FAISS files of generation {committed.id}")
    else:
        raise IndexNotFound(
            f"nothing could be saved of {store.database.where}, and no catalogue is left to build from",
            "run `index build FOLDER`",
        )


def _knows_its_encoder(store: Store, settings: Settings) -> bool:
    with store.database.reading() as connection:
        rows = connection.execute(select(Encoder.id)).first()
    return settings.encoder is not None or rows is not None
