"""A join of more vectors than can all meet: each meets those of its k-means cell and of the cells nearest to it.

As SemDeDup does (Abbas et al., 2023), which stays inside cells; pairs near a border are why neighbours are looked into.
Pairs are scored and held to the threshold as in the exact join, so that none is invented. How many are missed is
measured: some rows are joined with everything, and their pairs looked up in what was found. Where fewer are found than is
wanted, more neighbours are looked into, until all are.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retrieval.binomial import lower_bound, upper_bound
from retrieval.block_join import Rows, Run, block_cross_join, block_self_join
from retrieval.join import Pairs, cross_join, ordered, self_join
from retrieval.similarity import Float32, Int64
from retrieval.structures import learn_centres, learned_from, nearest_centres

RECALL = 0.99
_PER_CELL = (
    4096  # vectors: of more, fewer borders are there to be crossed; of fewer, fewer vectors meet in vain
)
_SAMPLED = 4096  # rows that say how far to look, and as many others that say what was found
_VISITORS = 32_768  # at once: 32 MB of 256 dimensions on their way to a worker
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Recall:
    """How many pairs a join finds: of ``pairs`` that are there, ``found``; of one row only one is asked for.

    Pairs of one row stand and fall together; with one of each, drawn at random, trials are independent. ``low`` and
    ``high`` hold the true share with a confidence of 0.95 (Clopper and Pearson).
    """

    found: int
    pairs: int

    @property
    def share(self) -> float | None:
        """The share that was found; None where no sampled row has a pair."""
        return self.found / self.pairs if self.pairs else None

    @property
    def interval(self) -> tuple[float, float]:
        """The exact interval of the share, both sides together."""
        if not self.pairs:
            return 0.0, 1.0
        each = 1 - (1 - _CONFIDENCE) / 2
        return lower_bound(self.found, self.pairs, each), upper_bound(self.found, self.pairs, each)


@dataclass(frozen=True)
class CellJoin:
    """The pairs, of how many ``cells``, with how many ``neighbours`` of each vector's own cell, and what that misses."""

    pairs: Pairs
    cells: int
    neighbours: int
    recall: Recall


@dataclass(frozen=True)
class _Meeting:
    """The vectors of a cell, (n, dim), and others that they meet, (m, dim): each other where those are None."""

    rows: Int64
    vectors: Float32
    threshold: float
    other_rows: Int64 | None = None
    others: Float32 | None = None


def cell_join(
    vectors: Float32,
    threshold: float,
    *,
    rows: Rows | None = None,
    sampled: Int64 | None = None,
    per_cell: int = _PER_CELL,
    wanted: float = RECALL,
    block: int = 16_384,
    run: Run = map,
) -> CellJoin:
    """Find pairs among (n, dim) unit vectors with cosine >= ``threshold``, and measure which share of all they are.

    ``rows`` are the same vectors where ``run`` does its tasks, if they are not these; the recall is measured on some of
    the rows ``sampled``, or of all. Where cells would cost as much as all pairs, all pairs are joined.
    """
    rows = vectors if rows is None else rows
    cells = max(1, len(vectors) // per_cell)
    centres = learn_centres(vectors[:: max(1, len(vectors) // learned_from(cells))], cells)
    known = _known_pairs(vectors, rows, threshold, sampled, block, run)
    half = len(known) // 2
    asked, neighbours = known[half:], _neighbours(vectors, centres, known[:half], wanted)
    pairs, before = ordered([]), 0
    while True:
        if 2 * (1 + neighbours) >= cells:
            pairs = block_self_join(rows, threshold, block=block, run=run)
            return CellJoin(pairs, cells, cells - 1, _recall(pairs, asked, len(vectors)))
        nearest = nearest_centres(vectors, centres, 1 + neighbours)
        found = run(_met, _meetings(vectors, nearest, before, threshold))
        pairs = _once(ordered([pairs, *found]))
        recall = _recall(pairs, asked, len(vectors))
        if recall.share is None or recall.share >= wanted:
            return CellJoin(pairs, cells, neighbours, recall)
        before, neighbours = neighbours, 2 * neighbours


def _known_pairs(
    vectors: Float32, rows: Rows, threshold: float, sampled: Int64 | None, block: int, run: Run
) -> Int64:
    """Draw a pair, (row, other), of each of some random rows that has any: (m, 2), in random order."""
    generator = np.random.default_rng(0)
    among = np.arange(len(vectors)) if sampled is None else sampled
    drawn = generator.permutation(among)[: 2 * _SAMPLED]
    found = block_cross_join(vectors[drawn], rows, threshold, block=block, run=run)
    pairs = np.column_stack([drawn[found.first], found.second])
    pairs = generator.permutation(pairs[pairs[:, 0] != pairs[:, 1]])
    _, one_of_each = np.unique(pairs[:, 0], return_index=True)
    return np.asarray(generator.permutation(pairs[one_of_each]), np.int64)


def _neighbours(vectors: Float32, centres: Float32, known: Int64, wanted: float) -> int:
    """Tell into how many neighbours to look: a pair is met where one of the two looks into the other's cell."""
    if not len(known):
        return 1
    ranked = [nearest_centres(vectors[side], centres, len(centres)) for side in known.T]
    places = [
        (mine == theirs[:, :1]).argmax(axis=1) for mine, theirs in (ranked, ranked[::-1])
    ]  # at which place of one's ranking the other's cell is
    needed = np.sort(np.minimum(*places))
    return max(1, int(needed[math.ceil(wanted * len(needed)) - 1]))


def _meetings(vectors: Float32, nearest: Int64, before: int, threshold: float) -> Iterator[_Meeting]:
    """Let the vectors of each cell meet each other, unless they have, and those of which it is a further neighbour.

    ``nearest`` is (n, 1 + neighbours): each vector's cell and its neighbours, of which ``before`` were looked into.
    """
    home, further = nearest[:, 0], nearest[:, 1 + before :]
    members = np.argsort(home, kind="stable")
    visits = np.argsort(further.ravel(), kind="stable")
    ends = np.arange(home.max(initial=-1) + 2)
    at, visits_at = np.searchsorted(home[members], ends), np.searchsorted(further.ravel()[visits], ends)
    for cell in range(len(ends) - 1):
        own = members[at[cell] : at[cell + 1]]
        inside = vectors[own]
        if not before:
            yield _Meeting(own, inside, threshold)
        visitors = visits[visits_at[cell] : visits_at[cell + 1]] // further.shape[1]
        for start in range(0, len(visitors) if len(own) else 0, _VISITORS):
            some = visitors[start : start + _VISITORS]
            yield _Meeting(own, inside, threshold, some, vectors[some])


def _met(meeting: _Meeting) -> Pairs:
    """Do one task, on one thread."""
    if meeting.others is None or meeting.other_rows is None:
        pairs = self_join(meeting.vectors, meeting.threshold, threads=1)
        return Pairs(meeting.rows[pairs.first], meeting.rows[pairs.second], pairs.scores)
    pairs = cross_join(meeting.vectors, meeting.others, meeting.threshold, threads=1)
    first, second = meeting.rows[pairs.first], meeting.other_rows[pairs.second]
    return Pairs(np.minimum(first, second), np.maximum(first, second), pairs.scores)


def _once(pairs: Pairs) -> Pairs:
    """Leave out what was met twice, of ordered pairs."""
    again = (np.diff(pairs.first, prepend=-1) == 0) & (np.diff(pairs.second, prepend=-1) == 0)
    return Pairs(pairs.first[~again], pairs.second[~again], pairs.scores[~again])


def _recall(pairs: Pairs, asked: Int64, count: int) -> Recall:
    """Look known pairs, (m, 2), up in those that were found."""
    wanted = asked.min(axis=1, initial=count) * count + asked.max(axis=1, initial=-1)
    return Recall(int(np.isin(wanted, pairs.first * count + pairs.second).sum()), len(asked))
