"""What workers are given to do in these tests: a module of its own, which they import without pytest."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from retrieval.block_join import Tile, join_tile
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


def squared(number: int) -> int:
    return number * number


def refuses(number: int) -> int:
    if number == 3:
        raise ValueError("number 3 is at fault")
    return number
