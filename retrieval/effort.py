"""How much of an index to search: all up to a limit, and beyond it the cells to go through and the codes to refine."""

import math
from bisect import bisect_left
from collections.abc import Callable

EXACT_LIMIT = 50_000  # vectors that are searched exactly
REFINED = (2, 3, 4, 6, 8, 12, 16, 32, 64)  # times what is asked for
# 4-bit codes that are gone through in the time in which one vector is refined, as measured.
CODES_A_REFINED = 100


def least_effort(
    recall: Callable[[int, int], float], target: float, *, cells: int, codes_in_cell: float, asked: int
) -> tuple[int, int]:
    """Choose (cells probed, times refined) that reach the target in the least time; all there is where none does.

    ``recall(probed, refined)`` never falls with either.
    """
    best, least = (cells, REFINED[-1]), math.inf
    for refined in REFINED:
        refining = CODES_A_REFINED * asked * refined
        affordable = min(cells, (least - refining) / codes_in_cell)
        if affordable < 1:
            break
        if recall(int(affordable), refined) >= target:
            fewest = _fewest_cells(recall, target, refined, int(affordable))
            best, least = (fewest, refined), fewest * codes_in_cell + refining
    return best


def _fewest_cells(recall: Callable[[int, int], float], target: float, refined: int, enough: int) -> int:
    """Bisect for the fewest cells that reach the target, where ``enough`` do."""
    return 1 + bisect_left(range(1, enough), target, key=lambda probed: recall(probed, refined))
