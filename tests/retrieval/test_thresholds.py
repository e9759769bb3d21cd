"""Thresholds for a stated rate: exact bounds against plain sums, and a promise that is kept on other draws."""

import math

import numpy as np
import pytest

from retrieval.binomial import cumulative, lower_bound, most_events, upper_bound
from retrieval.errors import CalibrationRefused
from retrieval.thresholds import Negatives, bounded, kept_for, negatives_needed, threshold_for_fpr


def plain_cumulative(most: int, trials: int, rate: float) -> float:
    return sum(math.comb(trials, i) * rate**i * (1 - rate) ** (trials - i) for i in range(most + 1))


@pytest.mark.parametrize(("events", "trials"), [(0, 1), (0, 60), (3, 60), (30, 60), (59, 60), (7, 400)])
def test_the_bounds_are_where_the_plain_sums_leave_the_confidence(events: int, trials: int) -> None:
    high, low = upper_bound(events, trials, 0.95), lower_bound(events, trials, 0.95)
    assert plain_cumulative(events, trials, high) == pytest.approx(0.05)
    if events:
        assert 1 - plain_cumulative(events - 1, trials, low) == pytest.approx(0.05)
    assert low <= events / trials <= high


def test_all_and_no_events_have_the_bounds_that_they_must() -> None:
    assert lower_bound(0, 9, 0.95) == 0
    assert upper_bound(9, 9, 0.95) == 1
    assert cumulative(3, 50, 0.1)[-1] == pytest.approx(plain_cumulative(3, 50, 0.1))


@pytest.mark.parametrize(("trials", "rate"), [(60, 0.05), (150, 0.04), (120, 0.2), (58, 0.05)])
def test_the_most_events_are_the_last_that_show_the_rate(trials: int, rate: float) -> None:
    shown = [k for k in range(trials) if upper_bound(k, trials, 0.95) <= rate]
    assert most_events(trials, rate, 0.95) == (shown[-1] if shown else None)


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_the_smallest_that_a_plain_search_finds(seed: int) -> None:
    scores = np.random.default_rng(seed).uniform(-1, 1, 500).round(2)
    found = threshold_for_fpr(Negatives.independent(scores), 0.05)
    candidates = sorted({float(np.nextafter(score, 2)) for score in scores})
    reached = {score: int((scores >= score).sum()) for score in candidates}
    assert found.score == next(s for s in candidates if upper_bound(reached[s], 500, 0.95) <= 0.05)
    assert found.rate.events == reached[found.score]
    assert (found.rate.low, found.rate.high) == (
        lower_bound(found.rate.events, 500, 0.95),
        upper_bound(found.rate.events, 500, 0.95),
    )


def test_the_stated_rate_holds_on_other_draws_as_often_as_was_promised() -> None:
    fpr = 0.02
    held = 0
    for seed in range(100):
        scores = np.random.default_rng(seed).uniform(size=1000)  # of which the share above t is 1 - t
        held += 1 - threshold_for_fpr(Negatives.independent(scores), fpr).score <= fpr
    assert held >= 88  # of 100, where 95 are promised and chance takes up to 7


def paired(seed: int, count: int) -> Negatives:
    """All pairs of pictures some of which resemble everything."""
    generator = np.random.default_rng(seed)
    own = generator.normal(size=count)
    first, second = np.triu_indices(count, 1)
    negatives = Negatives(count)
    negatives.add((own[first] + own[second] + generator.normal(size=len(first))) / 20, first, second)
    return negatives


def test_it_holds_too_where_pairs_share_pictures_which_plain_counting_does_not_notice() -> None:
    fpr, rounds = 0.02, 40
    others = np.sort(np.concatenate([paired(10_000 + seed, 100).scores for seed in range(60)]))
    held = plainly_held = 0
    for seed in range(rounds):
        negatives = paired(seed, 100)
        plain = negatives.scores[most_events(negatives.count, fpr, 0.95) or 0]
        for score, is_plain in ((threshold_for_fpr(negatives, fpr).score, False), (plain, True)):
            kept = 1 - np.searchsorted(others, score) / len(others) <= fpr
            plainly_held += kept and is_plain
            held += kept and not is_plain
    assert held >= 34  # of 40, where 38 are promised and chance takes up to 4
    assert plainly_held < 32


def test_pairs_that_share_no_picture_count_in_full() -> None:
    scores = np.random.default_rng(1).uniform(size=2000)
    assert threshold_for_fpr(Negatives.independent(scores), 0.1).design_effect == pytest.approx(1)


def test_what_is_added_bit_by_bit_with_few_kept_gives_the_same_threshold() -> None:
    generator = np.random.default_rng(2)
    scores = generator.normal(0, 0.2, 4000).round(3).clip(-1, 1)
    first, second = generator.integers(0, 500, (2, 4000))
    whole, parts = Negatives(500), Negatives(500, keep=kept_for(0.02, 4000))
    whole.add(scores, first, second)
    for start in range(0, 4000, 300):
        part = slice(start, start + 300)
        parts.add(scores[part], first[part], second[part])
    assert len(parts.scores) < len(whole.scores)
    assert threshold_for_fpr(parts, 0.02).score == threshold_for_fpr(whole, 0.02).score
    assert (parts.histogram == whole.histogram).all()
    assert parts.count == whole.histogram.sum() == 4000


def test_too_few_pairs_are_refused_with_the_rate_that_they_can_show() -> None:
    negatives = Negatives.independent(np.linspace(-1, 0.5, 300))
    with pytest.raises(CalibrationRefused, match=r"it takes 29956; the smallest .* is 0\.01$"):
        threshold_for_fpr(negatives, 1e-4)
    assert threshold_for_fpr(negatives, 0.01).rate.events == 0
    with pytest.raises(CalibrationRefused, match=r"0 different pairs"):
        threshold_for_fpr(Negatives(3), 0.5)


@pytest.mark.parametrize("fpr", [0.05, 1e-3, 1e-4])
def test_as_many_as_are_needed_are_enough_and_one_less_is_not(fpr: float) -> None:
    needed = negatives_needed(fpr)
    assert threshold_for_fpr(Negatives.independent(np.linspace(0, 0.5, needed)), fpr).rate.high <= fpr
    with pytest.raises(CalibrationRefused):
        threshold_for_fpr(Negatives.independent(np.linspace(0, 0.5, needed - 1)), fpr)


@pytest.mark.parametrize("fpr", [0.0, 1.0, -0.1, math.nan])
def test_a_rate_that_is_none_is_refused(fpr: float) -> None:
    with pytest.raises(CalibrationRefused, match="between 0 and 1"):
        threshold_for_fpr(Negatives.independent(np.zeros(5)), fpr)


def test_pairs_that_heap_on_few_pictures_have_wider_bounds() -> None:
    alone, together = bounded(20, 10_000, 1.0), bounded(20, 10_000, 8.0)
    assert together.low < alone.low < alone.value < alone.high < together.high


def test_of_no_pairs_any_rate_is_possible() -> None:
    for pairs, effect in ((0, 1.0), (3, 4.0)):
        rate = bounded(0, pairs, effect)
        assert (rate.value, rate.effective, rate.low, rate.high) == (0.0, 0, 0.0, 1.0)
