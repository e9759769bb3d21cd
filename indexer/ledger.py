"""What users tell the index: labels for contents, and paths that shall leave it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from indexer.assigned_labels import give_label
from indexer.committed import require_generation
from indexer.contents import sound_files
from indexer.errors import UsageRefused
from indexer.generations import commit_generation
from indexer.remote import Place, absolute, holds
from indexer.settings import Settings
from indexer.store import Store
from indexer.tables import Catalogue, Exclusion, File, Rejection


@dataclass(frozen=True)
class Removal:
    """What `remove` did: how many files left the index, and what is remembered so that they stay out."""

    removed: int
    generation: int
    excluded: list[str]
    forgotten_catalogues: list[str]


def assign_label(store: Store, path: Place, label: str) -> list[str]:
    """Give the content at ``path`` a label; return the paths, as the user can open them, that now carry it.

    The label belongs to the content: it survives moves, copies and rebuilds.

    Raises:
        UsageRefused: the index holds no such file, or the label is empty.
        StoreDamaged: the row of one of them is not what was written.
    """
    if not label.strip():
        raise UsageRefused("an empty label says nothing", "give it a name")
    with store.writing(), store.database.writing() as connection:
        require_generation(connection, store)
        stored = store.stored_path(absolute(path))
        file = next(sound_files(connection, File.path == stored), None)
        if file is None:
            raise UsageRefused(f"the index holds no file {path}", "run `index build` if it is new")
        paths = give_label(connection, file.sha256, label)
    return sorted(map(store.shown_path, paths))


def remove(store: Store, paths: Sequence[Place], settings: Settings) -> Removal:
    """Take files, or all below folders, out of the index; the files themselves stay where they are.

    They stay out when the catalogue is built again. A path that is a catalogue is forgotten as a whole instead.

    Raises:
        UsageRefused: the index holds nothing there.
    """
    with store.writing():
        with store.database.reading() as connection:
            generation = require_generation(connection, store)
            catalogues = {
                store.absolute_path(row.path): row.id
                for row in connection.execute(select(Catalogue.__table__))
            }
            files = {
                store.absolute_path(path): path for path in connection.execute(select(File.path)).scalars()
            }
        targets = [absolute(path) for path in paths]
        for target, path in zip(targets, paths, strict=True):
            if target not in catalogues and not _at_or_below(target, files):
                raise UsageRefused(f"the index holds nothing at {path}")
        gone = [files[path] for target in targets for path in _at_or_below(target, files)]
        forgotten = [target for target in targets if target in catalogues]
        excluded = [target for target in targets if target not in catalogues]

        def change(connection: Connection) -> None:
            for target in targets:
                _forget(connection, store, target, catalogues.get(target))
            for path in gone:
                connection.execute(delete(File).where(File.path == path))

        committed = commit_generation(
            store,
            generation.encoder_id,
            generation.metric,
            settings.exact_limit,
            change,
            vectors=settings.vectors,
        )
    shown = [[store.shown_path(path) for path in group] for group in (excluded, forgotten)]
    return Removal(len(set(gone)), committed.id, *shown)


def readmit(store: Store, paths: Sequence[Place]) -> list[str]:
    """Let paths that were removed come back at the next build; return them.

    Raises:
        UsageRefused: one of them was not removed.
    """
    with store.writing(), store.database.writing() as connection:
        for path in paths:
            stored = store.stored_path(absolute(path))
            if not connection.execute(delete(Exclusion).where(Exclusion.path == stored)).rowcount:
                raise UsageRefused(f"{path} was not removed", "`index status` lists what was")
    return [str(path) for path in paths]


def _forget(connection: Connection, store: Store, target: str, catalogue_id: int | None) -> None:
    if catalogue_id is None:
        stored = store.stored_path(target)
        connection.execute(delete(Exclusion).where(Exclusion.path == stored))
        connection.execute(insert(Exclusion).values(path=stored))
        connection.execute(delete(Rejection).where(Rejection.path == stored))
        return
    connection.execute(delete(File).where(File.catalogue_id == catalogue_id))
    connection.execute(delete(Rejection).where(Rejection.catalogue_id == catalogue_id))
    connection.execute(delete(Catalogue).where(Catalogue.id == catalogue_id))


def _at_or_below(target: str, files: dict[str, str]) -> list[str]:
    return [path for path in files if path == target or holds(target, path)]
