"""What workers are given to do in these tests: a module of its own, which they import without pytest."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.executors.opening import open_executor
from indexer.executors.rows import handed_over
from retrieval.block_join import Tile, block_self_join, join_tile
from retrieval.join import Pairs


@dataclass(frozen=True)
class Mortal:
    """Joins a tile; at the one whose rows and columns begin there, the first process that comes to it dies of SIGKILL.

    Each start leaves a file in ``folder``.
    """

    folder: str
    dies_at: tuple[int, int] | None
    always: bool = False

    def __call__(self, tile: Tile) -> Pairs:
        begins = tile.rows[0], tile.columns[0]
        starts = Path(self.folder)
        (starts / f"{begins[0]}-{begins[1]}-{os.getpid()}-{len(list(starts.iterdir()))}").touch()
        if begins == self.dies_at:
            with suppress(FileExistsError):
                if not self.always:
                    (starts / "died").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        return join_tile(tile)


def killed_midway(folder: str) -> None:
    """Join over Ray with a worker killed, and print the number of pairs."""
    vectors = np.eye(4000, 64, dtype=np.float32)
    vectors[64:] = vectors[np.arange(64, 4000) % 64]
    with open_executor("ray:local:2") as executor, handed_over(executor, vectors) as rows:
        mortal = Mortal(folder, dies_at=(2000, 2000))
        found = block_self_join(rows, 0.9, block=1000, run=lambda _, tiles: executor.map(mortal, tiles))
        time.sleep(5)  # for what Ray has to say
    print(len(found.first))


def squared(number: int) -> int:
    return number * number


def lacks_a_package(number: int) -> int:
    import a_package_that_no_node_has  # type: ignore[import-not-found]

    return int(a_package_that_no_node_has.number)


def refuses(number: int) -> int:
    if number == 3:
        raise ValueError("number 3 is at fault")
    return number
