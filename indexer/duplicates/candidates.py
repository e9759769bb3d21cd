"""Contents that may be copies of one another: by their score, or because somebody decided so."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from indexer.decisions import Decisions, DecisionVerdict
from indexer.duplicates.joining import EXACTLY, How, Join, join_here
from indexer.duplicates.places import Place
from indexer.duplicates.scope import Kind, Scope
from retrieval.groups import lowest_score
from retrieval.search import NeighbourIndex
from retrieval.similarity import Float32, Int64
from retrieval.standing import standing_pairs

# The normalised score from which a pair below the threshold is worth a look at its pixels, which decide.
STANDS_OUT = 0.2
_APART = frozenset({DecisionVerdict.SAME_OBJECT, DecisionVerdict.DIFFERENT, DecisionVerdict.CLEARED})


@dataclass
class Candidates:
    """``partners`` has {item: score} for each item with one, both ways; ``same`` and ``apart`` are what was decided.

    ``proposed`` are pairs, the smaller item first, whose score does not reach the threshold: only pixels can tell.
    ``how`` says how those that reach it were found.
    """

    rows: Mapping[int, int]
    vectors: Float32
    partners: dict[int, dict[int, float]] = field(default_factory=dict)
    proposed: set[tuple[int, int]] = field(default_factory=set)
    same: dict[int, set[int]] = field(default_factory=dict)
    apart: dict[int, set[int]] = field(default_factory=dict)
    how: How = EXACTLY

    def near(self, item: int) -> Iterator[tuple[int, float]]:
        """Yield the item itself, with score 1, and its partners."""
        yield item, 1.0
        yield from self.partners.get(item, {}).items()

    def is_sure(self, a: int, b: int) -> bool:
        """Tell whether two items are copies without looking: one content, or decided so."""
        return a == b or b in self.same.get(a, ())

    def link(self, a: int, b: int, score: float) -> None:
        """Make two items candidates."""
        self.partners.setdefault(a, {})[b] = score
        self.partners.setdefault(b, {})[a] = score

    def drop(self, a: int, b: int) -> None:
        """Let two items be no candidates any more."""
        self.partners.get(a, {}).pop(b, None)
        self.partners.get(b, {}).pop(a, None)

    def on_likeness(self, item: int) -> list[int]:
        """Return the partners that only a score speaks for."""
        return [other for other in self.partners.get(item, {}) if not self.is_sure(item, other)]

    def min_score(self, items: Sequence[int]) -> float:
        """Return the lowest score between any two of the items; 1 for one alone."""
        rows = sorted({self.rows[item] for item in items})
        return lowest_score(self.vectors[rows]) if len(rows) > 1 else 1.0


def find_candidates(
    places: Sequence[Place],
    ids: Sequence[int],
    vectors: Float32,
    threshold: float,
    scope: Scope,
    decisions: Decisions,
    index: NeighbourIndex | None = None,
    join: Join = join_here,
) -> tuple[Candidates, int]:
    """Join (n, dim) unit vectors, one for each of ``ids``; return the candidates, and how many pairs of files they are.

    Pairs that were decided to be no copies are left out; what was decided to be copies, by a chain too, has no threshold.
    Where pixels will decide, ``index`` is searched for pairs that stand out below the threshold: they are not counted.
    """
    found = Candidates({id_: row for row, id_ in enumerate(ids)}, vectors)
    settled = {p.item for p in places} - {p.item for p in places if not scope.is_settled(p.kind)}
    is_settled = np.array([id_ in settled for id_ in ids], bool)
    pairs, found.how = join(vectors, is_settled, threshold)
    for a, b, score in zip(pairs.first.tolist(), pairs.second.tolist(), pairs.scores.tolist(), strict=True):
        found.link(ids[a], ids[b], score)
    count = _count(places, found, scope)
    if index is not None:
        _propose(found, np.array(ids, np.int64), np.flatnonzero(~is_settled), index)
    item_of = {place.sha256: place.item for place in places}
    _link_decided(found, item_of, decisions)
    for sha_a, sha_b, verdict in decisions.pairs():
        if sha_a not in item_of or sha_b not in item_of:
            continue
        if verdict in _APART:
            found.drop(item_of[sha_a], item_of[sha_b])
            _note(found.apart, item_of[sha_a], item_of[sha_b])
    return found, count


def _propose(found: Candidates, ids: Int64, rows: Int64, index: NeighbourIndex) -> None:
    """Make candidates of pairs that stand out, seen from one of the rows, although their score is low."""
    standing = standing_pairs(found.vectors, ids, rows, index, STANDS_OUT)
    firsts, seconds = ids[standing.first].tolist(), ids[standing.second].tolist()
    for a, b, score in zip(firsts, seconds, standing.scores.tolist(), strict=True):
        if b not in found.partners.get(a, {}):
            found.link(a, b, score)
            found.proposed.add((a, b))


def _link_decided(found: Candidates, item_of: Mapping[bytes, int], decisions: Decisions) -> None:
    """Make copies of what chains of ``same`` join, unless the pair itself was decided to be something else."""
    for group in decisions.closure_same():
        for sha_a, sha_b in combinations([sha256 for sha256 in group if sha256 in item_of], 2):
            if decisions.verdict(sha_a, sha_b) in {None, DecisionVerdict.SAME}:
                a, b = item_of[sha_a], item_of[sha_b]
                found.link(a, b, found.min_score([a, b]))
                _note(found.same, a, b)


def _note(pairs: dict[int, set[int]], a: int, b: int) -> None:
    pairs.setdefault(a, set()).add(b)
    pairs.setdefault(b, set()).add(a)


def _count(places: Sequence[Place], found: Candidates, scope: Scope) -> int:
    """Count the pairs of files, of one content or of partners, that are compared."""
    kinds: dict[int, Counter[Kind]] = defaultdict(Counter)
    for place in places:
        kinds[place.item][place.kind] += 1

    def between(a: Counter[Kind], b: Counter[Kind]) -> int:
        return sum(n * m for kind, n in a.items() for other, m in b.items() if scope.allows(kind, other))

    pairs = 0
    for item, own in kinds.items():
        alone = sum(n for kind, n in own.items() if scope.allows(kind, kind))
        pairs += (between(own, own) - alone) // 2
        pairs += sum(between(own, kinds[other]) for other in found.partners.get(item, ()) if other > item)
    return pairs
