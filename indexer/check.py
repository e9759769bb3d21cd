"""`index check`: every mismatch between database, FAISS files, encoder and catalogue, found and named. Reads only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from sqlalchemy import Connection, func, select

from indexer.assigned_labels import contradicted
from indexer.committed import Committed, current_generation
from indexer.duplicates.disposal import TRASH_FOLDER
from indexer.duplicates.undo import unfinished
from indexer.durable import TEMPORARY_SUFFIX
from indexer.engine.changes import unexplained, waiting
from indexer.engine.collections import ENGINE, collection_of, unnamed
from indexer.errors import (
    EngineUnavailable,
    IndexerError,
    IndexNotFound,
    NewerFormat,
    PermissionRefused,
    StoreDamaged,
    UsageRefused,
    VectorsMissing,
)
from indexer.lookup import Gallery
from indexer.store import FAISS_SUFFIX, Store
from indexer.tables import (
    Catalogue,
    Embedding,
    FaissFile,
    File,
    Generation,
    Item,
)
from indexer.unsound_rows import unsound_rows, unsound_values
from retrieval.encoder import Space

# What a repair cannot mend row by row: the database has to be saved into a new one.
MALFORMED, UNREADABLE = "database-malformed", "unreadable"
# What a repair must not drop: nothing else could say it again.
DECISION_DAMAGED, LISTING_DAMAGED = "decision-damaged", "listing-damaged"
LABEL_DAMAGED = "label-damaged"  # as its files' own checksums tell
_OF_TABLE = {
    "items": "item-damaged",
    "files": "file-damaged",
    "embeddings": "vector-damaged",
    "decisions": DECISION_DAMAGED,
    "listings": LISTING_DAMAGED,
    "calibrations": "calibration-damaged",
    "nights": "night-damaged",
    "findings": "finding-damaged",
}
# What nothing but the encoder itself can mend.
ENCODER_DIFFERS = "encoder-differs"
# What only its operator can mend.
ENGINE_UNREACHABLE = "engine-unreachable"
# A file that a killed `index dedupe` may or may not have moved.
DISPOSAL_UNFINISHED = "disposal-unfinished"


class Severity(StrEnum):
    """How much a finding matters."""

    DAMAGE = "damage"  # answers may be refused; --repair mends it, or says why it cannot
    STALE = "stale"  # the catalogue has moved on; `index build` follows
    INFO = "info"  # residue that the next build removes by itself


@dataclass(frozen=True)
class Finding:
    """One mismatch: what kind, where, and what it means. ``ids`` are row ids, for the repair."""

    severity: Severity
    kind: str
    where: str
    message: str
    ids: tuple[int, ...] = ()


def check(store: Store) -> list[Finding]:
    """Look at everything; a check that cannot go on says so, and the others still run.

    Raises:
        IndexNotFound, NewerFormat, PermissionRefused: there is nothing that this version could check.
    """
    try:
        revision = store.revision()
    except StoreDamaged as error:
        return [Finding(Severity.DAMAGE, MALFORMED, store.database.where, str(error))]
    if revision is None:
        raise IndexNotFound(f"nothing was committed yet in {store.path}", "run `index build FOLDER`")
    findings: list[Finding] = []
    for part in (
        _check_pages,
        _check_values,
        _check_rows,
        _check_generation,
        _check_faiss,
        _check_encoder,
        _check_catalogues,
        _check_disposals,
    ):
        findings += _guarded(part, store)
    return findings + list(_check_residue(store))


def _guarded(part: Callable[[Store], Iterator[Finding]], store: Store) -> list[Finding]:
    found: list[Finding] = []
    try:
        for finding in part(store):
            found.append(finding)  # noqa: PERF402  (what was found before a failure counts)
    except (IndexNotFound, NewerFormat):
        raise
    except IndexerError as error:
        if not any(finding.severity is Severity.DAMAGE for finding in found):
            found.append(Finding(Severity.DAMAGE, UNREADABLE, str(store.path), str(error)))
    return found


def _check_pages(store: Store) -> Iterator[Finding]:
    """Ask the database about its own structure."""
    where = store.database.where
    with store.database.reading() as connection:
        problems, orphans = store.database.problems(connection)
    if problems:
        yield Finding(Severity.DAMAGE, MALFORMED, where, problems)
    if orphans:
        yield Finding(Severity.DAMAGE, "row-without-parent", where, f"{orphans} rows refer to rows not there")


def _check_values(store: Store) -> Iterator[Finding]:
    """Hold values without a checksum to their types; given labels to those of the files, which have one."""
    where = store.database.where
    with store.database.reading() as connection:
        for table, problem in unsound_values(connection):
            message = f"a row of {table} is not what was written: {problem}"
            yield Finding(Severity.DAMAGE, UNREADABLE, where, message)
        if differing := contradicted(connection):
            message = f"{len(differing)} files have another label than was given to their content"
            yield Finding(Severity.DAMAGE, LABEL_DAMAGED, where, message)


def _check_rows(store: Store) -> Iterator[Finding]:
    """Hold every row to its checksum."""
    where = store.database.where
    with store.database.reading() as connection:
        for table, ids in unsound_rows(connection):
            message = f"{len(ids)} rows of {table} are not what was written"
            yield Finding(Severity.DAMAGE, _OF_TABLE[table], where, message, ids)


def _check_generation(store: Store) -> Iterator[Finding]:
    """Hold the current generation's counts to the rows."""
    with store.database.reading() as connection:
        generation = current_generation(connection)
        if generation is None:
            raise IndexNotFound(f"nothing was committed yet in {store.path}", "run `index build FOLDER`")
        where = f"generation {generation.id}"
        counts = {
            "files": (
                connection.execute(select(func.count()).select_from(File)).scalar_one(),
                generation.file_count,
            ),
            "items": (len(held_items(connection)), generation.item_count),
        }
        for name, (found, expected) in counts.items():
            if found != expected:
                message = f"{found} {name} in the database, {expected} when it was committed"
                yield Finding(Severity.DAMAGE, "count-differs", where, message)
        lost = items_without_vectors(connection, generation)
        if lost:
            yield Finding(
                Severity.DAMAGE, "vector-lost", where, f"{len(lost)} items lack a vector", tuple(lost)
            )
        staged = connection.execute(
            select(func.count()).where(Item.id.not_in(select(File.item_id)))
        ).scalar_one()
        if staged:
            yield Finding(
                Severity.INFO, "build-unfinished", where, f"{staged} pictures encoded by an unfinished build"
            )


def held_items(connection: Connection) -> list[int]:
    """Ids of the items that files hold, sorted."""
    held = select(Item.id).where(Item.id.in_(select(File.item_id))).order_by(Item.id)
    return list(connection.execute(held).scalars())


def items_without_vectors(connection: Connection, generation: Committed) -> list[int]:
    """Ids of held items that lack the vector of a space."""
    complete = (
        select(Embedding.item_id)
        .where(Embedding.encoder_id == generation.encoder_id)
        .group_by(Embedding.item_id)
        .having(func.count() == len(generation.spec.spaces))
    )
    lost = select(File.item_id).distinct().where(File.item_id.not_in(complete))
    return list(connection.execute(lost).scalars())


def _check_faiss(store: Store) -> Iterator[Finding]:
    """Read every FAISS file of the current generation and hold its ids to the items."""
    with store.database.reading() as connection:
        generation = current_generation(connection)
        held = np.array(held_items(connection), np.int64)
    if generation is None:
        return
    for space in generation.spec.spaces:
        file = generation.faiss[space.name]
        if file.kind == ENGINE:
            yield from _check_engine(store, generation, space)
            continue
        path = store.faiss_path(file.sha256)
        try:
            index = store.read_faiss(
                file.sha256,
                dim=space.dim,
                metric=space.metric,
                count=generation.item_count,
                recall=file.recall,
            )
        except StoreDamaged as error:
            yield Finding(Severity.DAMAGE, "faiss-damaged", str(path), str(error))
            continue
        if not np.array_equal(index.ids, held):
            message = f"space {space.name!r} holds other items than the database"
            yield Finding(Severity.DAMAGE, "faiss-differs", str(path), message)


def _check_engine(store: Store, generation: Committed, space: Space) -> Iterator[Finding]:
    """Hold every vector that an engine has to the database's; what still waits to be sent is no difference."""
    where = f"space {space.name!r}"
    with store.database.reading() as connection:
        try:
            collection = collection_of(connection, generation, space)
            if collection is None:
                return
            where = f"{collection.url} ({collection.name})"
            if waits := waiting(connection, collection):
                message = (
                    f"{waits} changes of space {space.name!r} are not sent yet; `index build` sends them"
                )
                yield Finding(Severity.STALE, "engine-behind", where, message)
            found = unexplained(connection, generation, space, collection)
        except (VectorsMissing, StoreDamaged, NewerFormat) as error:
            yield Finding(Severity.DAMAGE, "engine-damaged", where, str(error))
        except IndexerError as error:  # nothing answers there, or nothing can be asked from here
            yield Finding(Severity.DAMAGE, ENGINE_UNREACHABLE, where, f"{error}; {error.hint}")
        else:
            if found:
                yield Finding(Severity.DAMAGE, "engine-differs", where, f"space {space.name!r}: {found}")


def _check_encoder(store: Store) -> Iterator[Finding]:
    """See whether the encoder at hand is the one that the index was made with."""
    try:
        Gallery(store).encoder_files()
    except StoreDamaged:
        return  # found already, where the generation was checked
    except IndexerError as error:
        yield Finding(Severity.DAMAGE, ENCODER_DIFFERS, "encoder", f"{error}; {error.hint}")


def _check_catalogues(store: Store) -> Iterator[Finding]:
    """Compare what lies on disk with what the index holds."""
    from indexer.catalogue import list_catalogues
    from indexer.plan import encoded_items, known_files, make_plan, old_rejections

    with store.database.reading() as connection:
        generation = current_generation(connection)
        if generation is None:
            return
        view = generation.spec.preprocess.view
        known = known_files(connection, store)
        rejections = old_rejections(connection)
        encoded = encoded_items(connection, generation.encoder_id, len(generation.spec.spaces))
        for catalogue in connection.execute(select(Catalogue.id, Catalogue.path)).all():
            root = store.shown_path(catalogue.path)
            try:
                listings = list_catalogues(connection, store, [catalogue.id], view)
            except UsageRefused as error:
                yield Finding(Severity.STALE, "catalogue-gone", root, str(error))
                continue
            except (EngineUnavailable, PermissionRefused) as error:
                yield Finding(Severity.STALE, "catalogue-unreachable", root, f"{error}; {error.hint}")
                continue
            plan = make_plan(store, listings, known, rejections, encoded)
            changed = sum(c.found.path in known for c in plan.to_read)
            counts = [(len(plan.to_read) - changed, "new"), (changed, "changed"), (len(plan.removed), "gone")]
            told = ", ".join(f"{count} {name}" for count, name in counts if count)
            if told:
                yield Finding(Severity.STALE, "catalogue-moved-on", root, f"{told}; `index build` follows")


def _check_disposals(store: Store) -> Iterator[Finding]:
    """Name what a killed `index dedupe` was at. No file is lost: it is at its place or in the trash."""
    with store.database.reading() as connection:
        rows = unfinished(connection, store)
    for row in rows:
        message = (
            "a killed `index dedupe` was moving or linking it; --repair or `index dedupe --undo` finishes it"
        )
        yield Finding(Severity.INFO, DISPOSAL_UNFINISHED, store.shown_path(row.path), message, (row.id,))


def _check_residue(store: Store) -> Iterator[Finding]:
    """Name files that no generation refers to."""
    try:
        with store.database.reading() as connection:
            kept = set(connection.execute(select(FaissFile.sha256).join(Generation)).scalars())
            left = unnamed(connection)
    except StoreDamaged:
        return
    for collection in left:
        where = f"{collection.url} ({collection.name})"
        yield Finding(
            Severity.INFO, "residue", where, "a collection that no generation names; builds remove it"
        )
    trash = store.path / TRASH_FOLDER  # holds the user's files, whatever they are called
    for path in sorted(store.path.rglob("*")):
        if path.is_relative_to(trash):
            continue
        if path.name.endswith(TEMPORARY_SUFFIX) or (path.suffix == FAISS_SUFFIX and path.stem not in kept):
            yield Finding(
                Severity.INFO, "residue", str(path), "left by a stopped build; the next one removes it"
            )
