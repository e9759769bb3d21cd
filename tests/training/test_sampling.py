"""Which pictures meet in a batch."""

from collections import Counter

import numpy as np

from retrieval.training.sampling import LONE_SHARE, BatchPlan, BatchSampler


def batches(sampler: BatchSampler, seed: int = 0) -> list[list[int]]:
    return [batch.tolist() for batch in sampler.epoch(seed)]


def test_a_batch_holds_as_many_pictures_of_each_class_as_asked() -> None:
    labels = np.repeat(np.arange(40), 10)
    sampler = BatchSampler(labels, BatchPlan(size=48, per_class=4))
    assert len(sampler) == 8
    for batch in batches(sampler):
        assert len(set(batch)) == 48
        assert set(Counter(labels[batch]).values()) == {4}


def test_a_small_class_is_drawn_as_often_as_a_large_one() -> None:
    labels = np.array([0] * 1000 + [1] * 5 + [2] * 100 + [3] * 20)
    sampler = BatchSampler(labels, BatchPlan(size=8, per_class=4))
    drawn = Counter(labels[row] for seed in range(5) for batch in batches(sampler, seed) for row in batch)
    assert max(drawn.values()) / min(drawn.values()) < 1.2


def test_a_class_smaller_than_asked_is_filled_up_with_its_own() -> None:
    labels = np.array([0, 0, 1, 1, 1, 1, 1, 1])
    for batch in batches(BatchSampler(labels, BatchPlan(size=8, per_class=4))):
        assert Counter(labels[batch])[0] == 4


def test_few_classes_fill_a_large_batch() -> None:
    labels = np.repeat(np.arange(3), 100)
    for batch in batches(BatchSampler(labels, BatchPlan(size=60, per_class=4))):
        assert Counter(labels[batch]) == {0: 20, 1: 20, 2: 20}


def test_classes_of_a_batch_come_from_the_groups_it_has_room_for() -> None:
    labels = np.repeat(np.arange(60), 6)
    groups = [f"alphabet {label // 10}" for label in labels]
    for batch in batches(BatchSampler(labels, BatchPlan(size=24, per_class=4, groups=1), groups)):
        assert len({groups[row] for row in batch}) == 1


def test_lone_pictures_are_negatives_of_their_own_group() -> None:
    labels = [*np.repeat(np.arange(10), 6), *range(100, 200)]
    groups = [f"writer {label % 10}" for label in labels]
    for batch in batches(BatchSampler(labels, BatchPlan(size=30, per_class=5, groups=2), groups)):
        counts = Counter(labels[row] for row in batch)
        lone = [label for label in counts if label >= 100]
        assert len(lone) >= round(30 * LONE_SHARE)
        assert len(batch) == 30
        assert len({groups[row] for row in batch}) == 2
        assert all(counts[label] >= 5 for label in counts if label < 100)


def test_the_same_seed_draws_the_same_batches() -> None:
    sampler = BatchSampler(np.repeat(np.arange(20), 5), BatchPlan(size=16))
    assert batches(sampler, 3) == batches(sampler, 3) != batches(sampler, 4)


def test_a_batch_never_holds_one_class_only() -> None:
    """A group of one class has nothing that its pictures must be told from."""
    labels = np.repeat(np.arange(10), 6)
    groups = [f"shelf {label}" for label in labels]
    for batch in batches(BatchSampler(labels, BatchPlan(size=12, per_class=4, groups=1), groups)):
        assert len(set(labels[batch])) == 2
