"""Ray's workers do what threads do, to the byte, and go on where one of them is killed."""

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray", reason="a cluster needs: pip install 'siamese-index[ray]', or `make test-ray`")

from indexer.executors.executor import AHEAD, Executor, ExecutorFailed, Reach
from indexer.executors.opening import open_executor
from indexer.executors.ray_cluster import RayCluster
from indexer.executors.rows import MappedRows, handed_over
from retrieval.block_join import block_cross_join, block_self_join
from retrieval.cell_join import cell_join
from retrieval.join import Pairs, self_join
from retrieval.similarity import Float32, normalise
from tests.ray.tasks import Mortal, lacks_a_package, refuses, squared

COUNT, BLOCK = 3000, 1024


@pytest.fixture(scope="module")
def vectors() -> Float32:
    generator = np.random.default_rng(0)
    found = generator.normal(size=(COUNT, 32))
    found[: COUNT // 2] = found[COUNT // 2 :] + 0.25 * generator.normal(size=(COUNT // 2, 32))
    return normalise(found.astype(np.float32))


@pytest.fixture(scope="module")
def local() -> Iterator[Executor]:
    before = signal.getsignal(signal.SIGTERM)
    with open_executor("ray:local:2") as executor:
        assert signal.getsignal(signal.SIGTERM) is before
        yield executor


def digest(pairs: Pairs) -> str:
    parts = (pairs.first, pairs.second, pairs.scores)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def test_a_cluster_that_is_started_here_has_the_workers_that_were_asked_for(local: Executor) -> None:
    assert (local.workers, local.reach) == (2, Reach.MACHINE)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_every_item_has_its_result_once(local: Executor) -> None:
    assert sorted(local.map(squared, range(20))) == [n * n for n in range(20)]


def test_no_more_is_on_its_way_than_keeps_the_workers_busy(local: Executor) -> None:
    taken = 0

    def counted() -> Iterator[int]:
        nonlocal taken
        for number in range(30):
            taken += 1
            yield number

    for done, _ in enumerate(local.map(squared, counted()), start=1):
        assert taken - done <= AHEAD * local.workers


def test_what_a_task_raises_is_raised_here(local: Executor) -> None:
    with pytest.raises(ValueError, match="number 3 is at fault"):
        list(local.map(refuses, range(10)))


def test_a_worker_without_the_package_is_named_as_that(local: Executor) -> None:
    with pytest.raises(ExecutorFailed, match=r"a worker lacks what it needs: .*a_package_that_no_node_has"):
        list(local.map(lacks_a_package, range(2)))


def test_a_join_over_workers_is_the_join_in_one_piece_to_the_byte(local: Executor, vectors: Float32) -> None:
    expected = self_join(vectors, 0.8)
    assert len(expected.first) > 1000
    with handed_over(local, vectors) as rows:
        assert isinstance(rows, MappedRows)
        found = block_self_join(rows, 0.8, block=BLOCK, run=local.map)
        both = block_cross_join(rows, rows, 0.8, block=BLOCK, run=local.map)
    assert digest(found) == digest(expected)
    assert len(both.first) == 2 * len(expected.first) + COUNT


def test_a_task_whose_worker_is_killed_is_done_by_another_and_no_byte_differs(
    local: Executor, vectors: Float32, tmp_path: Path
) -> None:
    mortal = Mortal(str(tmp_path), dies_at=(0, BLOCK))
    with handed_over(local, vectors) as rows:
        found = block_self_join(rows, 0.8, block=BLOCK, run=lambda _, tiles: local.map(mortal, tiles))
    assert digest(found) == digest(self_join(vectors, 0.8))
    assert (tmp_path / "died").exists()
    assert len(list(tmp_path.glob(f"0-{BLOCK}-*"))) == 2
    assert len(list(tmp_path.glob("*-*"))) >= 6 + 1  # one for each task, and the second try


def test_a_task_that_ends_every_worker_is_given_up(local: Executor, vectors: Float32, tmp_path: Path) -> None:
    mortal = Mortal(str(tmp_path), dies_at=(0, 0), always=True)
    with handed_over(local, vectors[:100]) as rows, pytest.raises(ExecutorFailed, match="a task was lost"):
        block_self_join(rows, 0.8, block=BLOCK, run=lambda _, tiles: local.map(mortal, tiles))
    assert len(list(tmp_path.glob("0-0-*"))) == 4


def test_a_join_by_cells_over_workers_is_that_in_one_process_to_the_byte(
    local: Executor, vectors: Float32
) -> None:
    here = cell_join(vectors, 0.8, per_cell=100)
    with handed_over(local, vectors) as rows:
        there = cell_join(vectors, 0.8, rows=rows, per_cell=100, block=BLOCK, run=local.map)
    assert digest(here.pairs) == digest(there.pairs)
    assert here.recall == there.recall


def test_a_value_that_was_handed_over_once_is_there_in_every_task(local: Executor) -> None:
    shared = local.share(np.arange(5))
    assert [int(total) for total in local.map(total_of, [shared] * 3)] == [10, 10, 10]


def total_of(shared: object) -> int:
    return int(shared.get().sum())  # type: ignore[attr-defined]


def test_a_second_cluster_in_a_process_is_refused_and_the_first_goes_on(local: Executor) -> None:
    with pytest.raises(ExecutorFailed, match="has a Ray cluster already"):
        RayCluster(workers=1)
    assert list(local.map(abs, [-1])) == [1]
