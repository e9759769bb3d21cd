"""Labels that a user gave. Every file of such a content carries its label under a checksum, so that damage shows.

A label is given to a content and to its files in one transaction, and beats whatever else a build would write: where
the two differ, one of them is not what was written. What the files' checksums vouch for is.
"""

from typing import Any

from sqlalchemy import Connection, select, update

from indexer.contents import sound_files
from indexer.database import REPAIR_HINT
from indexer.errors import StoreDamaged
from indexer.tables import AssignedLabel, File, Item


def require_agreement(connection: Connection) -> None:
    """Hold the labels that were given to those of the files.

    Raises:
        StoreDamaged: they differ.
    """
    lost = contradicted(connection)
    if lost:
        raise StoreDamaged(
            f"{len(lost)} files have another label than was given to their content", REPAIR_HINT
        )


def contradicted(connection: Connection) -> list[Any]:
    """Return ``id`` of the files whose label is not the one that their content was given, with its ``sha256``."""
    other = (
        select(File.id, Item.sha256)
        .join(Item, Item.id == File.item_id)
        .join(AssignedLabel, AssignedLabel.sha256 == Item.sha256)
        .where(File.label.is_distinct_from(AssignedLabel.label))
    )
    return list(connection.execute(other).all())


def restore(connection: Connection) -> list[str]:
    """Take the labels that differ from those of the files; say how many. Call it once no unsound file is left."""
    labels = {
        file.sha256: file.label
        for row in contradicted(connection)
        for file in sound_files(connection, File.id == row.id)
    }
    for sha256, label in labels.items():
        connection.execute(update(AssignedLabel).where(AssignedLabel.sha256 == sha256).values(label=label))
    return [f"took {len(labels)} labels that were given from the files that carry them"] if labels else []
