"""Changed regions as boxes, in the pixels of both pictures."""

from dataclasses import dataclass

import numpy as np

from retrieval.alignment.difference import WINDOW
from retrieval.alignment.opencv import opencv
from retrieval.alignment.plane import Size, project
from retrieval.similarity import Float32, Float64

# Times what is usual. Of untouched photos that were scaled, lit, tilted and resaved, one in twenty exceeds it; of
# pictures that are white for the most part, one in six (scripts/bench/verification.py).
STRENGTH = 2.5
_GAP = 5  # pixels between the parts of one change

Box = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are just outside


@dataclass(frozen=True)
class Change:
    """A region that differs; ``strength`` is how many times more than is usual in the pair, at its strongest."""

    box_a: Box
    box_b: Box
    strength: float


def changes(
    excess: Float32,
    to_a: Float64,
    to_b: Float64,
    size_a: Size,
    size_b: Size,
    threshold: float = STRENGTH,
) -> tuple[Change, ...]:
    """Find the regions where (h, w) ``excess`` is above the threshold, strongest first.

    ``to_a`` and ``to_b``, (3, 3), take its pixels to those of pictures of (width, height) ``size_a`` and ``size_b``.
    """
    cv2 = opencv()
    above = (excess > threshold).astype(np.uint8)
    joined = cv2.morphologyEx(above, cv2.MORPH_CLOSE, np.ones((_GAP, _GAP), np.uint8))
    count, numbers = cv2.connectedComponents(joined)
    found = []
    for number in range(1, count):
        region = numbers == number
        rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
        outline = _outline((columns[0], columns[-1]), (rows[0], rows[-1]))
        box_a, box_b = _box(project(to_a, outline), size_a), _box(project(to_b, outline), size_b)
        found.append(Change(box_a, box_b, float(excess[region].max())))
    return tuple(sorted(found, key=lambda change: -change.strength))


def _outline(across: tuple[int, int], down: tuple[int, int]) -> Float64:
    """Return the (4, 2) corners of what changed: windows see it before they are over it."""
    (left, right), (top, bottom) = (_narrowed(*ends) for ends in (across, down))
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def _narrowed(first: int, last: int) -> tuple[float, float]:
    by = min(WINDOW // 2, (last - first) / 2)
    return first + by - 0.5, last - by + 0.5


def _box(corners: Float64, size: Size) -> Box:
    """Return the smallest box of whole pixels around (n, 2) points, within the picture."""
    low = np.floor(corners.min(axis=0) + 0.5).clip(0, np.array(size) - 1)
    high = np.ceil(corners.max(axis=0) + 0.5).clip(low + 1, size)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
