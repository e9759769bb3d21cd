"""Builds and queries that may have 100 to 1,200 MiB of address space: done, or refused in words, the store sound."""

import random

from soaking._of_jobs import OfJobs

from tests.crash.starved import BUILDS, starve

ROUNDS = 400
LEAST, MOST = 100, 1200


class Part(OfJobs):
    def play(self, seed: int, iteration: int) -> list[str]:
        mib = random.Random(f"{seed} {iteration}").randrange(LEAST, MOST)
        return starve(self._play, BUILDS[iteration % 2], mib)
