"""One join of the same vectors in this process, in tasks over threads, over Ray, and over Ray with a worker killed midway.

    python scripts/bench/executors.py [--count 20000] [--dim 256] [--vectors FILE.npz] [--threshold 0.9]

Without a file, vectors are those of a catalogue with copies: random directions, a tenth of them repeated with noise. The
file has an array ``vectors``, (n, dim), of which the first ``--count`` are taken and made unit vectors. What Ray takes to
start is told by itself; ``again`` is the same join once more, by workers that have imported what they need. ``tries`` counts how often a task was begun: with a worker killed, more often than there are
tasks. The digest is of all pairs with their scores, byte by byte; other digests than the first make the exit status 1.
"""

import argparse
import hashlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.executors.executor import Executor
from indexer.executors.opening import open_executor
from indexer.executors.rows import handed_over
from retrieval.block_join import Rows, Tile, block_for, block_self_join, join_tile
from retrieval.join import Pairs, self_join
from retrieval.similarity import normalise

WORKERS = 2


@dataclass(frozen=True)
class Watched:
    """Joins a tile, and leaves a file for each try; at tile ``fatal`` the first process that comes to it is killed."""

    folder: str
    fatal: tuple[int, int] | None

    def __call__(self, tile: Tile) -> Pairs:
        begins = tile.rows[0], tile.columns[0]
        descriptor, _ = tempfile.mkstemp(prefix=f"{begins[0]}-{begins[1]}-", dir=self.folder)
        os.close(descriptor)
        if begins == self.fatal:
            with suppress(FileExistsError):
                (Path(self.folder) / "killed").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        return join_tile(tile)


@dataclass(frozen=True)
class Row:
    """What one way took, and what it found."""

    name: str
    start_s: float
    join_s: float
    again_s: float
    pairs: int
    tasks: int
    tries: int
    digest: str


def catalogue(count: int, dim: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    vectors = normalise(generator.normal(size=(count, dim)).astype(np.float32))
    copies = generator.permutation(count)[: count // 10]
    noise = generator.uniform(0.1, 0.8, (len(copies), 1)) / dim**0.5
    originals = vectors[generator.integers(0, count, len(copies))]
    vectors[copies] = normalise(
        originals + (noise * generator.normal(size=(len(copies), dim))).astype(np.float32)
    )
    return vectors


def digest(pairs: Pairs) -> str:
    parts = (pairs.first, pairs.second, pairs.scores)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def in_one_piece(vectors: np.ndarray, threshold: float) -> Row:
    started = time.perf_counter()
    pairs = self_join(vectors, threshold)
    join_s = time.perf_counter() - started
    started = time.perf_counter()
    self_join(vectors, threshold)
    return Row("self_join", 0, join_s, time.perf_counter() - started, len(pairs.first), 1, 1, digest(pairs))


def over(name: str, url: str, vectors: np.ndarray, threshold: float, *, kills: bool) -> Row:
    started = time.perf_counter()
    with open_executor(url) as executor, tempfile.TemporaryDirectory(prefix="tries-") as folder:
        start_s = time.perf_counter() - started
        block = block_for(len(vectors), WORKERS)
        blocks = -(-len(vectors) // block)
        fatal = (
            (block * (blocks // 2), block * (blocks // 2)) if kills else None
        )  # in the middle of all tasks
        started = time.perf_counter()
        with handed_over(executor, vectors) as rows:
            pairs = joined(executor, rows, threshold, block, Watched(folder, fatal))
        join_s = time.perf_counter() - started
        tries = len(list(Path(folder).glob("*-*")))
        started = time.perf_counter()
        with handed_over(executor, vectors) as rows:
            joined(executor, rows, threshold, block, Watched(folder, None))
        again_s = time.perf_counter() - started
        if kills and not (Path(folder) / "killed").exists():
            raise SystemExit("no worker was killed")
    tasks = blocks * (blocks + 1) // 2
    return Row(name, start_s, join_s, again_s, len(pairs.first), tasks, tries, digest(pairs))


def joined(executor: Executor, rows: Rows, threshold: float, block: int, watched: Watched) -> Pairs:
    def run(_: Callable[[Tile], Pairs], tasks: Iterable[Tile]) -> Iterable[Pairs]:
        return executor.map(watched, tasks)

    return block_self_join(rows, threshold, block=block, run=run)  # type: ignore[arg-type]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--threshold", type=float, default=0.9)
    arguments = parser.parse_args()
    if arguments.vectors:
        vectors = normalise(np.load(arguments.vectors)["vectors"][: arguments.count].astype(np.float32))
    else:
        vectors = catalogue(arguments.count, arguments.dim)
    print(f"{vectors.shape[0]} x {vectors.shape[1]}, threshold {arguments.threshold:g}", flush=True)
    self_join(vectors[:2048], arguments.threshold)  # ONNX Runtime starts
    rows = [in_one_piece(vectors, arguments.threshold)]
    for name, url, kills in (
        ("pool", f"threads:{WORKERS}", False),
        ("ray", f"ray:local:{WORKERS}", False),
        ("ray, one worker killed", f"ray:local:{WORKERS}", True),
    ):
        rows.append(over(name, url, vectors, arguments.threshold, kills=kills))
    print("| way | start, s | join / self_join | again | pairs | tasks | tries | SHA-256 |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        ratio, again = row.join_s / rows[0].join_s, row.again_s / rows[0].again_s
        print(
            f"| {row.name} | {row.start_s:.1f} | {ratio:.2f} | {again:.2f} | {row.pairs} | {row.tasks} | {row.tries} "
            f"| {row.digest[:16]} |"
        )
    return int(len({row.digest for row in rows}) > 1)


if __name__ == "__main__":
    raise SystemExit(main())
