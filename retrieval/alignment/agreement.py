"""How much of what two pictures share agrees, and how exactly: a copy agrees as no second photo does."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.alignment.opencv import opencv
from retrieval.alignment.sharpness import blurred
from retrieval.similarity import Float32

_FINE, _COARSE = 3.0, 7.5  # standard deviations in pixels: noise and blur lie below, light above
_WINDOW = 31  # pixels of a side
_TEXTURE = 3.0  # grey levels; where neither picture varies by as much there is nothing to agree on
_AGREES = 0.6  # correlation
_STEADY = 1.0  # grey levels: a picture that varies less is blank


@dataclass(frozen=True)
class Agreement:
    """How well two pictures agree.

    ``share`` is that of the textured windows in which both show the same; 0 where there is no texture. ``deviation``
    is the median absolute difference of luminance in standard deviations of the first picture's, 0 for none.
    ``same_piece`` and ``other_piece`` are the largest connected pieces of texture that agree and that do not, as
    shares of what is compared.
    """

    share: float
    deviation: float
    same_piece: float = 0.0
    other_piece: float = 0.0


def agreement(a: Float32, b: Float32, compared: npt.NDArray[np.bool_]) -> Agreement:
    """Correlate (h, w) luminances that lie on each other, window by window, where they are compared.

    Normalised cross-correlation of a band between noise and light. Nothing is searched: an edited copy is a plane's
    image, exactly; paper that was photographed again is not. As much as half of the pixels may be changed without
    moving the median far.
    """
    varies = max(_STEADY, float(a[compared].std()))
    deviation = float(np.median(np.abs(a - b)[compared])) / varies
    band_a, band_b = (blurred(grey, _FINE) - blurred(grey, _COARSE) for grey in (a, b))
    power_a, power_b, common = (_windowed(band) for band in (band_a**2, band_b**2, band_a * band_b))
    textured = compared & (np.maximum(power_a, power_b) > _TEXTURE**2)
    if not textured.any():
        return Agreement(0.0, deviation)
    powers = power_a[textured] * power_b[textured]
    correlation = common[textured] / np.sqrt(powers.clip(1e-6))
    agrees = np.zeros_like(textured)
    agrees[textured] = correlation > _AGREES
    area = int(compared.sum())
    pieces = _largest_piece(agrees) / area, _largest_piece(textured & ~agrees) / area
    return Agreement(float(agrees[textured].mean()), deviation, *pieces)


def _windowed(values: Float32) -> Float32:
    return np.asarray(opencv().blur(values, (_WINDOW, _WINDOW)), np.float32)


def _largest_piece(pixels: npt.NDArray[np.bool_]) -> int:
    """How many pixels the largest connected piece has."""
    cv2 = opencv()
    count, _, figures, _ = cv2.connectedComponentsWithStats(pixels.astype(np.uint8))
    return int(figures[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0
