"""SIGKILL, EIO and ENOSPC at every passage of every failpoint, in every job."""

import random

from soaking._of_jobs import OfJobs

from tests.crash.jobs import JOBS
from tests.crash.stopped import CODES

ROUNDS = 1500


class Part(OfJobs):
    """Rounds take the jobs in turns; a job's failpoints and faults come in the order that the seed gives them."""

    def play(self, seed: int, iteration: int) -> list[str]:
        turn, which = divmod(iteration, len(JOBS))
        name = list(JOBS)[which]
        passed = self._play.whole(name).passed
        stops = [(point, nth + 1, a) for point in passed for nth in range(passed[point]) for a in CODES]
        random.Random(f"{seed} {name}").shuffle(stops)
        if turn >= len(stops):
            return [f"{name}: stopped at every passage"]
        return [f"{name}: {self._play.stop(name, *stops[turn])}"]
