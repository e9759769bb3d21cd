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
    """Sees a copy where two items are of one photo, but for ``blind`` pairs; counts what it was asked."""

    def __init__(self, photo_of: list[int], blind: Collection[frozenset[int]] = ()) -> None:
        self._photo_of, self._blind = photo_of, blind
        self.asked: list[frozenset[int]] = []

    def judge(self, keep: int, members: Collection[int]) -> dict[int, Judged]:
        self.asked += [frozenset((keep, member)) for member in members]
        same = {
            member: self._photo_of[member] == self._photo_of[keep]
            and frozenset((keep, member)) not in self._blind
            for member in members
        }
        return {m: Judged("copy" if is_same else "different", "by the truth") for m, is_same in same.items()}


def grouped(
    photo_of: list[int], pairs: Collection[tuple[int, int]], blind: Collection[frozenset[int]] = ()
) -> tuple[dict[int, set[int]], Truth]:
    """Group items, the smaller the better, of which these pairs stand out below the threshold; each group by what it keeps."""
    count = len(photo_of)
    places = [Place(f"{item}.png", item, bytes([item]), 100, 100, 0, ANY) for item in range(count)]
    candidates = Candidates({item: item for item in range(count)}, np.eye(count, dtype=np.float32))
    for a, b in pairs:
        candidates.link(a, b, 0.5)
        candidates.proposed.add((min(a, b), max(a, b)))
    truth = Truth(photo_of, blind)
    looks = Looks(places, candidates, EVERYTHING, truth, {})
    looks.confirm()
    groups, _ = group_files(places, candidates, EVERYTHING)
    while any(looks.look(g.keep.item, [p.item for p, _ in g.members]) for g in groups):
        groups, _ = group_files(places, candidates, EVERYTHING)
    return {group.keep.item: group.items for group in groups}, truth


def test_a_chain_of_copies_is_one_group_once_each_was_held_against_the_kept_one() -> None:
    found, truth = grouped([0, 0, 0, 0], [(0, 1), (1, 2), (2, 3)])
    assert found == {0: {0, 1, 2, 3}}
    assert {frozenset((0, item)) for item in (1, 2, 3)} <= set(truth.asked)


def test_a_chain_with_a_wrong_link_falls_into_two() -> None:
    found, _ = grouped([0, 0, 1, 1], [(0, 1), (1, 2), (2, 3)])
    assert found == {0: {0, 1}, 2: {2, 3}}


def test_a_copy_of_a_copy_that_is_no_copy_of_the_kept_one_is_not_in_its_group() -> None:
    """Pixels say of the first and the last of three that they are two: what joins both does not join them."""
    for pairs in ([(0, 1), (1, 2), (0, 2)], [(0, 1), (1, 2)]):
        found, _ = grouped([0, 0, 0], pairs, [frozenset((0, 2))])
        assert found == {0: {0, 1}}


def test_whatever_is_seen_every_member_was_seen_to_be_a_copy_of_the_kept_one() -> None:
    chance = np.random.default_rng(6)
    for _ in range(100):
        pairs = [pair for pair in combinations(range(10), 2) if chance.random() < 0.4]
        blind = [frozenset(pair) for pair in combinations(range(10), 2) if chance.random() < 0.3]
        found, truth = grouped([0] * 10, pairs, blind)
        seen = set(truth.asked) - set(blind)
        assert all(
            frozenset((keep, item)) in seen for keep, group in found.items() for item in group - {keep}
        )


def test_what_is_in_one_family_is_not_looked_at_again() -> None:
    pairs = list(combinations(range(6), 2))
    found, truth = grouped([0] * 6, pairs)
    assert found == {0: set(range(6))}
    assert len(truth.asked) == 5


def test_random_pairs_are_grouped_as_far_as_they_connect_and_no_pair_is_asked_twice() -> None:
    chance = np.random.default_rng(5)
    for _ in range(50):
        photo_of = chance.integers(0, 4, 12).tolist()
        pairs = [pair for pair in combinations(range(12), 2) if chance.random() < 0.4]
        found, truth = grouped(photo_of, pairs)
        assert len(truth.asked) == len(set(truth.asked))
        together = {pair for group in found.values() for pair in combinations(sorted(group), 2)}
        assert all(photo_of[a] == photo_of[b] for a, b in together)
        assert {pair for pair in pairs if photo_of[pair[0]] == photo_of[pair[1]]} <= together
