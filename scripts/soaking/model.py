"""Random histories of a catalogue (add, edit, delete, rename, break, build, fail, repair, query) beside a dict."""

from pathlib import Path

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.trust.model import Model

ROUNDS = 100
STEPS, HISTORIES = 50, 20  # in a round


class Part:
    def __init__(self, _folder: Path) -> None:
        """Every history has a folder of its own."""

    def play(self, number: int, iteration: int) -> list[str]:
        many = settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        histories = seed(f"{number} {iteration}")(type("Model", (Model,), {}))
        run_state_machine_as_test(histories, settings=many)
        return [f"histories of up to {STEPS} steps"] * HISTORIES

    def close(self) -> None:
        """Nothing is open."""
