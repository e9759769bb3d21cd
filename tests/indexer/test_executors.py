"""Executors keep what they promise: every result once, memory without growth, errors as they were raised."""

import importlib.util
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.duplicates.joining import EXACTLY, How, Joiner, join_here
from indexer.errors import USAGE, UsageRefused
from indexer.executors.executor import AHEAD, Executor, Reach
from indexer.executors.opening import open_executor
from indexer.executors.pool import Pool
from indexer.executors.rows import MappedRows, SentRows, handed_over
from retrieval.block_join import Rows, block_cross_join, block_self_join
from retrieval.join import Pairs, self_join
from retrieval.similarity import Float32, normalise
from tests.conftest import Command
from tests.pictures import save


def copies(count: int = 400, dim: int = 24) -> Float32:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(count, dim))
    vectors[: count // 2] = vectors[count - count // 2 :] + 0.25 * generator.normal(size=(count // 2, dim))
    return normalise(vectors.astype(np.float32))


def same(found: Pairs, expected: Pairs) -> bool:
    return all(
        np.array_equal(getattr(found, part), getattr(expected, part)) for part in vars(expected)
    ) and bool(len(expected.first))


def unordered(pairs: Pairs) -> set[frozenset[int]]:
    return {frozenset(pair) for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)}


class Elsewhere(Pool):
    """Threads that are treated as workers further away: what they are handed is written to a file, or cut up."""

    def __init__(self, reach: Reach) -> None:
        super().__init__(2)
        self.reach = reach  # type: ignore[misc]


def slowly(number: int) -> int:
    time.sleep(0.002 * (number % 3))
    return number * number


def test_every_item_has_its_result_once() -> None:
    with Pool(3) as pool:
        assert sorted(pool.map(slowly, range(50))) == [n * n for n in range(50)]
        assert list(pool.map(slowly, [])) == []


def test_a_quick_task_does_not_wait_for_a_slow_one_before_it() -> None:
    released = threading.Event()

    def first_waits(number: int) -> int:
        if number == 0:
            assert released.wait(30)
        return number

    with Pool(2) as pool:
        results = pool.map(first_waits, range(6))
        assert {next(results) for _ in range(5)} == {1, 2, 3, 4, 5}
        released.set()
        assert list(results) == [0]


def test_no_more_is_on_its_way_than_keeps_the_workers_busy() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            yield taken
            taken += 1

    with Pool(2) as pool:
        results = pool.map(slowly, endless())
        for done in range(1, 40):
            next(results)
            assert taken - done <= 2 * AHEAD * pool.workers
        results.close()  # type: ignore[attr-defined]


def test_what_a_task_raises_is_raised_and_what_has_not_begun_is_dropped() -> None:
    begun = []

    def fails(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ValueError("number 3 is at fault")
        return number

    with Pool(1) as pool, pytest.raises(ValueError, match="number 3 is at fault"):
        list(pool.map(fails, range(1000)))
    assert len(begun) < 10


@pytest.mark.parametrize(("url", "workers"), [("threads:3", 3), ("threads:1", 1)])
def test_a_url_says_how_many_threads(url: str, workers: int) -> None:
    with open_executor(url) as executor:
        assert (executor.workers, executor.reach) == (workers, Reach.PROCESS)


def test_without_a_url_work_is_done_in_this_process() -> None:
    with open_executor(None) as executor:
        assert isinstance(executor, Pool)


@pytest.mark.parametrize(
    "url", ["dask://host:1", "threads:0", "threads:", "ray", "ray://", "ray://host", "", "Ray:local"]
)
def test_a_url_of_no_known_kind_is_refused_and_the_known_ones_are_named(url: str) -> None:
    with pytest.raises(UsageRefused, match="no executor is named") as refusal:
        open_executor(url)
    assert all(kind in refusal.value.hint for kind in ("threads:N", "ray:local", "ray://HOST:PORT"))


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed here")
def test_without_ray_it_is_said_how_to_install_it() -> None:
    with pytest.raises(UsageRefused, match="needs Ray") as refusal:
        open_executor("ray:local")
    assert refusal.value.hint == "pip install 'siamese-index[ray]'"


@pytest.mark.parametrize("reach", list(Reach))
def test_a_join_over_workers_is_the_join_in_one_piece_however_they_are_handed_the_vectors(
    reach: Reach,
) -> None:
    vectors = copies()
    with Elsewhere(reach) as executor, handed_over(executor, vectors) as rows:
        found = block_self_join(rows, 0.8, block=64, run=executor.map)
        between = block_cross_join(rows, rows, 0.8, block=100, run=executor.map)
    assert same(found, self_join(vectors, 0.8))
    assert len(between.first) == 2 * len(found.first) + len(vectors)


def test_rows_of_a_file_are_those_of_the_array_and_the_file_goes_when_nobody_needs_it() -> None:
    vectors = copies()
    with Elsewhere(Reach.MACHINE) as executor, handed_over(executor, vectors) as rows:
        assert isinstance(rows, MappedRows)
        path = Path(rows.path)
        assert_rows(rows, vectors)
    assert not path.parent.exists()


def test_rows_that_were_sent_in_blocks_are_those_of_the_array() -> None:
    vectors = copies(100)
    with Pool(1) as pool:
        blocks = tuple(pool.share(vectors[at : at + 16]) for at in range(0, 100, 16))
    assert_rows(SentRows(blocks, 16, 100), vectors)


def assert_rows(rows: Rows, vectors: Float32) -> None:
    assert len(rows) == len(vectors)
    for start, stop in ((0, 16), (0, len(vectors)), (5, 9), (15, 17), (16, 32), (90, len(vectors))):
        assert np.array_equal(rows[start:stop], vectors[start:stop])


@pytest.mark.parametrize("reach", list(Reach))
@pytest.mark.parametrize("some_are_settled", [False, True])
def test_contents_are_joined_with_the_same_result_wherever_that_is_done(
    reach: Reach, some_are_settled: bool
) -> None:
    vectors = copies()
    settled = np.zeros(len(vectors), bool)
    settled[::3] = some_are_settled
    with Elsewhere(reach) as executor:
        found, how = Joiner(executor, limit=len(vectors))(vectors, settled, 0.8)
    assert same(found, join_here(vectors, settled, 0.8)[0])
    assert how == EXACTLY == How("exact", 1.0)


@pytest.mark.parametrize("reach", list(Reach))
def test_more_contents_than_the_limit_are_joined_by_cells_and_the_recall_is_told(reach: Reach) -> None:
    vectors = copies()
    settled = np.zeros(len(vectors), bool)
    settled[:50] = settled[200:220] = True
    with Elsewhere(reach) as executor:
        found, how = Joiner(executor, limit=300)(vectors, settled, 0.8)
    exact = join_here(vectors, settled, 0.8)[0]
    assert how.kind == "cells"
    assert how.recall is not None
    assert how.measured_on > 50
    assert unordered(found) <= unordered(exact)
    assert not (settled[found.first] & settled[found.second]).any()


@pytest.fixture
def shop(workplace: Path, index: Command) -> Path:
    folder = workplace / "shop"
    for number in range(6):
        save(folder / f"{number}.png", number)
        save(folder / f"again-{number}.jpg", number)
    assert index("build", folder).code == 0
    return folder


def test_dedupe_tells_how_it_joined_and_finds_the_same_groups_either_way(
    index: Command, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = index("dedupe", "-t", "0.95", "--json").json()
    assert exact["join"]["kind"] == "exact"
    assert exact["join"]["recall"] == 1
    monkeypatch.setenv("INDEX_JOIN_LIMIT", "3")
    cells = index("dedupe", "-t", "0.95", "--executor", "threads:2", "--json").json()
    assert cells["join"]["kind"] == "cells"
    assert cells["join"]["recall"] == 1
    assert cells["join"]["interval"][0] < 1
    assert cells["groups"] == exact["groups"]
    assert "joined by cells, 1.000 measured recall" in index("dedupe", "-t", "0.95").err


def test_dedupe_refuses_an_executor_that_it_does_not_know(index: Command, shop: Path) -> None:
    answer = index("dedupe", "--executor", "spark://master:7077")
    assert answer.code == USAGE
    assert "threads:N" in answer.err


def is_executor(pool: Pool) -> Executor:
    return pool  # mypy holds it to the protocol
