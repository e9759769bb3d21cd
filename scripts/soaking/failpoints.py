"""SIGKILL, EIO and ENOSPC at every passage of every failpoint, in every job."""

import random
from pathlib import Path

from tests.crash.jobs import JOBS
from tests.crash.server import Server
from tests.crash.stopped import CODES, Play
from tests.tiny_encoder import write_tiny_encoder

ROUNDS = 1500


class Part:
    """Rounds take the jobs in turns; a job's failpoints and faults come in the order that the seed gives them."""

    def __init__(self, folder: Path) -> None:
        encoder = write_tiny_encoder(folder / "encoder")
        self._server = Server({"INDEX_ENCODER": str(encoder), "INDEX_JOBS": "1"})
        self._play = Play(folder, self._server)

    def play(self, seed: int, iteration: int) -> list[str]:
        turn, which = divmod(iteration, len(JOBS))
        name = list(JOBS)[which]
        passed = self._play.whole(name).passed
        stops = [(point, nth + 1, a) for point in passed for nth in range(passed[point]) for a in CODES]
        random.Random(f"{seed} {name}").shuffle(stops)
        if turn >= len(stops):
            return [f"{name}: stopped at every passage"]
        return [f"{name}: {self._play.stop(name, *stops[turn])}"]

    def close(self) -> None:
        self._server.close()
