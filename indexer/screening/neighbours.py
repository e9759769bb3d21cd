"""What an image is to be held against, in one snapshot of the index.

FAISS only proposes: every row of what it proposes is held to its checksum, and scored again in float64.
"""

from collections.abc import Collection

import numpy as np
from sqlalchemy import Connection, select

from indexer.calibrations import current_calibration
from indexer.database import REPAIR_HINT
from indexer.decisions import Decisions, DecisionVerdict
from indexer.dedupe import DEFAULT_THRESHOLD
from indexer.encoders import COPY_SPACE
from indexer.errors import StoreDamaged, UsageRefused
from indexer.listings import Listed, ListName, read_listings
from indexer.lookup import FAISS_TOLERANCE, Gallery
from indexer.screening.facts import Case, Neighbour
from indexer.sound_rows import ItemFacts, read_items
from indexer.tables import File, Item
from retrieval.encoder import Space
from retrieval.metric import Metric
from retrieval.similarity import Int64, scores

# Nearest contents that are looked at: beyond the first few hardly a copy is found (scripts/bench/reranking.py).
NEAREST, NEAREST_LISTED = 5, 2
DEFAULT_LOOK = 0.75  # cosine of one look, of encoders that say none
_CONTENTS_AT_ONCE = 500


class Surroundings:
    """The index around images: ``copy`` is the space of copies, ``object`` the one of looks; they may be one."""

    def __init__(self, gallery: Gallery, connection: Connection) -> None:
        gallery.follow(connection)
        self._gallery, self._connection = gallery, connection
        spec = gallery.generation.spec
        names = {space.name for space in spec.spaces}
        self.copy = _comparable(gallery.generation.space(COPY_SPACE if COPY_SPACE in names else None))
        self.object = _comparable(gallery.generation.space(None))
        for space in {self.copy, self.object}:
            gallery.open_current(connection, space)
        fingerprint = gallery.generation.fingerprint
        self._meaning = {
            space.name: current_calibration(connection, fingerprint, space.name)
            for space in (self.copy, self.object)
        }
        self.least_copy = self._least(self.copy, DEFAULT_THRESHOLD)
        self.least_object = self._least(self.object, DEFAULT_LOOK)
        self.decisions = Decisions.read(connection)
        self.listed: dict[ListName, dict[bytes, Listed]] = {name: {} for name in ListName}
        for row in read_listings(connection):
            self.listed[row.list][row.sha256] = row
        self.fraud_pairs = frozenset(
            sha256
            for first, second, verdict in self.decisions.pairs()
            if verdict is DecisionVerdict.FRAUD
            for sha256 in (first, second)
        )
        self.suspects = self.fraud_pairs | self.listed[ListName.FRAUD].keys()
        self._fraud, self._benign = self.items_of(self.suspects), self.items_of(self.listed[ListName.BENIGN])
        self._partners: dict[bytes, list[bytes]] = {}
        for first, second, _ in self.decisions.pairs():
            self._partners.setdefault(first, []).append(second)
            self._partners.setdefault(second, []).append(first)

    def items_of(self, sha256s: Collection[bytes]) -> Int64:
        """Return the ids, sorted, of those contents that the index holds."""
        wanted, ids = sorted(sha256s), list[int]()
        for start in range(0, len(wanted), _CONTENTS_AT_ONCE):
            part = wanted[start : start + _CONTENTS_AT_ONCE]
            statement = select(Item.id).join(File, File.item_id == Item.id).where(Item.sha256.in_(part))
            ids += self._connection.execute(statement.distinct()).scalars()
        return np.array(sorted(ids), np.int64)

    def copies(self, case: Case) -> list[Neighbour]:
        """Return the contents that the image may be a copy of, the nearest first.

        They are the nearest of all and of those listed, the image's own, and those that were decided with it.
        """
        own = [] if case.sha256 is None else [case.sha256, *self._partners.get(case.sha256, [])]
        ids = set(self.items_of(own).tolist()).union(self._search(case, self.copy, NEAREST, None))
        for listed in (self._fraud, self._benign):
            ids.update(self._search(case, self.copy, NEAREST_LISTED, listed))
        return self._neighbours(case, self.copy, ids)

    def namesake(self, case: Case, key: str, value: str) -> Neighbour | None:
        """Return the nearest by look of the other contents whose ``key`` has that value."""
        column = File.label if key == "label" else File.attributes[key].as_string()
        statement = select(File.item_id).where(column == value).distinct()
        ids = np.array(list(self._connection.execute(statement).scalars()), np.int64)
        near = self._neighbours(case, self.object, set(self._search(case, self.object, 1, ids)))
        return next((one for one in near if one.sha256 != case.sha256), None)

    def read(self, space: Space, ids: Collection[int]) -> dict[int, ItemFacts]:
        """Read contents with their vectors in one space, in the snapshot."""
        return read_items(self._connection, self._gallery.generation, space, sorted(ids))

    def neighbour(self, case: Case, space: Space, item: int, facts: ItemFacts, score: float) -> Neighbour:
        """See a content from an image."""
        meaning = self._meaning[space.name]
        chance = None if meaning is None else float(meaning.probability(np.array([score]))[0])
        others = [file for file in facts.files if file.path != case.own_path]
        path = (others or facts.files)[0].path
        return Neighbour(item, facts.sha256, path, others, space.name, score, chance)

    def _search(self, case: Case, space: Space, count: int, allowed: Int64 | None) -> list[int]:
        """Ask FAISS for the nearest contents, one more than are wanted: one of them may be the image's own."""
        if allowed is not None and not len(allowed):
            return []
        query = case.vectors[space.name]
        index = self._gallery.open_index(space, self._connection)
        found = index.search(query[np.newaxis], count + 1, allowed)[0]
        proposed = found.ids[: count + 1].tolist()
        if proposed:
            facts = self.read(space, proposed)
            exact = scores(query, np.stack([facts[id_].vector for id_ in proposed]), space.metric)
            if np.abs(exact - found.scores[: len(proposed)]).max() > FAISS_TOLERANCE + index.error:
                raise StoreDamaged(
                    f"what searches space {space.name!r} disagrees with the database", REPAIR_HINT
                )
        return list(proposed)

    def _neighbours(self, case: Case, space: Space, ids: Collection[int]) -> list[Neighbour]:
        facts = self.read(space, ids)
        if not facts:
            return []
        order = sorted(facts)
        exact = scores(case.vectors[space.name], np.stack([facts[id_].vector for id_ in order]), space.metric)
        near = [
            self.neighbour(case, space, id_, facts[id_], float(score))
            for id_, score in zip(order, exact, strict=True)
        ]
        return sorted(near, key=lambda one: (-one.score, one.path))

    def _least(self, space: Space, otherwise: float) -> float:
        meaning = self._meaning[space.name]
        return meaning.threshold if meaning else space.threshold or otherwise


def _comparable(space: Space) -> Space:
    if space.metric is not Metric.COSINE:
        raise UsageRefused(
            f"space {space.name!r} holds vectors that are not normalised, which screen cannot compare"
        )
    return space
