"""Files whose catalogue's row is lost: they go to a catalogue that they lie in, or the folder that holds them all."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from indexer.remote import common_folder, holds
from indexer.store import Store
from indexer.tables import FOLDER, Catalogue, File, Rejection


def adopt_files(connection: Connection, store: Store) -> dict[int, str]:
    """Give every file a catalogue again; say, by their ids, which folders were taken for one.

    A folder that is taken for a catalogue may be narrower than what was indexed, and what a manifest named may lie in it
    beside more: it is not built again until somebody asks.
    """
    known = {
        row.id: store.absolute_path(row.path)
        for row in connection.execute(select(Catalogue.id, Catalogue.path))
    }
    orphans = select(File.id, File.path, File.catalogue_id).where(File.catalogue_id.not_in(known))
    homeless: dict[int, list[str]] = defaultdict(list)
    for id_, path, catalogue_id in connection.execute(orphans).all():
        absolute = store.absolute_path(path)
        around = [one for one, root in known.items() if holds(root, absolute)]
        if around:
            nearest = max(around, key=lambda one: len(known[one]))
            connection.execute(update(File).where(File.id == id_).values(catalogue_id=nearest))
        else:
            homeless[catalogue_id].append(absolute)
    said = {}
    # What is no id any more comes last, so that the one it is given is nobody's.
    for catalogue_id, files in sorted(homeless.items(), key=lambda lost: not _is_id(lost[0])):
        folder = common_folder(files)
        taken = next((one for one, root in known.items() if root == folder), None)
        if taken is not None:
            connection.execute(
                update(File).where(File.catalogue_id == catalogue_id).values(catalogue_id=taken)
            )
            continue
        row: dict[str, Any] = {"path": store.stored_path(folder), "kind": FOLDER, "exclude": []}
        if _is_id(catalogue_id):
            row["id"] = catalogue_id
        given = connection.execute(insert(Catalogue).values(row).returning(Catalogue.id)).scalar_one()
        connection.execute(update(File).where(File.catalogue_id == catalogue_id).values(catalogue_id=given))
        known[given] = folder
        said[given] = (
            f"took {folder} for the catalogue of {len(files)} files, whose own row is lost: "
            "run `index build FOLDER` with what it was"
        )
    return said


def forget_empty(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Forget those catalogues whose files turned out to be another's; return the others."""
    held = set(connection.execute(select(File.catalogue_id).distinct()).scalars())
    for id_ in set(ids) - held:
        connection.execute(delete(Rejection).where(Rejection.catalogue_id == id_))
        connection.execute(delete(Catalogue).where(Catalogue.id == id_))
    return set(ids) & held


def _is_id(value: object) -> bool:
    """Tell whether a damaged row still holds a number there."""
    return isinstance(value, int)
