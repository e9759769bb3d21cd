"""The labelled part of the index: one vector and one label a content, every row held to its checksum."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, select

from indexer.committed import Committed
from indexer.sound_rows import read_items
from indexer.tables import File
from retrieval.encoder import Space
from retrieval.similarity import Float32


@dataclass(frozen=True)
class Labelled:
    """Row i of ``vectors``, (n, dim), has ``labels[i]`` and is of the content ``sha256s[i]``.

    A content whose files carry different labels teaches neither: ``contradictory`` counts those left out.
    """

    vectors: Float32
    labels: list[str]
    sha256s: list[bytes]
    contradictory: int


def read_labelled(connection: Connection, generation: Committed, space: Space) -> Labelled:
    """Read every labelled content's vector in one space.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    statement = select(File.item_id).where(File.label.is_not(None)).distinct()
    ids = list(connection.execute(statement).scalars())
    items = read_items(connection, generation, space, ids)
    # By content: ids are given as pictures are decoded, which no two builds do in the same order.
    in_order = sorted(items.values(), key=lambda item: item.sha256)
    given = [(item, {file.label for file in item.files} - {None}) for item in in_order]
    taken = [(item, next(iter(labels))) for item, labels in given if len(labels) == 1]
    vectors = np.stack([item.vector for item, _ in taken]) if taken else np.empty((0, space.dim), np.float32)
    labels = [str(label) for _, label in taken]
    return Labelled(vectors, labels, [item.sha256 for item, _ in taken], len(ids) - len(taken))
