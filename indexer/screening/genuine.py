"""A label's genuine pictures: those on its list, or else all that carry the label in the index."""

from collections import defaultdict

import numpy as np
from sqlalchemy import Connection, select

from indexer.listings import ListName
from indexer.screening.facts import Case, Genuine
from indexer.screening.neighbours import Surroundings
from indexer.sound_rows import ItemFacts
from indexer.tables import File, Item
from retrieval.detection.genuine import GenuineScores, leave_one_out
from retrieval.similarity import Float32, Float64, scores

# Pictures of other labels from which is learned what genuine pictures score; at most so many a label.
POOLED, _OF_A_LABEL = 2000, 100


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
        self._own: dict[str, Float64] = {}
        self._others: dict[tuple[str, int], Float64] = {}

    def judge(self, case: Case, label: str) -> Genuine:
        """Hold an image against the genuine pictures of a label; it has no say itself, whatever its own label."""
        around, space = self._around, self._around.object
        if label not in self._read:
            wanted = self._ids.get(label, [])
            self._read[label] = wanted, around.read(space, wanted)
        ids, items = self._read[label]
        keep = [id_ for id_ in ids if items[id_].sha256 != case.sha256]
        if not keep:
            return Genuine(label, 0, None, GenuineScores.of(np.empty(0), []))
        vectors = np.stack([items[id_].vector for id_ in keep])
        others = [self._scores_of(other, len(keep)) for other in self._pool() if other != label]
        exact = scores(case.vectors[space.name], vectors, space.metric)
        best = int(exact.argmax())
        near = around.neighbour(case, space, keep[best], items[keep[best]], float(exact[best]))
        own = self._own_scores(label, vectors, is_whole=len(keep) == len(ids))
        return Genuine(label, len(keep), near, GenuineScores.of(own, others))

    def _own_scores(self, label: str, vectors: Float32, *, is_whole: bool) -> Float64:
        """What the pictures of a label score without themselves, kept for the next image unless this one is of them."""
        if not is_whole:
            return leave_one_out(vectors, POOLED)
        if label not in self._own:
            self._own[label] = leave_one_out(vectors, POOLED)
        return self._own[label]

    def _pool(self) -> list[str]:
        """Labels, in order of their names, with as many pictures together as are pooled."""
        taken, count = [], 0
        for label in sorted(self._ids):
            if count < POOLED:
                taken.append(label)
                count += min(len(self._ids[label]), _OF_A_LABEL)
        return taken

    def _scores_of(self, label: str, gallery: int) -> Float64:
        """What pictures of another label score in a gallery of that size, of the first so many."""
        if (label, gallery) not in self._others:
            items = self._around.read(self._around.object, self._ids[label][:_OF_A_LABEL])
            vectors = [item.vector for item in items.values()]
            self._others[label, gallery] = (
                leave_one_out(np.stack(vectors), gallery) if vectors else np.empty(0)
            )
        return self._others[label, gallery]
