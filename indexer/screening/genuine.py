"""A label's genuine pictures: those on its list, or else all that carry the label in the index."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from indexer.listings import ListName
from indexer.screening.facts import Case, Genuine, Rival
from indexer.screening.neighbours import Surroundings
from indexer.sound_rows import ItemFacts
from indexer.tables import File, Item
from retrieval.detection.genuine import GenuineScores, leave_one_out, nearest
from retrieval.similarity import Float32, Float64, Int64, scores

# Pictures of other labels from which is learned what genuine pictures score; at most so many a label.
POOLED, _OF_A_LABEL = 2000, 100

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Pool:
    """Pictures of many labels: (n,) ids and labels, (n, dim) vectors, and each one's cosine with the nearest of another label."""

    items: dict[int, ItemFacts]
    ids: Int64
    labels: npt.NDArray[np.str_]
    vectors: Float32
    to_others: Float64

    def rows_of_others(self, label: str, ids: list[int]) -> Bools:
        """Say which are of another label, and not among the label's pictures under that name either."""
        rows: Bools = (self.labels != label) & ~np.isin(self.ids, ids)
        return rows


class GenuineLabels:
    """The genuine pictures of labels in one snapshot, read as they are asked for."""

    def __init__(self, around: Surroundings, connection: Connection) -> None:
        self._around = around
        suspects = around.suspects
        listed: dict[str, set[bytes]] = defaultdict(set)
        for sha256, listing in around.listed[ListName.GENUINE].items():
            listed[str(listing.label)].add(sha256)
        ids: dict[str, set[int]] = defaultdict(set)
        labels: dict[int, set[str]] = defaultdict(set)
        statement = select(File.item_id, File.label, Item.sha256).join(Item, Item.id == File.item_id)
        for row in connection.execute(statement.where(File.label.is_not(None))):
            if row.sha256 not in suspects:
                labels[row.item_id].add(str(row.label))
        for item, given in labels.items():
            label = next(iter(given))
            if len(given) == 1 and label not in listed:  # one of which files disagree teaches nothing
                ids[label].add(item)
        for label, sha256s in listed.items():
            ids[label] = set(around.items_of(sha256s - suspects).tolist())
        self._ids = {label: sorted(items) for label, items in ids.items()}
        self._read: dict[str, tuple[list[int], dict[int, ItemFacts]]] = {}
        self._own: dict[str, tuple[Float64, Float64]] = {}
        self._others: dict[tuple[str, int], tuple[Float64, Float64]] = {}
        self._pooled: _Pool | None = None

    def judge(self, case: Case, label: str) -> Genuine:
        """Hold an image against the genuine pictures of a label; it has no say itself, whatever its own label."""
        around, space = self._around, self._around.object
        if label not in self._read:
            wanted = self._ids.get(label, [])
            self._read[label] = wanted, around.read(space, wanted)
        ids, items = self._read[label]
        keep = [id_ for id_ in ids if items[id_].sha256 != case.sha256]
        if not keep:
            return Genuine(label, 0, None, GenuineScores.of(np.empty(0), []), None)
        vectors = np.stack([items[id_].vector for id_ in keep])
        exact = scores(case.vectors[space.name], vectors, space.metric)
        best = int(exact.argmax())
        near = around.neighbour(case, space, keep[best], items[keep[best]], float(exact[best]))
        pool = self._pool()
        rows = pool.rows_of_others(label, ids)
        own = self._scores_of_own(label, vectors, pool, rows, is_whole=len(keep) == len(ids))
        others = [
            self._scores_of(str(other), len(keep)) for other in np.unique(pool.labels) if other != label
        ]
        likeness, margins = (
            GenuineScores.of(own[part], [found[part] for found in others]) for part in (0, 1)
        )
        rival = self._rival(case, near.score, pool, rows, margins) if rows.any() else None
        return Genuine(label, len(keep), near, likeness, rival)

    def _rival(
        self, case: Case, score: float, pool: _Pool, rows: Bools, margins: GenuineScores
    ) -> Rival | None:
        """Find the picture of another label that is nearest, if there is one besides the image's own."""
        space = self._around.object
        found = np.flatnonzero(rows)
        exact = scores(case.vectors[space.name], pool.vectors[found], space.metric)
        for place in np.argsort(-exact, kind="stable"):
            id_ = int(pool.ids[found[place]])
            if pool.items[id_].sha256 != case.sha256:
                other = self._around.neighbour(case, space, id_, pool.items[id_], float(exact[place]))
                return Rival(str(pool.labels[found[place]]), other, score - other.score, margins)
        return None

    def _scores_of_own(
        self, label: str, vectors: Float32, pool: _Pool, rows: Bools, *, is_whole: bool
    ) -> tuple[Float64, Float64]:
        """What a label's pictures score without themselves, kept for the next image unless this one is of them."""
        if is_whole and label in self._own:
            return self._own[label]
        likeness = leave_one_out(vectors, POOLED)
        margins = np.empty(0)
        if len(likeness) and rows.any():
            margins = likeness - nearest(vectors, pool.vectors[rows])
        if is_whole:
            self._own[label] = likeness, margins
        return likeness, margins

    def _scores_of(self, label: str, gallery: int) -> tuple[Float64, Float64]:
        """What pictures of another label score in a gallery of that size."""
        if (label, gallery) not in self._others:
            pool = self._pool()
            rows = pool.labels == label
            likeness = leave_one_out(pool.vectors[rows], gallery)
            margins = likeness - pool.to_others[rows] if len(likeness) else likeness
            self._others[label, gallery] = likeness, margins[np.isfinite(margins)]
        return self._others[label, gallery]

    def _pool(self) -> _Pool:
        """Read the first pictures of labels, in order of their names, until there are enough of them."""
        if self._pooled is None:
            taken: list[tuple[int, str]] = []
            for label in sorted(self._ids):
                if len(taken) < POOLED:
                    taken += [(id_, label) for id_ in self._ids[label][:_OF_A_LABEL]]
            space = self._around.object
            items = self._around.read(space, {id_ for id_, _ in taken})
            taken = [(id_, label) for id_, label in taken if id_ in items]
            labels = np.array([label for _, label in taken], np.str_)
            vectors = np.array([items[id_].vector for id_, _ in taken], np.float32).reshape(-1, space.dim)
            cosines = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
            cosines[labels[:, np.newaxis] == labels] = -np.inf
            to_others = np.clip(cosines.max(axis=1, initial=-np.inf), -np.inf, 1)
            self._pooled = _Pool(
                items, np.array([id_ for id_, _ in taken], np.int64), labels, vectors, to_others
            )
        return self._pooled
