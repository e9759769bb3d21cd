"""Open-set thresholds and rings, held to plain loops."""

import numpy as np
import pytest

from retrieval.connected import connected
from retrieval.detection.genuine import CONCENTRATION, GenuineScores, leave_one_out, nearest
from retrieval.similarity import Float32, normalise


def around(seed: int, count: int, noise: float, dim: int = 16) -> Float32:
    """Unit vectors around one that the seed draws."""
    chance = np.random.default_rng(seed)
    centre = chance.normal(size=dim)
    return normalise((centre + noise * chance.normal(size=(count, dim))).astype(np.float32))


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1500])
def test_leaving_one_out_is_what_a_plain_loop_finds(count: int) -> None:
    vectors = around(1, count, 0.5)
    found = leave_one_out(vectors)
    assert len(found) == (count if count > 1 else 0)
    for i in range(min(len(found), 20)):
        others = [float(vectors[i].astype(float) @ vectors[j].astype(float)) for j in range(count) if j != i]
        assert found[i] == pytest.approx(max(others), abs=1e-12)


def test_a_smaller_gallery_is_dealt_into_parts_of_which_each_is_left_one_out() -> None:
    vectors = around(1, 23, 0.5)
    dealt = np.array_split(np.random.default_rng(0).permutation(23), 3)
    found, parts = leave_one_out(vectors, gallery=6), [leave_one_out(vectors[part]) for part in dealt]
    assert [len(part) for part in parts] == [8, 8, 7]
    assert [found[part].tolist() for part in dealt] == [part.tolist() for part in parts]
    assert leave_one_out(vectors, gallery=22).tolist() == leave_one_out(vectors).tolist()


def test_the_nearest_of_others_is_what_a_plain_loop_finds() -> None:
    vectors, others = around(1, 1500, 0.5), around(2, 30, 0.5)
    found = nearest(vectors, others)
    for row in (0, 1023, 1024, 1499):
        cosines = [float(vectors[row].astype(float) @ other.astype(float)) for other in others]
        assert found[row] == pytest.approx(max(cosines), abs=1e-12)


def test_the_p_value_is_what_a_plain_loop_counts() -> None:
    chance = np.random.default_rng(2)
    own, others = chance.normal(0.8, 0.05, 9), [chance.normal(0.6, 0.1, 40), chance.normal(0.7, 0.02, 3)]
    found = GenuineScores.of(own, others)
    pooled = list(own)
    for scores in others:
        pooled += [score + 9 / 14 * float(np.median(own) - np.median(scores)) for score in scores]
    for score in np.linspace(0.2, 1, 33):
        common = (1 + sum(value <= score for value in pooled)) / (len(pooled) + 1)
        mine = sum(value <= score for value in own) / len(own)
        share = len(own) / (len(own) + CONCENTRATION)
        assert found.p_value(score) == pytest.approx(share * mine + (1 - share) * common, abs=1e-12)


@pytest.mark.parametrize("fpr", [0.01, 0.05, 0.3])
def test_below_the_threshold_is_where_the_p_value_is_at_most_the_rate(fpr: float) -> None:
    chance = np.random.default_rng(3)
    found = GenuineScores.of(chance.normal(0.8, 0.05, 30), [chance.normal(0.7, 0.05, 200)])
    threshold = found.threshold(fpr)
    assert threshold is not None
    for score in np.linspace(0.4, 1, 301):
        assert (score < threshold) == (found.p_value(float(score)) <= fpr)


def test_genuine_pictures_are_flagged_as_often_as_was_stated_with_few_and_with_many() -> None:
    for count in (5, 20, 100):
        others = [leave_one_out(around(seed, 60, 0.5), count) for seed in range(10, 30)]
        flagged = []
        for seed in range(100, 120):
            vectors = around(seed, count + 50, 0.5)
            found = GenuineScores.of(leave_one_out(vectors[:count]), others)
            nearest = (vectors[count:] @ vectors[:count].T).max(axis=1)
            flagged += [found.p_value(float(score)) <= 0.05 for score in nearest]
        assert np.mean(flagged) < 0.10, count  # five leave their own median uncertain


def test_what_is_far_from_the_genuine_ones_is_flagged() -> None:
    others = [leave_one_out(around(seed, 60, 0.3)) for seed in range(10, 14)]
    vectors = around(1, 8, 0.3)
    found = GenuineScores.of(leave_one_out(vectors), others)
    strangers = around(2, 30, 0.3)
    assert all(found.p_value(float((vectors @ one).max())) <= 0.01 for one in strangers)


def test_where_nothing_is_known_nothing_is_flagged() -> None:
    nothing = GenuineScores.of(np.empty(0), [])
    assert nothing.p_value(-1.0) == 1
    assert nothing.threshold(0.01) is None
    alone = GenuineScores.of(np.array([0.9, 0.8]), [])
    assert alone.threshold(0.01) is None
    assert alone.p_value(-1.0) > 0.01
    borrowed = GenuineScores.of(np.empty(0), [np.linspace(0.7, 0.9, 400)])
    assert borrowed.threshold(0.01) == pytest.approx(0.7, abs=0.01)


def test_rings_are_what_a_flood_finds() -> None:
    chance = np.random.default_rng(4)
    for nodes in (2, 12, 40):
        links = [tuple(chance.integers(0, nodes, 2).tolist()) for _ in range(nodes // 2)]
        reached: list[set[int]] = []
        for start in sorted({node for link in links for node in link}):
            if any(start in ring for ring in reached):
                continue
            ring, before = {start}, 0
            while len(ring) > before:
                before = len(ring)
                ring |= {node for link in links if set(link) & ring for node in link}
            reached.append(ring)
        assert connected(links) == [sorted(ring) for ring in reached]
    assert connected([]) == []
