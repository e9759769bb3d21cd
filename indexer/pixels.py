"""From a decoded picture of any colour mode and shape to a square of RGB, in little more memory than it has.

A large picture is first averaged down by a whole factor; what must become RGB before it can be averaged (palettes,
alpha, 16 bits) does so band by band. Colour, resampling, turning and padding then see few pixels.
"""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from retrieval.preprocess import Fit

Box = tuple[float, float, float, float]

OVERSAMPLING = 2  # averaging leaves at least twice the target, so that the resampling filter shapes the result
_BAND_PIXELS = 1 << 20
# Modes whose channels can be averaged as they are; their colours are converted afterwards.
_AVERAGED = frozenset({"L", "RGB", "CMYK", "LAB", "I", "F"})
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def square(
    image: Image.Image,
    *,
    size: int,
    fit: Fit,
    orientation: int = 1,
    extent: tuple[float, float] | None = None,
    covered: tuple[int, int, int, int] | None = None,
) -> npt.NDArray[np.uint8]:
    """Make (size, size, 3) uint8 RGB pixels, upright and on white.

    ``orientation`` is EXIF's, 1..8. ``extent`` is the width and height that hold the picture, where decoding at a
    reduced scale rounded them up. ``covered`` is the box that a first frame fills, where that is not the whole.
    """
    width, height = extent or image.size
    area, target = _geometry(width, height, size, fit)
    outer = (int(area[0]), int(area[1]), min(image.width, int(-(-area[2] // 1))), min(image.height, int(-(-area[3] // 1))))
    factors = [max(1, int((area[i + 2] - area[i]) // (OVERSAMPLING * target[i]))) for i in (0, 1)]
    small = _to_rgb(_shrink(image, (factors[0], factors[1]), outer, covered))
    box = tuple((area[i] - outer[i % 2]) / factors[i % 2] for i in range(4))
    small = small.resize(target, Image.Resampling.BICUBIC, box=box)
    if orientation in _TURNS:
        small = small.transpose(_TURNS[orientation])
    if fit is Fit.PAD:
        small = _padded(small, size)
    return np.asarray(small)


def _geometry(width: float, height: float, size: int, fit: Fit) -> tuple[Box, tuple[int, int]]:
    """Return which part of the picture is wanted, and the size that it gets."""
    if fit is Fit.STRETCH:
        return (0, 0, width, height), (size, size)
    if fit is Fit.CROP:
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return (left, top, left + side, top + side), (size, size)
    scale = size / max(width, height)
    return (0, 0, width, height), (max(1, round(width * scale)), max(1, round(height * scale)))
