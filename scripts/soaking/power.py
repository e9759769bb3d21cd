"""Power cuts at random moments of a job, and when it has just ended: an ext4 image is copied, and the copy is held."""

import random
from contextlib import ExitStack
from pathlib import Path

from soaking._of_jobs import OfJobs

from tests.crash.jobs import JOBS
from tests.crash.power import cut_power, disks

ROUNDS = 150
CUTS = 6


class Part(OfJobs):
    """Rounds take the jobs in turns; each is cut seven times."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._open = ExitStack()
        self._disks = self._open.enter_context(disks())

    def play(self, seed: int, iteration: int) -> list[str]:
        name = list(JOBS)[iteration % len(JOBS)]
        return cut_power(self._play, self._disks, name, random.Random(f"{seed} {iteration}"), CUTS)

    def close(self) -> None:
        self._open.close()
        super().close()
