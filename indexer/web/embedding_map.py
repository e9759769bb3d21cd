"""A plane through the vectors of a space: the two directions in which a sample of them varies most (PCA)."""

import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sqlalchemy import select

from indexer.lookup import Gallery
from indexer.sound_rows import read_items
from indexer.tables import File
from retrieval.encoder import Space


@dataclass(frozen=True)
class Point:
    """Where a content lies."""

    item: int
    sha256: str
    x: float
    y: float
    label: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class EmbeddingMap:
    """A point a content; ``explained`` are the shares of the sample's variance along x and y."""

    points: list[Point]
    explained: list[float]


_KEPT = 4


class Maps:
    """The maps that were drawn last, each once a generation. May be used from any number of threads."""

    def __init__(self) -> None:
        self._drawn: OrderedDict[tuple[int, str, int], EmbeddingMap] = OrderedDict()
        self._drawing = threading.Lock()

    def of(self, gallery: Gallery, space: Space, limit: int) -> EmbeddingMap:
        """Return the map of a gallery's vectors in a space; as `draw_map` draws it."""
        key = gallery.generation.id, space.name, limit
        with self._drawing:
            if key not in self._drawn:
                self._drawn[key] = draw_map(gallery, space, limit)
                if len(self._drawn) > _KEPT:
                    self._drawn.popitem(last=False)
            return self._drawn[key]


def draw_map(gallery: Gallery, space: Space, limit: int) -> EmbeddingMap:
    """Place ``limit`` contents at most, evenly spread over the ids; axes point so that most of a tail is positive.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    with gallery.store.database.reading() as connection:
        ids = list(connection.execute(select(File.item_id).distinct().order_by(File.item_id)).scalars())
        chosen = [ids[place] for place in _spread(len(ids), limit)]
        items = read_items(connection, gallery.generation, space, chosen)
    if not chosen:
        return EmbeddingMap([], [0.0, 0.0])
    vectors = np.stack([items[id_].vector for id_ in chosen]).astype(np.float64)
    centred = vectors - vectors.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    places = centred @ axes
    places *= np.where((places**3).sum(axis=0) < 0, -1.0, 1.0)  # an eigenvector has no sign of its own
    if places.shape[1] < 2:
        places = np.column_stack([places, np.zeros(len(places))])
    total = max(float(values.sum()), np.finfo(float).tiny)
    shares = [max(0.0, float(value)) / total for value in values[::-1][:2]]
    points = [
        Point(id_, items[id_].sha256.hex(), float(x), float(y), items[id_].files[0].label)
        for id_, (x, y) in zip(chosen, places, strict=True)
    ]
    return EmbeddingMap(points, [*shares, 0.0][:2])


def _spread(count: int, limit: int) -> list[int]:
    return [place * count // min(count, limit) for place in range(min(count, limit))]
