"""SIGKILL, EIO, ENOSPC and EINTR at every system call with which a job works on its folder."""

import random
from pathlib import Path

from soaking._of_jobs import OfJobs

from tests.crash.jobs import JOBS
from tests.crash.sweep import ERRORS, KILL, Place, places, strike

ROUNDS = 1500


class Part(OfJobs):
    """Rounds take the jobs in turns; a job's calls and faults come in the order that the seed gives them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder
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
