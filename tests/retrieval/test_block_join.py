"""Cut into tasks and put together in any order, the join is what it is in one piece, to the byte."""

import random
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from retrieval.block_join import Tile, block_cross_join, block_for, block_self_join, join_tile
from retrieval.join import Pairs, cross_join, self_join
from retrieval.similarity import Float32, normalise


def copies(count: int, dim: int = 24, seed: int = 0) -> Float32:
    """Vectors of which each has a copy somewhere, more or less like it."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(count, dim))
    vectors[: count // 2] = vectors[count - count // 2 :] + 0.25 * generator.normal(size=(count // 2, dim))
    return normalise(vectors.astype(np.float32))


def same_bytes(found: Pairs, expected: Pairs) -> bool:
    return all(
        getattr(found, part).tobytes() == getattr(expected, part).tobytes()
        for part in ("first", "second", "scores")
    )


def shuffled(function: Callable[[Tile], Pairs], tasks: Iterable[Tile]) -> Iterator[Pairs]:
    """Do tasks in an order of its own, as workers do."""
    todo = list(tasks)
    random.Random(4).shuffle(todo)
    return map(function, todo)


@pytest.mark.parametrize("block", [1, 13, 64, 100, 150, 10_000])
@pytest.mark.parametrize("threshold", [0.2, 0.8])
def test_a_join_in_tasks_is_the_join_in_one_piece_to_the_byte(block: int, threshold: float) -> None:
    vectors = copies(150 if block > 1 else 30)
    expected = self_join(vectors, threshold)
    assert len(expected.first)
    found = block_self_join(vectors, threshold, block=block, run=shuffled)
    assert same_bytes(found, expected)


def test_a_join_in_tasks_finds_the_pairs_of_a_plain_loop() -> None:
    vectors = copies(120)
    wide = vectors.astype(np.float64)
    expected = [
        (i, j) for i in range(120) for j in range(i + 1, 120) if float((wide[i] * wide[j]).sum()) >= 0.8
    ]
    found = block_self_join(vectors, 0.8, block=50)
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == expected


def test_a_join_of_two_sets_in_tasks_is_that_in_one_piece_to_the_byte() -> None:
    vectors, others = copies(130), np.concatenate([copies(130)[5:25], copies(90, seed=1)])
    expected = cross_join(vectors, others, 0.8)
    assert len(expected.first) > 20
    assert same_bytes(block_cross_join(vectors, others, 0.8, block=40, run=shuffled), expected)


def test_scores_beyond_one_by_rounding_are_one_in_both() -> None:
    vectors = np.repeat(copies(30), 5, axis=0)
    found = block_self_join(vectors, 0.9999, block=32)
    assert found.scores.max() == 1
    assert same_bytes(found, self_join(vectors, 0.9999))


def test_a_task_reads_the_rows_that_it_names_and_no_others() -> None:
    vectors = copies(90)
    read: list[tuple[int, int]] = []

    class Watched:
        def __len__(self) -> int:
            return len(vectors)

        def __getitem__(self, rows: slice) -> Float32:
            read.append((rows.start, rows.stop))
            return vectors[rows]

    join_tile(Tile(Watched(), Watched(), (0, 30), (60, 90), 0.5, within=True))
    assert read == [(0, 30), (60, 90)]


def test_sets_without_a_pair_have_none() -> None:
    nothing = np.empty((0, 8), np.float32)
    assert len(block_self_join(nothing, 0.5, block=10).first) == 0
    assert len(block_cross_join(nothing, copies(10, 8), 0.5, block=10).first) == 0
    assert len(block_self_join(copies(1, 8), 0.5, block=10).first) == 0


@pytest.mark.parametrize("workers", [1, 2, 16, 300])
def test_blocks_are_as_many_as_keep_all_workers_busy_and_no_larger_than_memory_allows(workers: int) -> None:
    for count in (0, 1, 5000, 200_000, 5_000_000):
        block = block_for(count, workers)
        assert 1024 <= block <= 16_384
        blocks = -(-count // block)
        assert blocks * (blocks + 1) / 2 >= 4 * workers or block == 1024
