"""By cells no pair is invented, and the share that is found is the one that is told."""

import random
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from retrieval import cell_join as module
from retrieval.binomial import lower_bound, upper_bound
from retrieval.block_join import R, T
from retrieval.cell_join import Recall, cell_join
from retrieval.join import Pairs, self_join
from retrieval.similarity import Float32, normalise
from retrieval.structures import learn_centres, nearest_centres

THRESHOLD = 0.8


def catalogue(count: int, dim: int = 16, seed: int = 0) -> Float32:
    """Kinds of things that run into each other, and copies on both sides of the threshold."""
    generator = np.random.default_rng(seed)
    kinds = generator.normal(size=(30, dim))
    vectors = kinds[generator.integers(0, 30, count)] + 0.8 * generator.normal(size=(count, dim))
    some = generator.permutation(count)[: count // 5]
    vectors[some] = vectors[generator.integers(0, count, len(some))]
    vectors[some] += generator.uniform(0, 0.6, (len(some), 1)) * generator.normal(size=(len(some), dim))
    return normalise(vectors.astype(np.float32))


def scored(pairs: Pairs) -> dict[tuple[int, int], float]:
    places = zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    return dict(zip(places, pairs.scores.tolist(), strict=True))


def shuffled(function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    todo = list(tasks)
    random.Random(4).shuffle(todo)
    return map(function, todo)


def test_no_pair_is_invented_and_scores_are_those_of_the_exact_join_to_the_bit() -> None:
    vectors = catalogue(3000)
    exact, found = scored(self_join(vectors, THRESHOLD)), cell_join(vectors, THRESHOLD, per_cell=60)
    assert found.cells == 50
    assert 2 * (1 + found.neighbours) < found.cells  # not all with all
    assert scored(found.pairs).items() <= exact.items()
    assert len(scored(found.pairs)) == len(found.pairs.first)  # and none twice


def test_pairs_are_in_order_whatever_the_order_of_the_tasks() -> None:
    vectors = catalogue(1500)
    one, other = (cell_join(vectors, THRESHOLD, per_cell=60, run=run).pairs for run in (map, shuffled))
    assert one.first.tobytes() == other.first.tobytes()
    assert one.second.tobytes() == other.second.tobytes()
    assert one.scores.tobytes() == other.scores.tobytes()
    assert (np.diff(one.first) >= 0).all()
    assert (one.first < one.second).all()


def test_the_measured_recall_is_that_of_a_plain_count_over_all_rows() -> None:
    vectors = catalogue(4000)
    found = cell_join(vectors, THRESHOLD, per_cell=60, wanted=0.5)
    exact, got = self_join(vectors, THRESHOLD), scored(found.pairs).keys()
    of_row: dict[int, list[bool]] = {}
    for i, j in zip(exact.first.tolist(), exact.second.tolist(), strict=True):
        for row in (i, j):
            of_row.setdefault(row, []).append((i, j) in got)
    true = float(np.mean([np.mean(hits) for hits in of_row.values()]))
    assert true < 0.99  # there is something to be measured
    low, high = found.recall.interval
    assert low < true < high
    assert found.recall.share is not None
    assert low < found.recall.share < high


@pytest.mark.parametrize("wanted", [0.6, 0.9, 0.99])
def test_neighbours_are_looked_into_until_the_recall_is_reached(wanted: float) -> None:
    found = cell_join(catalogue(2500), THRESHOLD, per_cell=50, wanted=wanted)
    assert found.recall.share is not None
    assert found.recall.share >= wanted


def test_the_more_is_wanted_the_more_neighbours_are_looked_into() -> None:
    vectors = catalogue(2500)
    looked = [cell_join(vectors, THRESHOLD, per_cell=50, wanted=w).neighbours for w in (0.5, 0.9, 0.999)]
    assert looked == sorted(looked)
    assert looked[0] < looked[-1]


def test_where_too_few_are_found_further_neighbours_add_to_what_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first guess is at fault here; the measurement is what the join goes by."""
    vectors = catalogue(2500)
    monkeypatch.setattr(module, "_neighbours", lambda *_: 1)
    found = cell_join(vectors, THRESHOLD, per_cell=25, wanted=0.99)
    monkeypatch.setattr(module, "_neighbours", lambda *_: found.neighbours)
    at_once = cell_join(vectors, THRESHOLD, per_cell=25, wanted=0.99)
    assert found.neighbours > 1
    assert found.pairs.first.tobytes() == at_once.pairs.first.tobytes()
    assert found.pairs.second.tobytes() == at_once.pairs.second.tobytes()


def test_all_meet_all_where_nothing_less_reaches_what_is_wanted() -> None:
    vectors = normalise(np.random.default_rng(0).normal(size=(600, 32)).astype(np.float32))
    found = cell_join(vectors, 0.1, per_cell=40, wanted=1.0)
    assert found.neighbours == found.cells - 1
    assert found.recall.share == 1
    assert scored(found.pairs) == scored(self_join(vectors, 0.1))


def test_many_visitors_of_a_cell_come_in_several_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = catalogue(1200)
    together = cell_join(vectors, THRESHOLD, per_cell=60).pairs
    monkeypatch.setattr(module, "_VISITORS", 25)
    assert scored(cell_join(vectors, THRESHOLD, per_cell=60).pairs) == scored(together)


def test_only_the_rows_that_are_asked_about_are_sampled() -> None:
    vectors = catalogue(1500)
    vectors[:100] = normalise(np.random.default_rng(1).normal(size=(100, 16)).astype(np.float32))
    vectors[50:100] = vectors[:50]
    found = cell_join(vectors, 0.99, sampled=np.arange(100), per_cell=60)
    assert found.recall.pairs == 50
    assert found.recall.share == 1


def test_where_nothing_is_near_the_recall_is_unknown_and_not_perfect() -> None:
    vectors = np.eye(300, dtype=np.float32)
    found = cell_join(vectors, 0.5, per_cell=20)
    assert len(found.pairs.first) == 0
    assert (found.recall.share, found.recall.interval) == (None, (0.0, 1.0))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_vectors_are_one_cell(count: int) -> None:
    vectors = np.repeat(catalogue(1), count, axis=0)
    found = cell_join(vectors, THRESHOLD)
    assert len(found.pairs.first) == count // 2


def test_the_interval_is_that_of_clopper_and_pearson() -> None:
    recall = Recall(97, 100)
    assert recall.interval == (lower_bound(97, 100, 0.975), upper_bound(97, 100, 0.975))
    assert recall.interval == pytest.approx((0.9148, 0.9938), abs=1e-4)


def test_the_nearest_centres_are_those_of_a_plain_loop() -> None:
    vectors = catalogue(200)
    centres = learn_centres(vectors, 12)
    assert np.allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-5)
    nearest = nearest_centres(vectors, centres, 5)
    for vector, found in zip(vectors, nearest, strict=True):
        products = [float(vector @ centre) for centre in centres]
        assert found.tolist() == sorted(range(12), key=lambda cell: -products[cell])[:5]
