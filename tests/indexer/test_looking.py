"""Which pairs pixels are asked about: few, and enough that a group is whole."""

from collections.abc import Collection
from itertools import combinations

import numpy as np

from indexer.duplicates.candidates import Candidates
from indexer.duplicates.grouping import group_files
from indexer.duplicates.looking import Looks
from indexer.duplicates.pixels import Judged
from indexer.duplicates.places import Place
from indexer.duplicates.scope import Kind, Scope

EVERYTHING = Scope()
ANY = Kind(None, None, False, False)


class Truth:
    """Sees a copy where two items are of one photo; counts what it was asked."""

    def __init__(self, photo_of: list[int]) -> None:
        self._photo_of = photo_of
        self.asked: list[frozenset[int]] = []

    def judge(self, keep: int, members: Collection[int]) -> dict[int, Judged]:
        self.asked += [frozenset((keep, member)) for member in members]
        same = {member: self._photo_of[member] == self._photo_of[keep] for member in members}
        return {m: Judged("copy" if is_same else "different", "by the truth") for m, is_same in same.items()}


def grouped(photo_of: list[int], pairs: Collection[tuple[int, int]]) -> tuple[list[set[int]], Truth]:
    """Group items, the smaller the better, of which these pairs stand out below the threshold."""
    count = len(photo_of)
    places = [Place(f"{item}.png", item, bytes([item]), 100, 100, 0, ANY) for item in range(count)]
    candidates = Candidates({item: item for item in range(count)}, np.eye(count, dtype=np.float32))
    for a, b in pairs:
        candidates.link(a, b, 0.5)
        candidates.proposed.add((min(a, b), max(a, b)))
    truth = Truth(photo_of)
    looks = Looks(places, candidates, EVERYTHING, truth, {})
    looks.confirm()
    groups, _ = group_files(places, candidates, EVERYTHING)
    while any(looks.look(g.keep.item, [p.item for p, _ in g.members]) for g in groups):
        groups, _ = group_files(places, candidates, EVERYTHING)
    return [group.items for group in groups], truth


def test_a_chain_of_copies_is_one_group_once_each_was_held_against_the_kept_one() -> None:
    found, truth = grouped([0, 0, 0, 0], [(0, 1), (1, 2), (2, 3)])
    assert found == [{0, 1, 2, 3}]
    assert {frozenset((0, item)) for item in (1, 2, 3)} <= set(truth.asked)


def test_a_chain_with_a_wrong_link_falls_into_two() -> None:
    found, _ = grouped([0, 0, 1, 1], [(0, 1), (1, 2), (2, 3)])
    assert found == [{0, 1}, {2, 3}]


def test_what_is_in_one_family_is_not_looked_at_again() -> None:
    pairs = list(combinations(range(6), 2))
    found, truth = grouped([0] * 6, pairs)
    assert found == [set(range(6))]
    assert len(truth.asked) == 5


def test_random_pairs_are_grouped_as_far_as_they_connect_and_no_pair_is_asked_twice() -> None:
    chance = np.random.default_rng(5)
    for _ in range(50):
        photo_of = chance.integers(0, 4, 12).tolist()
        pairs = [pair for pair in combinations(range(12), 2) if chance.random() < 0.4]
        found, truth = grouped(photo_of, pairs)
        assert len(truth.asked) == len(set(truth.asked))
        together = {pair for group in found for pair in combinations(sorted(group), 2)}
        assert all(photo_of[a] == photo_of[b] for a, b in together)
        assert {pair for pair in pairs if photo_of[pair[0]] == photo_of[pair[1]]} <= together
