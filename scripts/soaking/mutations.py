"""Files of six picture formats, broken at random, decoded: a picture within the limits, or a reason."""

import os
from pathlib import Path

from tests.hostile.mutations import FORMATS, hold, mutation

ROUNDS = 400
MUTATIONS_A_ROUND = 500  # 200,000 in all


class Part:
    def __init__(self, _folder: Path) -> None:
        """Send what libtiff prints of broken files nowhere, as a worker does."""
        self._stderr = os.dup(2)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)

    def play(self, seed: int, iteration: int) -> list[str]:
        kind = FORMATS[iteration % len(FORMATS)]
        first = (seed << 32) + iteration * MUTATIONS_A_ROUND
        return [f"{kind}: {hold(mutation(kind, first + i))}" for i in range(MUTATIONS_A_ROUND)]

    def close(self) -> None:
        os.dup2(self._stderr, 2)
        os.close(self._stderr)
