"""What is held out is judged among all others, or among its group."""

import numpy as np

from retrieval.evaluation.ranking_metrics import ranking_metrics
from retrieval.evaluation.task import RetrievalTask
from retrieval.splits import Split
from retrieval.training.validation import Validation

LABELS = ["learned", "a", "a", "a forged", "a forged too", "b", "b", "b forged", "c", "c"]
WRITERS = ["x", "a", "a", "a", "a", "b", "b", "b", "c", "c"]
SPLIT = Split(np.array([0]), np.arange(1, 10), "groups")
EMBEDDINGS = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
EMBEDDINGS /= np.linalg.norm(EMBEDDINGS, axis=1, keepdims=True)


def within(positions: list[int]) -> list[float]:
    labels = [LABELS[1:][position] for position in positions]
    return ranking_metrics(RetrievalTask.within(EMBEDDINGS[positions], labels)).map_at_r.tolist()


def test_without_groups_each_picture_is_searched_among_all_others() -> None:
    precision, _ = Validation.of(SPLIT, LABELS, None).judge(EMBEDDINGS)
    assert precision == np.mean(within(list(range(9))))


def test_with_groups_each_picture_is_searched_among_those_of_its_group() -> None:
    precision, _ = Validation.of(SPLIT, LABELS, WRITERS).judge(EMBEDDINGS)
    assert precision == np.mean(
        within([0, 1, 2, 3]) + within([4, 5, 6])
    )  # c has nothing to be told apart from


def test_groups_of_one_class_each_leave_all_to_be_searched() -> None:
    validation = Validation.of(SPLIT, LABELS, LABELS)
    assert validation.galleries == [list(range(9))]
