"""Labels that a user gave. Every file of such a content carries its label under a checksum, so that damage shows.

A label is given to a content and to its files in one transaction, and beats whatever else a build would write: where
the two differ, one of them is not what was written. What the files' checksums vouch for is.
"""

from collections import Counter
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from indexer.checksums import file_checksum
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
    """Return a row for each file whose label is not the one that was ``given`` to its content, by ``sha256``."""
    other = (
        select(Item.sha256, AssignedLabel.label.label("given"))
        .select_from(File)
        .join(Item, Item.id == File.item_id)
        .join(AssignedLabel, AssignedLabel.sha256 == Item.sha256)
        .where(File.label.is_distinct_from(AssignedLabel.label))
    )
    return list(connection.execute(other).all())


def give_label(connection: Connection, sha256: bytes, label: str) -> list[str]:
    """Give a content a label, and its files with it; return their paths as stored.

    Raises:
        StoreDamaged: the row of one of them is not what was written.
    """
    connection.execute(delete(AssignedLabel).where(AssignedLabel.sha256 == sha256))
    connection.execute(insert(AssignedLabel).values(sha256=sha256, label=label))
    files = list(sound_files(connection, Item.sha256 == sha256))
    for file in files:
        checksum = file_checksum(file.path, sha256, file.size_bytes, file.mtime_ns, label, file.attributes)
        connection.execute(update(File).where(File.id == file.id).values(label=label, checksum=checksum))
    return [file.path for file in files]


def restore_labels(connection: Connection) -> list[str]:
    """Give contents the label that most of their files carry, where one has another; say which.

    Call it once no unsound file is left. Where as many carry the one as the other, it is not the one that was given:
    no checksum vouches for that.
    """
    said = []
    for sha256, given in {row.sha256: row.given for row in contradicted(connection)}.items():
        carried = Counter(file.label for file in sound_files(connection, Item.sha256 == sha256))
        del carried[None]
        label = max(carried, key=lambda label: (carried[label], label != given), default=given)
        paths = give_label(connection, sha256, label)
        said.append(f"gave {paths[0]} the label {label!r} again, which its files carry, for {given!r}")
    return said
