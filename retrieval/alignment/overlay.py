"""One picture laid on another, for people to look at."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.alignment.difference import difference
from retrieval.alignment.opencv import opencv
from retrieval.alignment.photometry import luminance
from retrieval.alignment.picture import Pixels
from retrieval.alignment.regions import STRENGTH
from retrieval.alignment.superposition import seen, superpose
from retrieval.similarity import Float64

_MARK = np.array([230, 30, 60], np.float32)  # a red that is told from most pictures
_PALE = 0.45  # of a picture's contrast, so that the marks stand out
_LINE = 1 / 250  # of the longer side


def laid_on(a: Pixels, b: Pixels, matrix: Float64) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """Draw B where it lies in A: (h, w, 3) of A's size, and the (h, w) pixels of A that B covers.

    ``matrix``, (3, 3), takes A's pixels to B's. Where B does not reach, there is A.
    """
    warped, covered = seen(b, matrix, (a.shape[1], a.shape[0]))
    return np.where(covered[:, :, None], _whole(warped), a), covered


def blended(a: Pixels, laid: Pixels) -> Pixels:
    """Mix two (h, w, 3) pictures half and half."""
    return _whole((a.astype(np.float32) + laid) / 2)


def differing(a: Pixels, b: Pixels, matrix: Float64) -> Pixels | None:
    """Draw A pale, and red where B differs by more than is usual in the pair; None where too little is shared."""
    pair = superpose(a, b, matrix)
    found = difference(pair) if pair else None
    if pair is None or found is None:
        return None
    cv2 = opencv()
    excess = cv2.warpPerspective(found.excess, pair.to_a, (a.shape[1], a.shape[0]), flags=cv2.INTER_LINEAR)
    share = (excess / (2 * STRENGTH)).clip(0, 1)[:, :, None]
    pale = 255 - _PALE * (255 - luminance(a.astype(np.float32)))[:, :, None]
    return _whole((1 - share) * pale + share * _MARK)


def outlined(pixels: Pixels, boxes: Iterable[Sequence[int]]) -> Pixels:
    """Draw frames just around (left, top, right, bottom) boxes, red with a white edge."""
    drawn = pixels.copy()
    line = max(1, round(max(pixels.shape[:2]) * _LINE))
    for box in boxes:
        for grown, colour in ((2 * line, (255, 255, 255)), (line, tuple(_MARK.astype(int).tolist()))):
            left, top, right, bottom = box
            outer = left - grown, top - grown, right + grown - 1, bottom + grown - 1
            opencv().rectangle(drawn, outer[:2], outer[2:], colour, line)
    return drawn


def _whole(values: npt.NDArray[np.floating[Any]]) -> Pixels:
    return np.asarray(values.round().clip(0, 255), np.uint8)
