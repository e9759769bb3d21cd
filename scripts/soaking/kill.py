"""SIGKILL at random moments of a build, and again while it recovers."""

import signal
from pathlib import Path

from tests.crash.rounds import play_round
from tests.crash.server import Server
from tests.crash.stage import Stage
from tests.tiny_encoder import write_tiny_encoder

ROUNDS = 500


class Part:
    signals = (signal.SIGKILL,)

    def __init__(self, folder: Path) -> None:
        encoder = write_tiny_encoder(folder / "encoder")
        self._server = Server({"INDEX_ENCODER": str(encoder), "INDEX_JOBS": "1"})
        self._stage = Stage(folder, self._server)

    def play(self, seed: int, iteration: int) -> list[str]:
        number = self.signals[iteration // 2 % len(self.signals)]
        played = play_round(self._stage, seed, iteration, number)
        recoveries = ["signals during recovery"] * (len(played.phases) - 1)
        return [f"{played.kind}: {phase}" for phase in played.phases] + recoveries

    def close(self) -> None:
        self._server.close()
