"""Smooth curves through points: what a pen draws, and what an outline needs."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def spline(points: Floats, between: int, *, closed: bool = False) -> Floats:
    """A Catmull-Rom curve through N points (N x 2), `between` steps from each to the next: about N * between x 2."""
    if closed:
        led = np.concatenate([points[-1:], points, points[:2]])
    else:
        led = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    before, here, there, beyond = led[:-3, None], led[1:-2, None], led[2:-1, None], led[3:, None]
    t = np.linspace(0, 1, between, endpoint=False)[:, None]
    start = there - before
    bend = 2 * before - 5 * here + 4 * there - beyond
    twist = 3 * (here - there) + beyond - before
    curve: Floats = here + 0.5 * t * (start + t * (bend + t * twist))
    return curve.reshape(-1, 2)
