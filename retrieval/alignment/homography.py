"""The homography that takes picture A's pixels to picture B's, and how much there is to trust in it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.alignment.features import Features, mirrored
from retrieval.alignment.matching import match
from retrieval.alignment.opencv import opencv
from retrieval.alignment.plane import corners, in_front, inside, inverse, jacobians, overlap, project
from retrieval.similarity import Float64

_THRESHOLD = 3.0  # pixels of the size that was looked at
_ITERATIONS, _CONFIDENCE = 5000, 0.999
_LARGEST_SCALE = 12.0  # of a side, at any corner, either way
_LARGEST_STRETCH = 4.0  # of one direction over the other, at any corner
_SINGULAR = 1e-12
_GRID = 6  # cells along each side over which inliers have to be spread


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where A lies in B.

    ``matrix``, (3, 3) float64, takes A's pixels to B's. ``inliers`` points of A are found where it says in B.
    ``overlap_a`` is the share of A's area that B covers, ``overlap_b`` that of B's. ``spread`` is the share of the
    shared area that the inliers vouch for, where it has anything to see at all.
    """

    matrix: Float64
    inliers: int
    overlap_a: float
    overlap_b: float
    spread: float
    mirrored: bool


def align(a: Features, b: Features) -> Alignment | None:
    """Find the map between two pictures, or between the one's mirror image and the other; None if none is sound.

    Raises:
        LibraryMissing: OpenCV is not installed.
    """
    found = [_align(a, b, is_mirrored=False), _align(mirrored(a), b, is_mirrored=True)]
    return max((one for one in found if one), key=lambda one: one.inliers, default=None)


def _align(a: Features, b: Features, *, is_mirrored: bool) -> Alignment | None:
    rows, partners = match(a, b)
    points_a, points_b = a.points[rows].astype(np.float64), b.points[partners].astype(np.float64)
    estimate = _estimate(points_a * a.scale, points_b * b.scale)
    if estimate is None:
        return None
    working, agrees = estimate
    matrix = np.diag([1 / b.scale, 1 / b.scale, 1]) @ working @ np.diag([a.scale, a.scale, 1])
    size_a, size_b = (a.width, a.height), (b.width, b.height)
    back = inverse(matrix)
    if not (in_front(back, size_b) and _is_plausible(working, np.array(size_a) * a.scale)):
        return None
    if not _is_significant(points_a[agrees], inside(project(matrix, points_a), size_b).sum()):
        return None
    seen_a, seen_b = a.points.astype(np.float64), b.points.astype(np.float64)
    spread = min(
        _spread(seen_a[inside(project(matrix, seen_a), size_b)], points_a[agrees]),
        _spread(seen_b[inside(project(back, seen_b), size_a)], points_b[agrees]),
    )
    overlaps = overlap(back, size_a, size_b), overlap(matrix, size_b, size_a)
    if is_mirrored:
        matrix = matrix @ np.array([[-1, 0, a.width - 1], [0, 1, 0], [0, 0, 1]], np.float64)
    return Alignment(matrix / matrix[2, 2], int(agrees.sum()), *overlaps, spread, is_mirrored)


def _estimate(points_a: Float64, points_b: Float64) -> tuple[Float64, npt.NDArray[np.bool_]] | None:
    """MAGSAC++ (Barath et al., CVPR 2020) on (m, 2) matched points: the map, and which matches follow it."""
    if len(points_a) < 4:
        return None
    cv2 = opencv()
    matrix, mask = cv2.findHomography(
        points_a, points_b, cv2.USAC_MAGSAC, _THRESHOLD, maxIters=_ITERATIONS, confidence=_CONFIDENCE
    )  # draws from a fixed seed of its own
    if matrix is None or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < _SINGULAR:
        return None
    return np.asarray(matrix, np.float64), mask.ravel() > 0


def _is_plausible(matrix: Float64, size: Float64) -> bool:
    """Whether no part of a picture of (width, height) is folded, blown up or squeezed beyond what cameras do."""
    sides = float(size[0]), float(size[1])
    if not in_front(matrix, sides):
        return False
    local = jacobians(matrix, corners(sides))
    if (np.linalg.det(local) <= 0).any():
        return False  # the mirror image is tried by itself
    scales = np.linalg.svd(local, compute_uv=False)
    return bool(
        scales.max() <= _LARGEST_SCALE
        and scales.min() >= 1 / _LARGEST_SCALE
        and (scales[:, 0] <= _LARGEST_STRETCH * scales[:, 1]).all()
    )


def _is_significant(inliers: Float64, shared: int) -> bool:
    """Whether (n, 2) inliers among ``shared`` matches in the overlap are more than chance gives.

    The criterion of Brown and Lowe (ICCV 2003): n > 5.9 + 0.22 m. A point with several directions counts once.
    """
    return len(np.unique(inliers.round(), axis=0)) > 5.9 + 0.22 * shared


def _spread(features: Float64, inliers: Float64) -> float:
    """Return the share of cells that hold an inlier among those that hold any of a picture's shared features.

    Both are (n, 2) points of one picture; the cells divide the smallest upright box around the features.
    """
    if not len(features):
        return 0.0
    low, high = features.min(axis=0), features.max(axis=0)

    def cells(points: Float64) -> set[int]:
        places = ((points - low) / (high - low + 1e-9) * _GRID).astype(int).clip(0, _GRID - 1)
        return set((places @ [_GRID, 1]).tolist())

    seen = cells(features)
    return len(cells(inliers) & seen) / len(seen)
