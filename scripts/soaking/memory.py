"""Builds and queries that may have 100 to 1,200 MiB of address space: done, or refused in words, the store sound."""

import random
from pathlib import Path

from tests.crash.server import Server
from tests.crash.starved import BUILDS, starve
from tests.crash.stopped import Play
from tests.tiny_encoder import write_tiny_encoder

ROUNDS = 400
LEAST, MOST = 100, 1200


class Part:
    def __init__(self, folder: Path) -> None:
        encoder = write_tiny_encoder(folder / "encoder")
        self._server = Server({"INDEX_ENCODER": str(encoder), "INDEX_JOBS": "1"})
        self._play = Play(folder, self._server)

    def play(self, seed: int, iteration: int) -> list[str]:
        mib = random.Random(f"{seed} {iteration}").randrange(LEAST, MOST)
        return starve(self._play, BUILDS[iteration % 2], mib)

    def close(self) -> None:
        self._server.close()
