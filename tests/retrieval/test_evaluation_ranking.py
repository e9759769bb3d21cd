"""Recall@k, R-precision, MAP@R and µAP, against loops that anyone can check by eye."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.errors import LabelsInvalid, VectorsInvalid
from retrieval.evaluation import task as task_module
from retrieval.evaluation.failures import worst_failures
from retrieval.evaluation.micro_ap import copy_metrics, micro_average_precision, normalised_copy_metrics
from retrieval.evaluation.ranking_metrics import macro_mean, ranking_metrics
from retrieval.evaluation.task import RetrievalTask
from retrieval.metric import Metric
from retrieval.normalisation import DEPTH, normalised_scores
from retrieval.similarity import normalise, scores

labels_of = st.lists(st.sampled_from("abc"), min_size=2, max_size=14)
metrics = st.sampled_from(list(Metric))


def vectors_for(labels: list[str], seed: int) -> np.ndarray:
    """Few distinct directions, so that there are ties."""
    generator = np.random.default_rng(seed)
    return generator.integers(-1, 2, (len(labels), 3)).astype(np.float32)


def ranked_by_loop(
    row: int, vectors: np.ndarray, gallery: np.ndarray, metric: Metric, *, own: bool
) -> list[int]:
    score = scores(vectors[row], gallery, metric)
    candidates = [i for i in range(len(gallery)) if not (own and i == row)]
    return sorted(candidates, key=lambda i: (-round(score[i], 6), i))


def figures_by_loop(hits: list[bool]) -> dict[str, float]:
    relevant = sum(hits)
    precisions = [sum(hits[: i + 1]) / (i + 1) if hits[i] else 0 for i in range(relevant)]
    return {
        "1": float(any(hits[:1])),
        "5": float(any(hits[:5])),
        "r": sum(hits[:relevant]) / relevant,
        "map": sum(precisions) / relevant,
    }


def assert_equals_loop(task: RetrievalTask, hits: list[list[bool]]) -> None:
    expected = [figures_by_loop(one) for one in hits if any(one)]
    found = ranking_metrics(task, (1, 5))
    assert found.queries.tolist() == [row for row, one in enumerate(hits) if any(one)]
    assert found.skipped == len(hits) - len(expected)
    for name, values in [
        ("1", found.recall[1]),
        ("5", found.recall[5]),
        ("r", found.r_precision),
        ("map", found.map_at_r),
    ]:
        assert values == pytest.approx([one[name] for one in expected])


@given(labels=labels_of, seed=st.integers(0, 99), metric=metrics)
def test_leave_one_out_equals_a_plain_loop(labels: list[str], seed: int, metric: Metric) -> None:
    vectors = vectors_for(labels, seed)
    orders = [ranked_by_loop(row, vectors, vectors, metric, own=True) for row in range(len(labels))]
    hits = [[labels[i] == labels[row] for i in order] for row, order in enumerate(orders)]
    assert_equals_loop(RetrievalTask.within(vectors, labels, metric), hits)


@given(labels=labels_of, others=labels_of, seed=st.integers(0, 99), metric=metrics)
def test_queries_against_a_gallery_equal_a_plain_loop(
    labels: list[str], others: list[str], seed: int, metric: Metric
) -> None:
    queries, gallery = vectors_for(labels, seed), vectors_for(others, seed + 1)
    orders = [ranked_by_loop(row, queries, gallery, metric, own=False) for row in range(len(labels))]
    hits = [[others[i] == labels[row] for i in order] for row, order in enumerate(orders)]
    assert_equals_loop(RetrievalTask.between(queries, labels, gallery, others, metric), hits)


@given(labels=labels_of, seed=st.integers(0, 99))
def test_small_blocks_give_what_one_block_gives(labels: list[str], seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(len(labels), 4)).astype(np.float32)
    task = RetrievalTask.within(vectors, labels)
    whole = ranking_metrics(task)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_module, "_BLOCK_SCORES", 2 * len(labels))
        parts = ranking_metrics(task)
    assert np.array_equal(whole.map_at_r, parts.map_at_r)
    assert np.array_equal(whole.recall[1], parts.recall[1])


def test_the_example_of_the_paper_has_its_map_at_r() -> None:
    # "A Metric Learning Reality Check", figure 4: R = 10, right at rank 1 and at rank 10: R-precision 0.2 both times
    # that they are right; MAP@R (1/1 + 2/10) / 10.
    query, gallery = np.float32([[1, 0]]), np.float32([[1, 0.1 * rank] for rank in range(1, 20)])
    right = ["a" if rank in {1, 10} or rank > 11 else "b" for rank in range(1, 20)]
    found = ranking_metrics(RetrievalTask.between(query, ["a"], gallery, right))
    assert right.count("a") == 10
    assert found.r_precision[0] == pytest.approx(0.2)
    assert found.map_at_r[0] == pytest.approx((1 + 2 / 10) / 10)


def test_ties_go_to_the_lower_row() -> None:
    same = np.ones((3, 2), np.float32)
    assert ranking_metrics(RetrievalTask.between(same[:1], ["b"], same, ["a", "b", "b"]), (1, 2)).recall[
        1
    ] == [0]
    assert ranking_metrics(RetrievalTask.between(same[:1], ["b"], same, ["b", "a", "b"]), (1, 2)).recall[
        1
    ] == [1]


def test_a_query_alone_in_its_class_is_left_out_and_counted() -> None:
    found = ranking_metrics(RetrievalTask.within(np.eye(3, dtype=np.float32), ["a", "a", "b"]))
    assert (found.queries.tolist(), found.skipped) == ([0, 1], 1)


def test_a_set_without_a_query_has_no_figures() -> None:
    found = ranking_metrics(RetrievalTask.within(np.empty((0, 4), np.float32), []))
    assert len(found.map_at_r) == found.skipped == 0
    assert np.isnan(macro_mean(found.map_at_r, []))


def test_no_block_is_larger_than_its_bound_however_many_the_vectors() -> None:
    task = RetrievalTask.within(np.ones((5000, 2), np.float32), range(5000))
    sizes = [block.size for _, block in task.score_blocks()]
    assert max(sizes) <= task_module._BLOCK_SCORES
    assert sum(sizes) == 5000**2


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(LabelsInvalid, match="2 vectors have 1 labels"):
        RetrievalTask.within(np.eye(2, dtype=np.float32), ["a"])
    with pytest.raises(VectorsInvalid):
        RetrievalTask.between(np.eye(2, dtype=np.float32), "ab", np.eye(3, dtype=np.float32), "abc")


def test_the_macro_mean_weighs_classes_the_same() -> None:
    assert macro_mean(np.array([1, 1, 1, 0.0]), ["a", "a", "a", "b"]) == 0.5


# --- µAP ---------------------------------------------------------------------------------------------------------


def micro_ap_by_loop(scores: list[float], same: list[bool]) -> tuple[float, float]:
    """Precision at the threshold of each matching pair; the recall of the last threshold that is precise."""
    total, best = 0.0, 0
    for score, matches in zip(scores, same, strict=True):
        accepted = [s for other, s in zip(scores, same, strict=True) if other >= score]
        precision = sum(accepted) / len(accepted)
        if matches:
            total += precision
            best = max(best, sum(accepted)) if precision >= 0.9 else best
    return total / sum(same), best / sum(same)


@given(pairs=st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=30))
def test_micro_ap_equals_a_plain_loop(pairs: list[tuple[int, bool]]) -> None:
    score, same = np.array([s for s, _ in pairs], float), np.array([m for _, m in pairs])
    if not same.any():
        with pytest.raises(LabelsInvalid):
            micro_average_precision(score, same)
    else:
        assert micro_average_precision(score, same) == pytest.approx(
            micro_ap_by_loop(score.tolist(), same.tolist())
        )


@settings(max_examples=40)
@given(labels=labels_of, others=labels_of, seed=st.integers(0, 99))
def test_micro_ap_of_a_task_is_that_of_all_its_pairs(labels: list[str], others: list[str], seed: int) -> None:
    queries, gallery = vectors_for(labels, seed), vectors_for(others, seed + 1)
    task = RetrievalTask.between(queries, labels, gallery, others)
    same = np.array(labels)[:, None] == np.array(others)
    if same.any():
        score = np.concatenate([block for _, block in task.score_blocks()])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(task_module, "_BLOCK_SCORES", 2 * len(others))
            found = copy_metrics(task)
        assert (found.uap, found.recall_at_90_precision) == pytest.approx(
            micro_ap_by_loop(score.ravel().tolist(), same.ravel().tolist())
        )
        assert found.positives == same.sum()
        assert found.unmatched == (~same.any(axis=1)).sum()


def test_micro_ap_of_hand_made_rankings() -> None:
    score = np.array([0.9, 0.8, 0.7, 0.6])
    assert micro_average_precision(score, np.array([True, True, False, False])) == (1, 1)
    assert micro_average_precision(score, np.array([False, True, False, True])) == (0.5, 0)
    assert micro_average_precision(score, np.array([True, False, False, True])) == (0.75, 0.5)
    assert micro_average_precision(score[:1], np.array([True]), positives=4) == (0.25, 0.25)


def test_a_stranger_that_scores_high_costs_micro_ap_but_not_recall() -> None:
    gallery = np.float32([[1, 0], [0, 1]])
    queries = np.float32([[1, 0.2], [0, 1]])
    task = RetrievalTask.between(queries, ["a", "stranger"], gallery, ["a", "b"])
    assert ranking_metrics(task).recall[1].tolist() == [1]
    found = copy_metrics(task)
    assert (found.uap, found.unmatched) == (0.5, 1)


@pytest.mark.parametrize("block", [3, 1000])
def test_normalised_micro_ap_ranks_each_querys_nearest_by_how_far_they_stand_out(block: int) -> None:
    generator = np.random.default_rng(0)
    gallery = normalise(generator.normal(size=(50, 6)).astype(np.float32) + 0.5)
    queries = normalise(gallery[:20] + generator.normal(size=(20, 6)).astype(np.float32) * 0.4)
    score, same = [], []
    for row, query in enumerate(queries.astype(np.float64)):
        cosines = gallery.astype(np.float64) @ query
        order = np.argsort(-cosines)[:DEPTH]
        score += normalised_scores(cosines[order], gallery[order]).tolist()
        same += (order == row).tolist()
    task = RetrievalTask.between(queries, range(20), gallery, range(50))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_module, "_BLOCK_SCORES", block * len(gallery))
        found = normalised_copy_metrics(task)
    uap, recall = micro_average_precision(np.array(score), np.array(same), positives=20)
    assert (found.uap, found.recall_at_90_precision) == pytest.approx((uap, recall))
    assert found.uap != pytest.approx(copy_metrics(task).uap)
    assert (found.positives, found.unmatched) == (20, 0)


def test_leave_one_out_pairs_do_not_count_a_query_with_itself() -> None:
    found = copy_metrics(RetrievalTask.within(np.float32([[1, 0], [0, 1], [0.9, 0.1]]), ["a", "a", "b"]))
    assert found.positives == 2
    assert found.uap == pytest.approx((2 / 6 + 2 / 6) / 2)


# --- failures ----------------------------------------------------------------------------------------------------


@given(labels=labels_of, seed=st.integers(0, 99))
def test_the_worst_failures_are_those_of_a_plain_loop(labels: list[str], seed: int) -> None:
    vectors = vectors_for(labels, seed)
    expected = []
    for row in range(len(labels)):
        score = scores(vectors[row], vectors, Metric.COSINE).round(6)
        order = ranked_by_loop(row, vectors, vectors, Metric.COSINE, own=True)
        wrong = next((i for i in order if labels[i] != labels[row]), None)
        right = next((i for i in order if labels[i] == labels[row]), None)
        if wrong is not None and right is not None and score[wrong] > score[right]:
            expected.append((round(score[right] - score[wrong], 6), row, wrong, right))
    found = worst_failures(RetrievalTask.within(vectors, labels), 3)
    assert [(f.query, f.wrong, f.right) for f in found] == [one[1:] for one in sorted(expected)[:3]]
