"""Files of six picture formats, broken at random, decoded: a picture within the limits, or a reason."""

from pathlib import Path

from tests.hostile.mutations import FORMATS, hold, mutation

ROUNDS = 400
MUTATIONS_A_ROUND = 500  # 200,000 in all


class Part:
    def __init__(self, folder: Path) -> None:
        """Nothing is written but what broke a promise."""

    def play(self, seed: int, iteration: int) -> list[str]:
        kind = FORMATS[iteration % len(FORMATS)]
        first = (seed << 32) + iteration * MUTATIONS_A_ROUND
        return [f"{kind}: {hold(mutation(kind, first + i))}" for i in range(MUTATIONS_A_ROUND)]

    def close(self) -> None:
        """Nothing is open."""
