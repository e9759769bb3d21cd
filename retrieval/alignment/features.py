"""Local features: points of a picture that are found again when it is scaled, turned or lit otherwise.

SIFT (Lowe, IJCV 2004) with the RootSIFT descriptor (Arandjelović and Zisserman, CVPR 2012).
"""

from dataclasses import dataclass

import numpy as np

from retrieval.alignment.opencv import opencv
from retrieval.alignment.picture import Pixels, require_picture, shrunk
from retrieval.similarity import Float32

LONGER_SIDE = 640  # pixels; a larger picture is looked at in this size
MOST = 1500  # features; the ones of the highest contrast are kept
_CONTRAST = 0.01  # a quarter of OpenCV's default: worn banknotes and blurred copies have little
_CELLS, _DIRECTIONS = (
    4,
    8,
)  # a descriptor is (4, 4, 8): across and along its direction, and gradients' directions


@dataclass(frozen=True, eq=False)
class Features:
    """What was found in a picture of ``width`` x ``height`` pixels.

    ``points``, (n, 2) float32, are x and y in its pixels; ``descriptors``, (n, 128) float32, have unit length.
    ``scale`` is how many pixels were looked at for each pixel of a side, at most 1.
    """

    points: Float32
    descriptors: Float32
    width: int
    height: int
    scale: float


def extract(pixels: Pixels) -> Features:
    """Find the local features of a (height, width, 3) picture; a blank one has none.

    Raises:
        PictureInvalid: the array is no picture.
        LibraryMissing: OpenCV is not installed.
    """
    cv2 = opencv()
    height, width = require_picture(pixels).shape[:2]
    scale = min(1.0, LONGER_SIDE / max(height, width))
    grey = cv2.cvtColor(shrunk(pixels, scale), cv2.COLOR_RGB2GRAY)
    # Without the precise upscaling every point is a quarter of a pixel off, and a mirrored one on the other side.
    sift = cv2.SIFT_create(MOST, contrastThreshold=_CONTRAST, enable_precise_upscale=True)
    keypoints, descriptors = sift.detectAndCompute(grey, None)
    if descriptors is None:
        descriptors = np.empty((0, _CELLS * _CELLS * _DIRECTIONS), np.float32)
    seen = np.array([keypoint.pt for keypoint in keypoints], np.float32).reshape(-1, 2)
    # Pixels are counted at their centres, and a shrunk picture's first centre is not the whole one's.
    steps = np.array([width / grey.shape[1], height / grey.shape[0]], np.float32)
    return Features((seen + 0.5) * steps - 0.5, _root(descriptors), width, height, scale)


def mirrored(features: Features) -> Features:
    """Return what would be found in the picture mirrored left to right, without looking at it again.

    A descriptor's frame turns with the picture, so a mirror swaps its sides across the direction and the sense of
    its angles, and changes nothing else.
    """
    cells = features.descriptors.reshape(-1, _CELLS, _CELLS, _DIRECTIONS)
    turned = cells[:, ::-1, :, -np.arange(_DIRECTIONS)].reshape(-1, _CELLS * _CELLS * _DIRECTIONS)
    points = np.stack([features.width - 1 - features.points[:, 0], features.points[:, 1]], axis=1)
    return Features(points, np.ascontiguousarray(turned), features.width, features.height, features.scale)


def _root(descriptors: Float32) -> Float32:
    """RootSIFT: the root of the L1-normalised histogram, whose dot products are Hellinger kernels."""
    sums = descriptors.sum(axis=1, keepdims=True)
    return np.asarray(np.sqrt(descriptors / np.maximum(sums, 1)), np.float32)
