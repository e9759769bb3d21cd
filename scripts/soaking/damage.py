"""Damage of every kind to every object of a store, and every command that meets it."""

import random
from pathlib import Path

from tests.trust.damaged_stage import CLOSED, LOGGED, DamagedStage
from tests.trust.damages import DAMAGES

ROUNDS = 2_000


class Part:
    def __init__(self, folder: Path) -> None:
        self._stage = DamagedStage(folder)
        self._matrix = [
            (condition, name, kind)
            for condition in (CLOSED, LOGGED)
            for name in self._stage.names(condition)
            for kind in DAMAGES
        ]

    def play(self, seed: int, iteration: int) -> list[str]:
        """The whole matrix first; after it three of four damages are flips, mostly of the database.

        In every fourth round after the matrix the repair is killed on its way.
        """
        draw = random.Random(f"{seed} {iteration}")
        if iteration < len(self._matrix):
            condition, name, kind = self._matrix[iteration]
        else:
            condition = draw.choice([CLOSED, LOGGED])
            names = self._stage.names(condition)
            name = draw.choice([draw.choice(names), ".index/catalog.db"])
            kind = draw.choice(["flip", "flip", "flip", "zero_a_page", "cut"])
        killed = iteration >= len(self._matrix) and iteration % 4 == 0
        told = self._stage.play(condition, name, kind, draw, killed=killed)
        return [f"{what} ({kind}{', repair killed' if killed else ''})" for what in told]

    def close(self) -> None:
        """Everything ran in this process."""
