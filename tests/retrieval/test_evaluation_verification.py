"""ROC, AUC, EER, TAR at FAR and the pairs they are measured on, against plain loops and known answers."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import LabelsInvalid
from retrieval.evaluation.pairs import pair_scores, pairs_from_labels
from retrieval.evaluation.verification import (
    area_under_curve,
    equal_error_rate,
    roc_curve,
    score_histogram,
    tar_at_far,
    verification_metrics,
)
from retrieval.evaluation.verification_intervals import verification_intervals
from retrieval.metric import Metric
from retrieval.similarity import scores

some_scores = st.lists(st.integers(0, 8), min_size=1, max_size=15)


def curve_of(same: list[float], different: list[float]):
    return roc_curve(np.array([*same, *different], float), np.arange(len(same) + len(different)) < len(same))


@given(same=some_scores, different=some_scores)
def test_the_area_is_the_share_of_pairs_of_pairs_in_the_right_order(
    same: list[int], different: list[int]
) -> None:
    wins = [(s > d) + (s == d) / 2 for s in same for d in different]
    assert area_under_curve(curve_of(same, different)) == pytest.approx(sum(wins) / len(wins))


@given(same=some_scores, different=some_scores, far=st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_tar_at_far_equals_a_loop_over_thresholds(same: list[int], different: list[int], far: float) -> None:
    def rates(threshold: float) -> tuple[float, float]:
        return (
            sum(d >= threshold for d in different) / len(different),
            sum(s >= threshold for s in same) / len(same),
        )

    allowed = [tar for reached, tar in map(rates, [*same, *different, 99]) if reached <= far]
    expected = None if len(different) * far < 1 else max(allowed)
    assert tar_at_far(curve_of(same, different), far) == expected


@given(same=some_scores, different=some_scores)
def test_the_equal_error_rate_lies_between_the_thresholds_around_it(
    same: list[int], different: list[int]
) -> None:
    curve = curve_of(same, different)
    eer, threshold = equal_error_rate(curve)
    far, frr = curve.false_accept_rate, 1 - curve.true_accept_rate
    crossing = int(np.argmax(far >= frr))
    assert far[crossing - 1] - 1e-12 <= eer <= far[crossing] + 1e-12
    assert frr[crossing] - 1e-12 <= eer <= frr[crossing - 1] + 1e-12
    assert threshold in [*same, *different]


def test_scores_that_separate_have_no_error_and_scores_that_say_nothing_have_half() -> None:
    perfect = verification_metrics(curve_of([0.9, 0.8], [0.1, 0.2, 0.3]))
    assert (perfect.auc, perfect.eer, perfect.eer_threshold) == (1, 0, 0.8)
    nothing = verification_metrics(curve_of([0.5, 0.5], [0.5, 0.5]))
    assert (nothing.auc, nothing.eer) == (0.5, 0.5)
    backwards = verification_metrics(curve_of([0.1], [0.9]))
    assert (backwards.auc, backwards.eer) == (0, 1)


def test_the_equal_error_rate_of_a_hand_made_curve() -> None:
    # At 0.5, half of the same pairs are accepted and a quarter of the others; at 0.4, all and a half.
    curve = curve_of([0.5, 0.4], [0.5, 0.4, 0.1, 0.1])
    # Between the two, FAR - FRR goes from -1/4 to 1/2: a third of the way, where FAR = 1/4 + 1/3 * 1/4.
    assert equal_error_rate(curve)[0] == pytest.approx(1 / 3)


def test_a_far_that_too_few_pairs_could_show_is_none() -> None:
    found = verification_metrics(curve_of([0.9] * 3, np.linspace(0, 0.5, 100).tolist()))
    assert found.tar_at_far == {1e-1: 1, 1e-2: 1, 1e-3: None, 1e-4: None}
    assert found.frr_at_far == {1e-2: 0, 1e-3: None}


@pytest.mark.parametrize(
    ("values", "same"),
    [
        ([0.1, 0.2], [True, True]),
        ([0.1, 0.2], [False, False]),
        ([np.nan, 1], [True, False]),
        ([0.1], [True, False]),
    ],
)
def test_what_cannot_be_verified_is_refused(values: list[float], same: list[bool]) -> None:
    with pytest.raises(LabelsInvalid):
        roc_curve(np.array(values), np.array(same))


def test_the_histogram_counts_every_pair_once() -> None:
    values, same = np.random.default_rng(0).normal(size=500), np.arange(500) < 100
    histogram = score_histogram(values, same, bins=20)
    assert (histogram.same.sum(), histogram.different.sum(), len(histogram.edges)) == (100, 400, 21)


@given(
    labels=st.lists(st.sampled_from("abc"), max_size=12), at_most=st.integers(1, 80), seed=st.integers(0, 9)
)
def test_pairs_are_distinct_right_and_as_many_as_allowed(labels: list[str], at_most: int, seed: int) -> None:
    every = {(i, j): labels[i] == labels[j] for i, j in combinations(range(len(labels)), 2)}
    pairs = pairs_from_labels(labels, at_most=at_most, seed=seed)
    found = dict(
        zip(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), pairs.same.tolist(), strict=True)
    )
    assert len(found) == len(pairs.first)
    assert found.items() <= every.items()
    for kind in (True, False):
        assert sum(s is kind for s in found.values()) == min(at_most, sum(s is kind for s in every.values()))


def test_a_sample_of_pairs_is_even_and_the_same_for_the_same_seed() -> None:
    labels = np.repeat(np.arange(50), 20).tolist()
    one, again, other = (pairs_from_labels(labels, at_most=5000, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.first, again.first)
    assert not np.array_equal(one.first, other.first)
    chosen = np.bincount(np.array(labels)[one.first[~one.same]], minlength=50) + np.bincount(
        np.array(labels)[one.second[~one.same]], minlength=50
    )
    assert chosen.min() > 0.7 * chosen.mean()


@pytest.mark.parametrize("metric", list(Metric))
def test_pair_scores_are_the_scores_of_each_pair(metric: Metric) -> None:
    vectors = np.random.default_rng(0).normal(size=(6000, 5)).astype(np.float32)
    first, second = np.random.default_rng(1).integers(0, 6000, (2, 5000))
    found = pair_scores(vectors, first, second, metric)
    for pair in (0, 1, 4095, 4096, 4999):
        expected = scores(vectors[first[pair]], vectors[second[pair]][None], metric)[0]
        assert found[pair] == pytest.approx(expected)


def test_the_interval_of_the_area_has_the_width_that_hanley_and_mcneil_give() -> None:
    generator = np.random.default_rng(0)
    curve = curve_of(generator.normal(1, 1, 300).tolist(), generator.normal(0, 1, 4000).tolist())
    area = area_under_curve(curve)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + 299 * (q1 - area**2) + 3999 * (q2 - area**2)) / (300 * 4000)
    found = verification_intervals(curve, resamples=500)
    assert found["auc"].low < area < found["auc"].high
    assert found["auc"].high - found["auc"].low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.15)
    metrics = verification_metrics(curve)
    assert found["eer"].low < metrics.eer < found["eer"].high
    assert list(found["tar_at_far"]) == [1e-1, 1e-2, 1e-3]
    for far, interval in found["tar_at_far"].items():
        assert interval.low <= metrics.tar_at_far[far] <= interval.high
