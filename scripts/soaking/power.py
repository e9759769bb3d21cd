"""Power cuts at random moments of a job, and when it has just ended: an ext4 image is copied, and the copy is held."""

import random
from contextlib import ExitStack
from pathlib import Path

from tests.crash.jobs import JOBS
from tests.crash.power import cut_power, disks
from tests.crash.server import Server
from tests.crash.stopped import Play
from tests.tiny_encoder import write_tiny_encoder

ROUNDS = 150
CUTS = 6


class Part:
    """Rounds take the jobs in turns; each is cut seven times."""

    def __init__(self, folder: Path) -> None:
        encoder = write_tiny_encoder(folder / "encoder")
        self._server = Server({"INDEX_ENCODER": str(encoder), "INDEX_JOBS": "1"})
        self._play = Play(folder, self._server)
        self._open = ExitStack()
        self._disks = self._open.enter_context(disks())

    def play(self, seed: int, iteration: int) -> list[str]:
        name = list(JOBS)[iteration % len(JOBS)]
        return cut_power(self._play, self._disks, name, random.Random(f"{seed} {iteration}"), CUTS)

    def close(self) -> None:
        self._open.close()
        self._server.close()
