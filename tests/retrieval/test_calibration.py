"""Probabilities from scores: isotonic against a plain loop, never falling, strictly inside, and coming true."""

import numpy as np
import pytest

from retrieval.calibration import ProbabilityMap, pool_adjacent_violators, reliability_bins
from retrieval.errors import CalibrationRefused


def plainly_isotonic(values: list[float], weights: list[float]) -> list[float]:
    """The least-squares rising fit by its min-max formula, every interval looked at."""

    def mean(start: int, stop: int) -> float:
        total = sum(weights[start:stop])
        return sum(v * w for v, w in zip(values[start:stop], weights[start:stop], strict=True)) / total

    count = len(values)
    return [
        max(min(mean(start, stop) for stop in range(i + 1, count + 1)) for start in range(i + 1))
        for i in range(count)
    ]


def drawn(seed: int, same: int = 300, different: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(0.6, 0.15, same).clip(-1, 1), generator.normal(0.1, 0.15, different).clip(-1, 1)


@pytest.mark.parametrize("seed", range(8))
def test_pooling_gives_what_a_plain_loop_gives(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.integers(0, 6, 25) / 5 + np.linspace(0, 1, 25) * (seed % 3)
    weights = generator.uniform(0.5, 3, 25)
    blocks = pool_adjacent_violators(values, weights)
    means = np.bincount(blocks, values * weights) / np.bincount(blocks, weights)
    assert means[blocks] == pytest.approx(plainly_isotonic(values.tolist(), weights.tolist()))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("prior", [0.5, 1e-4])
def test_a_probability_never_falls_and_is_never_certain(seed: int, prior: float) -> None:
    found = ProbabilityMap.fit(*drawn(seed, 40, 400)).probability(np.linspace(-1, 1, 5000), prior)
    assert (np.diff(found) >= 0).all()
    assert 0 < found.min() < found.max() < 1


def test_counted_scores_give_the_same_map_as_repeated_ones() -> None:
    same, different = drawn(3)
    scores, counts = np.unique(different.round(2), return_counts=True)
    plain, counted = (
        ProbabilityMap.fit(same, different.round(2)),
        ProbabilityMap.fit(same, scores, counts.astype(np.int64)),
    )
    assert counted.to_list() == pytest.approx(np.array(plain.to_list()))


@pytest.mark.parametrize("prior", [0.5, 0.05])
def test_probabilities_come_true_for_the_prior_that_was_stated(prior: float) -> None:
    learned = ProbabilityMap.fit(*drawn(1, 2000, 20_000))
    same, different = drawn(2, 2000, 20_000)
    probabilities = learned.probability(np.concatenate([same, different]), prior)
    truth = np.arange(len(probabilities)) < len(same)
    weights = np.where(truth, prior / len(same), (1 - prior) / len(different))
    assert reliability_bins(probabilities, truth, weights).ece < 0.01
    wrong = learned.probability(np.concatenate([same, different]), 1 - prior / 2)
    assert reliability_bins(wrong, truth, weights).ece > 0.02


def test_a_map_survives_being_written_down() -> None:
    fitted = ProbabilityMap.fit(*drawn(4))
    again = ProbabilityMap.from_list(fitted.to_list())
    scores = np.linspace(-1, 1, 101)
    assert (again.probability(scores) == fitted.probability(scores)).all()


@pytest.mark.parametrize(
    "knots", [[], [[0.0]], [[0.5, 1.0], [0.4, 2.0]], [[0.1, 2.0], [0.2, 1.0]], [[0.1, np.nan]]]
)
def test_what_is_no_map_is_refused(knots: list[list[float]]) -> None:
    with pytest.raises(CalibrationRefused):
        ProbabilityMap.from_list(knots)


def test_one_kind_of_pair_teaches_nothing() -> None:
    with pytest.raises(CalibrationRefused, match="both kinds"):
        ProbabilityMap.fit(np.empty(0), np.array([0.1, 0.2]))


def test_reliability_is_what_a_plain_loop_says() -> None:
    generator = np.random.default_rng(5)
    probabilities, same = generator.uniform(size=400), generator.uniform(size=400) < 0.4
    weights = generator.uniform(size=400)
    found = reliability_bins(probabilities, same, weights, bins=7)
    share = weights / weights.sum()
    error = 0.0
    for number in range(7):
        inside = [i for i in range(400) if number / 7 <= probabilities[i] < (number + 1) / 7]
        error += abs(sum(share[i] * (probabilities[i] - same[i]) for i in inside))
    assert found.ece == pytest.approx(error)
    assert found.brier == pytest.approx(sum(share[i] * (probabilities[i] - same[i]) ** 2 for i in range(400)))
    assert found.weight.sum() == pytest.approx(1)


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1, float("nan")])
def test_a_prior_that_leaves_nothing_to_learn_is_refused(prior: float) -> None:
    learned = ProbabilityMap.fit(*drawn(1))
    with pytest.raises(CalibrationRefused, match="not between 0 and 1"):
        learned.probability(np.array([0.5]), prior)


def test_where_no_pair_is_left_nothing_is_said_of_how_probabilities_come_true() -> None:
    for probabilities, weights in ((np.empty(0), None), (np.array([0.5]), np.zeros(1))):
        with pytest.raises(CalibrationRefused, match="no pair is left"):
            reliability_bins(probabilities, probabilities > 0, weights)
