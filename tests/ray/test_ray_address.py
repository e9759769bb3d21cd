"""A cluster that is already there, reached by its address: vectors travel to it, and nothing of this machine is read."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray", reason="a cluster needs: pip install 'siamese-index[ray]', or `make test-ray`")

from indexer.executors.executor import ExecutorFailed, Reach
from indexer.executors.opening import open_executor
from indexer.executors.rows import SentRows, handed_over
from retrieval.block_join import block_self_join
from retrieval.join import self_join
from retrieval.similarity import normalise

ROOT = Path(__file__).parents[2]
STARTS_S, READY_S = 10, 120


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A head with two workers, as `ray start` starts it; its folder has a short name, as its sockets need."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        options = {
            "port": free_port(),
            "ray-client-server-port": port,
            "num-cpus": 2,
            "node-ip-address": "127.0.0.1",
            "include-dashboard": "false",
            "temp-dir": folder,
        }
        told = [f"--{name}={value}" for name, value in options.items()]
        command = [Path(sys.executable).with_name("ray"), "start", "--head", "--block", *told]
        environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
        with open(Path(folder) / "head.log", "wb") as log:
            head = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            address = f"ray://127.0.0.1:{port}"
            wait_for(address, head)
            yield address
        finally:
            head.terminate()
            head.wait(30)


def wait_for(address: str, head: subprocess.Popen[bytes]) -> None:
    """Connect until a client is let in: a head that has just begun opens its port before it can do so."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until and head.poll() is None:
        time.sleep(STARTS_S)
        with suppress(ExecutorFailed), open_executor(address):
            return
    pytest.fail(f"no head after {READY_S} s, exit code {head.poll()}")


def test_vectors_are_sent_to_a_cluster_and_the_pairs_are_those_of_one_process_to_the_byte(
    address: str,
) -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(20_000, 16)).astype(np.float32)
    vectors[:10_000] = vectors[10_000:] + 0.1 * generator.normal(size=(10_000, 16))
    vectors = normalise(vectors)
    with open_executor(address) as executor:
        assert (executor.workers, executor.reach) == (2, Reach.NETWORK)
        with handed_over(executor, vectors) as rows:
            assert isinstance(rows, SentRows)
            assert len(rows.blocks) == 2
            found = block_self_join(rows, 0.95, block=5000, run=executor.map)
    expected = self_join(vectors, 0.95)
    assert len(expected.first) > 5000
    for part in ("first", "second", "scores"):
        assert getattr(found, part).tobytes() == getattr(expected, part).tobytes()


def test_where_no_cluster_answers_the_address_is_named() -> None:
    with pytest.raises(ExecutorFailed, match=r"no Ray cluster at ray://127\.0\.0\.1:9"):
        open_executor("ray://127.0.0.1:9")
