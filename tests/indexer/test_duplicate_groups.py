"""Groups over vectors and places made by hand: what is compared, which file is kept, what links groups."""

import itertools
import random

import numpy as np
import pytest

from indexer.decisions import Decisions, DecisionVerdict, pair_of
from indexer.duplicates.candidates import Candidates, find_candidates
from indexer.duplicates.grouping import group_files
from indexer.duplicates.places import Place, why_kept
from indexer.duplicates.scope import Kind, Scope
from retrieval.similarity import normalise

NOTHING_DECIDED = Decisions({})
EVERYTHING = Scope()
ANY = Kind(None, None, is_reference=False, is_old=False)


def place(item: int, path: str = "", *, pixels: int = 0, kind: Kind = ANY) -> Place:
    """A file of an item; without ``pixels`` smaller items are better."""
    return Place(path or f"{item}.png", item, bytes([item]) * 32, pixels or 1000 - item, 10, 0, kind)


def directions(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def candidates(
    places: list[Place], vectors: np.ndarray, threshold: float, scope: Scope = EVERYTHING, **decided: object
) -> Candidates:
    decisions = decided.get("decisions", NOTHING_DECIDED)
    return find_candidates(places, list(range(len(vectors))), vectors, threshold, scope, decisions)[0]


def groups_of(
    places: list[Place], vectors: np.ndarray, threshold: float, scope: Scope = EVERYTHING, **decided: object
) -> dict[int, list[int]]:
    found, _ = group_files(places, candidates(places, vectors, threshold, scope, **decided), scope)
    return {group.keep.item: [member.item for member, _ in group.members] for group in found}


def decided(*verdicts: tuple[int, int, DecisionVerdict]) -> Decisions:
    return Decisions({pair_of(bytes([a]) * 32, bytes([b]) * 32): verdict for a, b, verdict in verdicts})


def test_a_chain_stays_apart() -> None:
    vectors = directions(0, 20, 41)  # A-B and B-C are near, A-C are not
    assert groups_of([place(i) for i in (0, 1, 2)], vectors, 0.93) == {0: [1]}
    assert groups_of([place(i) for i in (1, 0, 2)], vectors, 0.93) == {1: [0, 2]}


def test_a_bridge_belongs_to_the_nearer_group_and_is_named() -> None:
    vectors = directions(0, 5, 18, 40, 45)
    places = [place(i) for i in (0, 3, 1, 2, 4)]
    found = candidates(places, vectors, np.cos(np.radians(23)))
    groups, links = group_files(places, found, EVERYTHING)
    assert [(g.keep.item, [m.item for m, _ in g.members]) for g in groups] == [(0, [1, 2]), (3, [4])]
    (link,) = links
    assert link.place.item == 2
    assert [group.keep.item for group, _ in link.groups] == [0, 3]
    assert [score for _, score in link.groups] == pytest.approx(np.cos(np.radians([18, 22])), abs=1e-6)


def test_a_file_is_no_copy_of_a_worse_one_that_is_nearer() -> None:
    """The worse one is kept too, as it is near no better file that is kept."""
    vectors = directions(0, 18, 30)
    places = [place(i) for i in (0, 1, 2)]
    assert groups_of(places, vectors, np.cos(np.radians(20))) == {0: [1]}


def test_the_lowest_score_of_a_group_is_the_true_minimum() -> None:
    found = candidates([place(i) for i in (1, 0, 2)], directions(0, 20, 40), 0.93)
    assert found.min_score([1, 0, 2]) == pytest.approx(np.cos(np.radians(40)), abs=1e-6)
    assert found.min_score([1]) == 1


def test_groups_are_those_of_a_plain_loop() -> None:
    for seed in range(6):
        generator = np.random.default_rng(seed)
        centres = generator.normal(size=(12, 12))
        raw = centres[generator.integers(0, 12, 70)] + 0.5 * generator.normal(size=(70, 12))
        vectors = normalise(raw.astype(np.float32))
        places = [place(i) for i in range(70)]
        wide = vectors.astype(np.float64)
        scores = wide @ wide.T
        kept: list[int] = []
        for i in range(70):
            if all(scores[i, k] < 0.7 for k in kept):
                kept.append(i)
        wanted: dict[int, set[int]] = {k: set() for k in kept}
        for i in set(range(70)) - set(kept):
            wanted[max((k for k in kept if k < i), key=lambda k: scores[i, k])].add(i)
        found = groups_of(places, vectors, 0.7)
        assert {k: set(v) for k, v in found.items()} == {k: v for k, v in wanted.items() if v}


@pytest.mark.parametrize(
    "scope",
    [
        Scope(),
        Scope(within="w"),
        Scope(across="a"),
        Scope(reference="r"),
        Scope(new=True),
        Scope("w", "a", "r", new=True),
    ],
    ids=["all", "within", "across", "reference", "new", "all of them"],
)
def test_compared_pairs_and_groups_are_those_that_the_scope_allows(scope: Scope) -> None:
    draw = random.Random(4)
    base = normalise(np.random.default_rng(4).normal(size=(8, 6)).astype(np.float32))
    vectors = np.repeat(base, 2, axis=0)  # 16 contents, two by two near
    kinds = [
        Kind(draw.choice([None, "x", "y"]), draw.choice([None, "1", "2"]), draw.random() < 0.4, False)
        for _ in range(60)
    ]
    places = []
    for number, kind in enumerate(kinds):
        item = draw.randrange(16)
        asked = kind._replace(
            within=kind.within if scope.within else None,
            across=kind.across if scope.across else None,
            is_reference=kind.is_reference and scope.reference is not None,
            is_old=item < 10 and scope.new,
        )
        places.append(place(item, f"{number:02d}.png", kind=asked))
    places.sort(key=lambda p: (not p.kind.is_reference, p.preference()))

    def compared(a: Place, b: Place) -> bool:
        near = float(vectors[a.item].astype(float) @ vectors[b.item].astype(float)) >= 0.9
        return (a.item == b.item or near) and scope.allows(a.kind, b.kind)

    found, pairs = find_candidates(places, list(range(16)), vectors, 0.9, scope, NOTHING_DECIDED)
    wanted = {frozenset([a.path, b.path]) for a, b in itertools.combinations(places, 2) if compared(a, b)}
    assert pairs == len(wanted) > 0
    groups, _ = group_files(places, found, scope)
    for group in groups:
        assert all(frozenset([group.keep.path, m.path]) in wanted for m, _ in group.members)
    inside = [p.path for g in groups for p in (g.keep, *(m for m, _ in g.members))]
    assert len(inside) == len(set(inside))
    members = {m.path for g in groups for m, _ in g.members}
    for a, b in itertools.combinations([p for p in places if p.path not in members], 2):
        assert frozenset([a.path, b.path]) not in wanted, "two files that are kept could be one group"


def test_files_of_a_reference_are_kept_and_never_compared_with_each_other() -> None:
    reference = Kind(None, None, is_reference=True, is_old=False)
    places = [place(0, "r/0", kind=reference), place(1, "r/1", kind=reference), place(2), place(3)]
    vectors = directions(0, 1, 2, 60)
    assert groups_of(places, vectors, 0.99, Scope(reference="r")) == {1: [2]}
    assert why_kept(places[0], places[2:]) == "the reference"


def test_what_was_decided_to_be_different_is_never_grouped_nor_through_a_third_picture() -> None:
    vectors = directions(0, 2, 0.5)
    places = [place(i) for i in range(3)]
    assert groups_of(places, vectors, 0.99) == {0: [2, 1]}
    for verdict in (DecisionVerdict.DIFFERENT, DecisionVerdict.CLEARED, DecisionVerdict.SAME_OBJECT):
        assert groups_of(places, vectors, 0.99, decisions=decided((0, 1, verdict))) == {0: [2]}
        assert groups_of(places, vectors, 0.99, decisions=decided((1, 2, verdict))) == {0: [2]}


def test_what_was_decided_to_be_the_same_is_grouped_whatever_its_score() -> None:
    vectors = directions(0, 90, 1)
    same = decided((0, 1, DecisionVerdict.SAME))
    assert groups_of([place(i) for i in range(3)], vectors, 0.99, decisions=same) == {0: [1, 2]}
    assert groups_of([place(i) for i in range(2)], vectors[:2], 0.99) == {}


def test_a_chain_of_same_decisions_joins_a_group_unless_a_pair_of_it_was_decided_otherwise() -> None:
    vectors, places = directions(0, 60, 120), [place(i) for i in range(3)]
    chain = (0, 1, DecisionVerdict.SAME), (1, 2, DecisionVerdict.SAME)
    assert groups_of(places, vectors, 0.99, decisions=decided(*chain)) == {0: [1, 2]}
    apart = decided(*chain, (0, 2, DecisionVerdict.DIFFERENT))
    assert groups_of(places, vectors, 0.99, decisions=apart) == {0: [1]}
