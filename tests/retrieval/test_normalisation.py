import numpy as np
import pytest

from retrieval.normalisation import BACKGROUND, SAME, normalised_scores
from retrieval.similarity import normalise


def by_a_plain_loop(scores: np.ndarray, neighbours: np.ndarray) -> list[float]:
    nearest_first = sorted(range(len(scores)), key=lambda row: -scores[row])
    found = []
    for row in range(len(scores)):
        others = [o for o in nearest_first if o != row and neighbours[o] @ neighbours[row] < SAME]
        usual = sum(scores[o] for o in others[:BACKGROUND]) / max(1, len(others[:BACKGROUND]))
        found.append(max(-1.0, 1 - (1 - scores[row]) / (1 - usual)))
    return found


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_every_score_is_held_against_its_nearest_others(count: int) -> None:
    generator = np.random.default_rng(count)
    centre = generator.normal(size=8)
    neighbours = normalise((generator.normal(size=(count, 8)) + centre).astype(np.float32))
    scores = (neighbours @ normalise(centre[None].astype(np.float32))[0]).astype(np.float64)
    assert normalised_scores(scores, neighbours) == pytest.approx(
        by_a_plain_loop(scores, neighbours), abs=1e-6
    )


def test_the_picture_itself_scores_one_whatever_is_around_it() -> None:
    neighbours = normalise(np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32) + 2)
    scores = (neighbours @ neighbours[2]).astype(np.float64).round(6)
    assert normalised_scores(scores, neighbours)[2] == 1


def test_what_is_alone_keeps_its_score() -> None:
    assert normalised_scores(np.array([0.7]), np.ones((1, 3), np.float32)) == pytest.approx([0.7])


def test_a_copy_among_lookalikes_stands_out_and_a_stranger_among_them_does_not() -> None:
    neighbours = np.eye(5, dtype=np.float32)
    copy = normalised_scores(np.array([0.8, 0.5, 0.5, 0.5, 0.5]), neighbours)
    stranger = normalised_scores(np.array([0.8, 0.78, 0.78, 0.78, 0.7]), neighbours)
    assert copy[0] > 0.5 > 0.2 > stranger[0]


def test_a_picture_that_the_gallery_holds_three_times_stands_out_three_times() -> None:
    neighbours = np.eye(6, dtype=np.float32)
    neighbours[1], neighbours[2] = neighbours[0], neighbours[0]
    assert normalised_scores(np.array([0.8, 0.8, 0.8, 0.3, 0.3, 0.3]), neighbours)[:3] == pytest.approx(
        [1 - 0.2 / 0.7] * 3
    )
