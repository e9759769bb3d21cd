"""Bootstrap intervals and few-shot episodes."""

import numpy as np
import pytest

from retrieval.errors import LabelsInvalid
from retrieval.evaluation import bootstrap
from retrieval.evaluation.bootstrap import mean_interval
from retrieval.evaluation.episodes import Rule, eligible_groups, few_shot_accuracy
from retrieval.metric import Metric


def interval_by_loop(values: np.ndarray, clusters: list[str], seed: int) -> tuple[float, float]:
    names = list(dict.fromkeys(clusters))
    members = {name: [v for v, c in zip(values, clusters, strict=True) if c == name] for name in names}
    drawn = np.random.default_rng(seed).integers(0, len(names), (1000, len(names)))
    means = [np.mean([v for number in row for v in members[names[number]]]) for row in drawn]
    return tuple(np.quantile(means, [0.025, 0.975]))


def test_an_interval_equals_that_of_a_plain_loop() -> None:
    values = np.random.default_rng(0).random(30)
    clusters = [str(i // 4) for i in range(30)]
    found = mean_interval(values, clusters, seed=3)
    assert (found.low, found.high) == pytest.approx(interval_by_loop(values, clusters, 3))
    alone = mean_interval(values, seed=3)
    assert (alone.low, alone.high) == pytest.approx(interval_by_loop(values, [str(i) for i in range(30)], 3))


def test_an_interval_holds_the_mean_and_has_the_width_that_theory_gives() -> None:
    values = np.random.default_rng(1).normal(2, 1, 2000)
    found = mean_interval(values)
    assert found.low < values.mean() < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 / np.sqrt(2000), rel=0.1)


def test_queries_that_err_together_make_a_wider_interval() -> None:
    values = np.repeat(np.random.default_rng(2).integers(0, 2, 40), 25).astype(float)
    alone, together = mean_interval(values), mean_interval(values, np.repeat(np.arange(40), 25).tolist())
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_drawing_in_parts_gives_what_drawing_at_once_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(100)
    whole = mean_interval(values)
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 700)
    assert mean_interval(values) == whole


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(LabelsInvalid):
        mean_interval(np.empty(0))
    with pytest.raises(LabelsInvalid, match="2 values have 1 clusters"):
        mean_interval(np.ones(2), ["a"])


def blobs(classes: int, each: int, spread: float) -> tuple[np.ndarray, list[str]]:
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(classes, 16))
    rows = np.repeat(centres, each, axis=0) + spread * generator.normal(size=(classes * each, 16))
    return rows.astype(np.float32), [str(i) for i in range(classes) for _ in range(each)]


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("metric", list(Metric))
def test_classes_far_apart_are_all_named_right(rule: Rule, metric: Metric) -> None:
    vectors, labels = blobs(8, 6, 0.01)
    found = few_shot_accuracy(vectors, labels, ways=5, shots=2, rule=rule, metric=metric, episodes=20)
    assert (found.mean, found.interval.low, len(found.accuracies)) == (1, 1, 20)


@pytest.mark.parametrize("rule", list(Rule))
def test_noise_is_named_by_chance(rule: Rule) -> None:
    vectors = np.random.default_rng(0).normal(size=(400, 64)).astype(np.float32)
    found = few_shot_accuracy(
        vectors, [str(i % 20) for i in range(400)], ways=5, shots=1, rule=rule, episodes=300
    )
    assert found.mean == pytest.approx(0.2, abs=0.02)


def test_more_examples_help_and_a_seed_repeats() -> None:
    vectors, labels = blobs(10, 20, 1.5)
    one = few_shot_accuracy(vectors, labels, ways=5, shots=1, episodes=100)
    again = few_shot_accuracy(vectors, labels, ways=5, shots=1, episodes=100)
    five = few_shot_accuracy(vectors, labels, ways=5, shots=5, episodes=100)
    assert np.array_equal(one.accuracies, again.accuracies)
    assert five.mean > one.mean + 0.05


def test_the_classes_of_an_episode_are_of_one_group_and_have_a_query_to_spare() -> None:
    labels = ["a", "a", "b", "b", "a", "a", "c", "c", "c", "d"]
    groups = ["x"] * 4 + ["y"] * 6
    found = eligible_groups(labels, ways=2, shots=1, within=groups)
    assert [[rows.tolist() for rows in group] for group in found] == [[[0, 1], [2, 3]], [[4, 5], [6, 7, 8]]]
    found = eligible_groups(labels, ways=2, shots=2)
    assert [[rows.tolist() for rows in group] for group in found] == [[[0, 1, 4, 5], [6, 7, 8]]]


def test_episodes_that_no_group_can_make_are_refused_with_what_there_is() -> None:
    with pytest.raises(LabelsInvalid, match="there are 1"):
        eligible_groups(["a", "a", "b"], ways=2, shots=1)
    with pytest.raises(LabelsInvalid, match="of one group"):
        eligible_groups(["a", "a", "b", "b"], ways=2, shots=1, within=["x", "x", "y", "y"])
