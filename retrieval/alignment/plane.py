"""Plane maps: 3 x 3 matrices that take points (x, y, 1) of one picture to another's, up to scale."""

import numpy as np
import numpy.typing as npt

from retrieval.alignment.opencv import opencv
from retrieval.similarity import Float64

Size = tuple[float, float]  # width and height in pixels


def project(matrix: Float64, points: Float64) -> Float64:
    """Take (n, 2) points through a (3, 3) map; a point on its horizon goes to infinity."""
    homogeneous = points @ matrix[:, :2].T + matrix[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])


def inverse(matrix: Float64) -> Float64:
    """Return the (3, 3) map that leads back."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def corners(size: Size) -> Float64:
    """Return the (4, 2) corners of a picture, which are half a pixel beyond the outermost pixels' centres."""
    width, height = size
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64) - 0.5


def jacobians(matrix: Float64, points: Float64) -> Float64:
    """Return the (n, 2, 2) derivatives of a map at (n, 2) points: how it scales, shears and turns around each."""
    depth = points @ matrix[2, :2] + matrix[2, 2]
    moved = project(matrix, points)
    return np.asarray((matrix[:2, :2] - moved[:, :, None] * matrix[2, :2]) / depth[:, None, None])


def in_front(matrix: Float64, size: Size) -> bool:
    """Whether a picture lies wholly on one side of a map's horizon, so that its image is a convex quadrangle."""
    depths = corners(size) @ matrix[2, :2] + matrix[2, 2]
    return bool((depths > 0).all() or (depths < 0).all())


def overlap(matrix: Float64, size_a: Size, size_b: Size) -> float:
    """Return the share of A's area that B covers; ``matrix`` maps B to A, and has B `in_front`."""
    image = project(matrix, corners(size_b)).astype(np.float32)
    area, _ = opencv().intersectConvexConvex(corners(size_a).astype(np.float32), image)
    return float(min(1, area / (size_a[0] * size_a[1])))


def inside(points: Float64, size: Size) -> npt.NDArray[np.bool_]:
    """Tell which of (n, 2) points lie on a picture: (n,) booleans."""
    return np.asarray(((points > -0.5) & (points < np.array(size) - 0.5)).all(axis=1))
