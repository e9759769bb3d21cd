"""What a picture is here: (height, width, 3) uint8 pixels, and how many of them are looked at."""

import numpy as np
import numpy.typing as npt

from retrieval.alignment.opencv import opencv
from retrieval.errors import PictureInvalid

Pixels = npt.NDArray[np.uint8]


def require_picture(pixels: Pixels) -> Pixels:
    """Return ``pixels`` as a C-contiguous array.

    Raises:
        PictureInvalid: the array is not (height, width, 3) uint8, or is empty.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise PictureInvalid(
            f"expected uint8 pixels of shape (height, width, 3), got {pixels.dtype} {pixels.shape}"
        )
    return np.ascontiguousarray(pixels)


def shrunk(pixels: Pixels, factor: float) -> Pixels:
    """Scale both sides by ``factor``, at most 1, averaging areas; a side keeps one pixel at least."""
    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    cv2 = opencv()
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
