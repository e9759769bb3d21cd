"""Known pairs made from the catalogue itself: edited copies of its pictures, against everything else in it.

Two biases are part of this. The edits are those of `indexer.edits`, not those that are done to *your* pictures. And
what is in the catalogue twice already must not count as different: a content that is as near to a picture as half of
that kind of copies are to their originals (the ``guard``) is left out of that picture's different pairs. A stranger as
near as that is left out too, so the rate is that among pairs that are no near duplicates; their number is reported.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from indexer.compared import unpadded
from indexer.dataset import Unusable
from indexer.decoding.decode import from_array
from indexer.decoding.sandbox import Job, Sandbox
from indexer.edits import EDITS, Pixels, edited
from indexer.embedding import BATCH
from indexer.encoding import Progress
from indexer.errors import UsageRefused
from indexer.known_pairs import FIT, HELD_OUT
from indexer.lookup import Gallery
from indexer.sound_rows import ItemFacts, read_items
from indexer.tables import File
from retrieval.encoder import Space
from retrieval.evaluation.task import comparable, score_matrix
from retrieval.metric import Metric
from retrieval.similarity import Float32, Float64, Int64
from retrieval.thresholds import Negatives
from retrieval.view import Fit, View

# Pictures that are edited at most, each once by one kind and once by two: about a minute on two cores.
SAMPLE = 1000
TWO_EDITS = "two edits"
CHANGED = "changed"
# The longer side at which pictures are edited, in pixels.
EDITED_SIDE = 448
_BLOCK_SCORES = 2_000_000


@dataclass
class EditedCopies:
    """`KnownPairs` of ``vectors`` (n, d), `comparable`, and of ``copies`` (2, m, d) of the rows ``originals`` (m,).

    ``halves`` (n,) says in which half a content is: a copy is only compared with contents of its original's half.
    """

    vectors: Float64
    originals: Int64
    copies: Float64
    kinds: list[str]
    halves: Int64
    metric: Metric
    unusable: list[Unusable] = field(default_factory=list)
    left_out: int = 0

    def __post_init__(self) -> None:
        """Score the same pairs, and set the guard by those of one edit to learn from."""
        single, double = (self._own_scores(copies) for copies in self.copies)
        sides = self.halves[self.originals]
        self.guard = float(np.median(single[sides == FIT])) if (sides == FIT).any() else np.inf
        self.same = self._by_kind(single, double, FIT), self._by_kind(single, double, HELD_OUT)

    @property
    def facts(self) -> dict[str, Any]:
        """How many pictures there are and were edited, and what the guard kept out of the pairs scored so far."""
        counts = {"pictures": len(self.vectors), "edited": len(self.originals)}
        return counts | {"guard": self.guard, "left_out": self.left_out}

    def different_count(self, half: int) -> int:
        """How many different pairs a half has, at most."""
        contents = int((self.halves == half).sum())
        return 2 * int((self.halves[self.originals] == half).sum()) * max(0, contents - 1)

    def different(self, half: int, *, keep: int | None = None, floor: float = -np.inf) -> Negatives:
        """Score the copies of a half with all its contents but their originals and what is too near to those."""
        negatives = Negatives(len(self.vectors), keep=keep, floor=floor)
        contents = np.flatnonzero(self.halves == half)
        members = np.flatnonzero(self.halves[self.originals] == half)
        gallery = self.vectors[contents]
        step = max(1, _BLOCK_SCORES // max(1, len(contents)))
        for start in range(0, len(members), step):
            block = members[start : start + step]
            rows = self.originals[block]
            own = rows[:, None] == contents
            near = (score_matrix(self.vectors[rows], gallery, self.metric) >= self.guard) & ~own
            self.left_out += int(near.sum())
            different = ~(near | own)
            first, second = (side[different] for side in np.broadcast_arrays(rows[:, None], contents))
            for copies in self.copies:
                negatives.add(score_matrix(copies[block], gallery, self.metric)[different], first, second)
        return negatives

    def _own_scores(self, copies: Float64) -> Float64:
        """Score each copy with its original."""
        return np.array(
            [
                score_matrix(copy[None], self.vectors[row][None], self.metric)[0, 0]
                for copy, row in zip(copies, self.originals, strict=True)
            ]
        )

    def _by_kind(self, single: Float64, double: Float64, half: int) -> dict[str, Float64]:
        inside = self.halves[self.originals] == half
        found = defaultdict(list)
        for row in np.flatnonzero(inside):
            found[self.kinds[row]].append(single[row])
        scores = {kind: np.array(found[kind]) for kind in EDITS if kind in found}
        return scores | {TWO_EDITS: double[inside]} if inside.any() else {}


def edited_copies(
    gallery: Gallery, sandbox: Sandbox, space: Space, seed: int, progress: Progress
) -> EditedCopies:
    """Edit a seeded sample of the catalogue's pictures, at most `SAMPLE`, and encode what comes of it.

    Raises:
        UsageRefused: the encoder does not look at pictures.
        StoreDamaged: a row is not what was written.
    """
    if gallery.generation.spec.preprocess.view is View.SPECTRUM:
        raise UsageRefused("the index holds sounds: it is pictures that are edited", "give a list of pairs")
    with gallery.store.database.reading() as connection:
        gallery.follow(connection)
        ids = list(connection.execute(select(File.item_id).distinct()).scalars())
        items = read_items(connection, gallery.generation, space, ids)
    # By content: ids are given as pictures are decoded, which no two builds do in the same order.
    facts = sorted(items.values(), key=lambda item: item.sha256)
    order = np.random.default_rng(seed).permutation(len(facts))
    halves = np.empty(len(facts), np.int64)
    halves[order] = np.arange(len(facts)) % 2
    edits = _Edits(gallery, sandbox, space, seed)
    rows, copies = edits.make(facts, order[:SAMPLE], progress)
    vectors = np.stack([item.vector for item in facts]) if facts else np.empty((0, space.dim), np.float32)
    both = np.stack([comparable(part, space.metric) for part in copies])
    kinds = [edits.kinds(row)[0] for row in rows.tolist()]
    compared = comparable(vectors, space.metric)
    return EditedCopies(compared, rows, both, kinds, halves, space.metric, edits.unusable)


class _Edits:
    """Makes two copies of each picture; what is done to it depends on the seed and its place alone."""

    def __init__(self, gallery: Gallery, sandbox: Sandbox, space: Space, seed: int) -> None:
        self.unusable: list[Unusable] = []
        self._gallery, self._sandbox, self._space, self._seed = gallery, sandbox, space, seed

    def kinds(self, row: int) -> tuple[str, str, str]:
        """The kind of the first copy, in turn over all kinds, and the two different ones of the second."""
        chance = np.random.default_rng([self._seed, row])
        first, second = chance.choice(list(EDITS), 2, replace=False).tolist()
        return list(EDITS)[(row + self._seed) % len(EDITS)], first, second

    def make(
        self, facts: list[ItemFacts], sample: Int64, progress: Progress
    ) -> tuple[Int64, tuple[Float32, Float32]]:
        """Return the rows that could be edited, and the vectors of both copies of each."""
        rows: list[int] = []
        vectors: list[npt.NDArray[np.float32]] = [np.empty((0, self._space.dim), np.float32)]
        network = self._gallery.network()
        shape = self._gallery.generation.spec.preprocess
        for start in range(0, len(sample), BATCH // 2):
            part = sample[start : start + BATCH // 2].tolist()
            pixels = []
            for row, whole in self._decoded(facts, part):
                single, *double = self.kinds(row)
                chance = np.random.default_rng([self._seed, row])
                for kinds in ([single], double):
                    copy = edited(whole, kinds, chance)
                    picture = from_array(copy, size=shape.size, fit=shape.fit, view=shape.view)
                    pixels.append(picture.pixels)
                rows.append(row)
            if pixels:
                vectors.append(network.encode(np.stack(pixels))[self._space.name])
            progress(start + len(part), len(sample))
        together = np.concatenate(vectors)
        return np.array(rows, np.int64), (together[::2], together[1::2])

    def _decoded(self, facts: list[ItemFacts], rows: list[int]) -> Iterator[tuple[int, Pixels]]:
        """Decode the contents of these rows, without padding; what changed since it was indexed is left out."""
        store = self._gallery.store
        paths = {row: store.absolute_path(facts[row].files[0].path) for row in rows}
        jobs = [Job(row, path=path) for row, path in paths.items()]
        pictures: dict[int, Pixels] = {}
        for outcome in self._sandbox.run(jobs, size=EDITED_SIDE, fit=Fit.PAD, window=BATCH):
            row, failure = outcome.key, outcome.failure
            shown = store.shown_path(facts[row].files[0].path)
            if failure is not None:
                self.unusable.append(Unusable(shown, str(failure.reason), failure.message))
            elif outcome.sha256 != facts[row].sha256:
                self.unusable.append(Unusable(shown, CHANGED, "not what was indexed: run `index build`"))
            elif outcome.picture is not None:
                pictures[row] = unpadded(outcome.picture).pixels
        return ((row, pictures[row]) for row in rows if row in pictures)
