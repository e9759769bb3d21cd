"""`index build`: scan, read what is new, encode it, and commit the result as one generation."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, insert

from indexer.build_report import BuildReport
from indexer.catalogue import require_there
from indexer.committed import Committed
from indexer.encoding import Encoded, Progress, encode_files, no_progress
from indexer.engine.changes import follow
from indexer.engine.collections import ENGINE, remove_unnamed
from indexer.engine.filling import FILES, serves
from indexer.errors import UsageRefused
from indexer.file_rows import changed_rows, replace_rows
from indexer.generations import commit_generation
from indexer.remote import Place, is_remote
from indexer.settings import Settings
from indexer.sqlite import SqliteDatabase
from indexer.stamp import leave_stamp
from indexer.store import Store
from indexer.survey import Survey, survey
from indexer.tables import Rejection
from indexer.vectors.open import require_usable


def build(
    store: Store,
    catalogues: Sequence[Place],
    settings: Settings,
    *,
    labels: Path | None = None,
    exclude: Sequence[str] | None = None,
    progress: Progress = no_progress,
    rebuild_cache: bool = False,
) -> BuildReport:
    """Bring the index up to date with its catalogues; without ``catalogues``, with those that it remembers.

    ``rebuild_cache`` writes the FAISS files anew even if nothing changed.

    Raises:
        UsageRefused, StoreLocked, StoreDamaged, NewerFormat, NoSpace, PermissionRefused, EngineUnavailable: what was
            committed before is still there, and what was encoded is not encoded again.
    """
    started, started_ns = time.monotonic(), time.time_ns()
    if not catalogues and not store.path.exists():
        raise UsageRefused("which folder? there is no index here yet", "name one: `index build FOLDER`")
    for path in (*catalogues, *([labels] if labels else [])):
        require_there(path)
    if settings.vectors not in (None, FILES):
        require_usable(settings.vectors)
    with store.writing():
        work = survey(store, catalogues, settings, labels, exclude)
        result = encode_files(
            store, work.encoder, work.encoder_id, work.plan.to_read, work.encoded, settings, progress
        )
        generation = _commit(store, work, result, settings, rebuild_cache=rebuild_cache)
        report = _report(store, work, result, generation)
        if _nothing_was_done(store, work, generation):
            leave_stamp(store.path, catalogues, settings, work, report, started_ns)
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _commit(
    store: Store, work: Survey, result: Encoded, settings: Settings, *, rebuild_cache: bool
) -> Committed:
    """Commit a new generation, unless nothing would differ from the current one."""
    rows = changed_rows(work, result.files)
    first = list(islice(rows, 1))  # is there any? All at once take more room than what they are made of
    removed = _removed(work, result)
    rejected = work.plan.rejected + result.rejected
    scanned = [listing.id for listing in work.listings]
    old = {path: entry for path, entry in work.rejections.items() if entry.catalogue_id in scanned}
    nothing_new = not first and not removed and old == {entry.path: entry for entry in rejected}
    same_rules = work.same_encoder and work.same_metric and not rebuild_cache
    if work.previous and nothing_new and same_rules and serves(store, work.previous, settings.vectors):
        follow(store)
        remove_unnamed(store)
        return work.previous

    def change(connection: Connection) -> None:
        replace_rows(connection, store, removed, chain(first, rows))
        connection.execute(delete(Rejection).where(Rejection.catalogue_id.in_(scanned)))
        if rejected:  # which another catalogue may have told of
            told = delete(Rejection).where(Rejection.path == bindparam("told"))
            connection.execute(told, [{"told": entry.path} for entry in rejected])
            connection.execute(insert(Rejection), [asdict(entry) for entry in rejected])

    return commit_generation(
        store,
        work.encoder_id,
        work.metric,
        settings.exact_limit,
        change,
        vectors=settings.vectors,
        rebuild_cache=rebuild_cache,
    )


def _nothing_was_done(store: Store, work: Survey, generation: Committed) -> bool:
    """Tell whether every file was as the generation before had it, and that can be seen of the files alone.

    Of manifests each row is looked at, so that none counts as untouched; a server's database has no files here, nor has a
    bucket, nor an engine.
    """
    is_here = not any(is_remote(listing.root) for listing in work.listings) and all(
        file.kind != ENGINE for file in generation.faiss.values()
    )
    is_seen = isinstance(store.database, SqliteDatabase) and is_here
    return is_seen and generation is work.previous and bool(work.plan.untouched)


def _removed(work: Survey, result: Encoded) -> set[str]:
    """Return the absolute paths whose rows must go: files that left, vanished, or can no longer be read."""
    unreadable = {entry.path for entry in work.plan.rejected + result.rejected}
    lost = {path for path, known in work.plan.known.items() if known.path in unreadable}
    vanished = {candidate.found.path for candidate in result.vanished}
    return work.plan.removed | lost | vanished & set(work.plan.known)


def _report(store: Store, work: Survey, result: Encoded, generation: Committed) -> BuildReport:
    report = BuildReport(store.shown_path(str(store.path)), work.encoder.spec.name, generation.id)
    contents = {known.sha256 for known in work.plan.known.values()}
    moved = set()
    for read in result.files:
        known = work.plan.known.get(read.candidate.found.path)
        if known and known.sha256 == read.sha256 and work.same_encoder:
            report.unchanged += 1  # touched, or its vector was lost and made again
        elif not known and read.sha256 in contents and work.same_encoder:
            report.moved += 1
            moved.add(read.sha256)
        else:
            report.indexed += 1
    rejected = sorted(work.plan.rejected + result.rejected, key=lambda entry: entry.path)
    report.rejected = [
        {"path": store.shown_path(entry.path), "reason": entry.reason, "message": entry.message}
        for entry in rejected
    ]
    report.unchanged += len(work.plan.unchanged) + work.plan.untouched
    left = [work.plan.known[path].sha256 for path in work.plan.removed]
    report.removed = sum(sha256 not in moved for sha256 in left) + len(result.vanished)
    report.found = report.indexed + report.unchanged + report.moved + len(rejected)
    report.encoded = result.pictures
    unmatched = set(work.facts)
    for listing in work.listings:
        unmatched.difference_update(found.path for found in listing.scan.files)
        unmatched.difference_update(odd.path for odd in listing.scan.odd)
    report.unmatched_labels = len(unmatched)
    report.search = {
        name: {"kind": file.kind, "recall": file.recall} for name, file in generation.faiss.items()
    }
    return report
