import numpy as np

from retrieval.ranking import rank, recall_at_k


def test_the_best_score_comes_first_and_ties_are_ordered_by_key() -> None:
    order = rank(np.array([0.5, 0.9, 0.5, 0.9]), ["d", "c", "b", "a"], k=4)
    assert order == [3, 1, 2, 0]


def test_nothing_below_the_threshold_is_returned() -> None:
    assert rank(np.array([0.5, 0.9, 0.7]), ["a", "b", "c"], k=3, threshold=0.7) == [1, 2]


def test_k_larger_than_what_there_is_returns_all() -> None:
    assert rank(np.array([0.5]), ["a"], k=9) == [0]


def test_recall_is_the_share_of_true_neighbours_found() -> None:
    assert recall_at_k([[1, 2, 3], [4, 5, 6]], [[1, 2, 9], [4, 5, 6]]) == (2 / 3 + 1) / 2
