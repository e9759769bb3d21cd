"""Of all ways to reach a recall the cheapest is taken."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.effort import CODES_A_REFINED, REFINED, least_effort

ASKED, TARGET = 18, 0.99


def recall_that(half_at: float, lost: float) -> Callable[[int, int], float]:
    """More cells and more refining both help; without enough of the one the other cannot make up for it."""
    return lambda probed, refined: (1 - lost / refined**2) * probed / (probed + half_at)


@given(st.floats(0, 3), st.floats(0, 1), st.integers(1, 300), st.floats(1, 500))
def test_the_cheapest_of_all_pairs_is_found(
    half_at: float, lost: float, cells: int, codes_in_cell: float
) -> None:
    recall = recall_that(half_at, lost)

    def cost(probed: int, refined: int) -> float:
        return probed * codes_in_cell + CODES_A_REFINED * ASKED * refined

    reaching = [
        (probed, refined)
        for refined in REFINED
        for probed in range(1, cells + 1)
        if recall(probed, refined) >= TARGET
    ]
    chosen = least_effort(recall, TARGET, cells=cells, codes_in_cell=codes_in_cell, asked=ASKED)
    if reaching:
        assert chosen in reaching
        assert cost(*chosen) == pytest.approx(min(cost(*pair) for pair in reaching))
    else:
        assert chosen == (cells, REFINED[-1])


def test_few_recalls_are_measured() -> None:
    measured = []

    def recall(probed: int, refined: int) -> float:
        measured.append((probed, refined))
        return recall_that(0.5, 0.5)(probed, refined)

    least_effort(recall, TARGET, cells=2000, codes_in_cell=500, asked=ASKED)
    assert len(measured) < 60
