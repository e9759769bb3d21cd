"""Both pictures on one canvas: what they share, at the resolution of the coarser one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.alignment.opencv import opencv
from retrieval.alignment.picture import Pixels, shrunk
from retrieval.alignment.plane import Size, corners, inverse, jacobians, project
from retrieval.similarity import Float32, Float64

LONGER_SIDE = 512  # pixels of the canvas
_SMALLEST_SIDE = 16


@dataclass(frozen=True, eq=False)
class Superposition:
    """Two (h, w, 3) float32 pictures that lie on each other, and the (h, w) pixels that both of them cover.

    ``to_a`` and ``to_b``, (3, 3), take the canvas's pixels to those of the pictures.
    """

    a: Float32
    b: Float32
    shared: npt.NDArray[np.bool_]
    to_a: Float64
    to_b: Float64


def superpose(a: Pixels, b: Pixels, matrix: Float64) -> Superposition | None:
    """Lay B on A; ``matrix`` takes A's pixels to B's, as `align` found. None where they share too little to be compared."""
    size_a, size_b = (a.shape[1], a.shape[0]), (b.shape[1], b.shape[0])
    covered = project(inverse(matrix), corners(size_b))
    low = np.maximum(covered.min(axis=0), -0.5)
    high = np.minimum(covered.max(axis=0), np.array(size_a) - 0.5)
    extent = high - low
    if (extent <= 0).any():
        return None
    coarser = min(1.0, _scale(matrix, (low + high) / 2), LONGER_SIDE / extent.max())
    width, height = (max(1, round(side * coarser)) for side in extent)
    if min(width, height) < _SMALLEST_SIDE:
        return None
    step_x, step_y = extent / (width, height)
    to_a = np.array([[step_x, 0, low[0] + step_x / 2], [0, step_y, low[1] + step_y / 2], [0, 0, 1]])
    to_b = matrix @ to_a
    seen_a, shared_a = seen(a, to_a, (width, height))
    seen_b, shared_b = seen(b, to_b, (width, height))
    return Superposition(seen_a, seen_b, shared_a & shared_b, to_a, to_b)


def _scale(matrix: Float64, point: Float64) -> float:
    """Return how many pixels of a side a map makes of one, around a point."""
    return float(np.sqrt(abs(np.linalg.det(jacobians(matrix, point[None])[0]))))


def seen(pixels: Pixels, to_picture: Float64, size: Size) -> tuple[Float32, npt.NDArray[np.bool_]]:
    """Sample a picture on a canvas of (width, height), averaging where it is finer; tell where it covers the canvas.

    ``to_picture``, (3, 3), takes the canvas's pixels to the picture's.
    """
    cv2 = opencv()
    height, width = pixels.shape[:2]
    middle = np.array(size) / 2
    finer = min(1.0, 1 / _scale(to_picture, middle))
    source = shrunk(pixels, finer)
    to_x, to_y = source.shape[1] / width, source.shape[0] / height
    to_source = np.array([[to_x, 0, (to_x - 1) / 2], [0, to_y, (to_y - 1) / 2], [0, 0, 1]]) @ to_picture
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    sampled = cv2.warpPerspective(
        source.astype(np.float32), to_source, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    whole = np.ones(source.shape[:2], np.uint8)
    covered = cv2.warpPerspective(
        whole, to_source, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(sampled, np.float32), covered > 0
