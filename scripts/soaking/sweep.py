"""SIGKILL, EIO, ENOSPC and EINTR at every system call with which a job works on its folder."""

import random
from pathlib import Path

from tests.crash.jobs import JOBS
from tests.crash.server import Server
from tests.crash.stopped import Play
from tests.crash.sweep import ERRORS, KILL, Place, places, strike
from tests.tiny_encoder import write_tiny_encoder

ROUNDS = 1500


class Part:
    """Rounds take the jobs in turns; a job's calls and faults come in the order that the seed gives them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        encoder = write_tiny_encoder(folder / "encoder")
        self._server = Server({"INDEX_ENCODER": str(encoder), "INDEX_JOBS": "1"})
        self._play = Play(folder, self._server)
        self._places: dict[str, list[Place]] = {}

    def play(self, seed: int, iteration: int) -> list[str]:
        turn, which = divmod(iteration, len(JOBS))
        name = list(JOBS)[which]
        if name not in self._places:
            self._places[name] = places(self._play, name, self._folder / "trace")
        faults = [(place, fault) for place in self._places[name] for fault in (KILL, *ERRORS)]
        random.Random(f"{seed} {name}").shuffle(faults)
        if turn >= len(faults):
            return [f"{name}: every call was struck"]
        return [f"{name}: {strike(self._play, name, *faults[turn])}"]

    def close(self) -> None:
        self._server.close()
