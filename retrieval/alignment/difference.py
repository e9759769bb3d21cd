"""What is left of two pictures that lie on each other: where they differ by more than a new capture explains."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.alignment.opencv import opencv
from retrieval.alignment.photometry import clipped, luminance, relit
from retrieval.alignment.sharpness import blurred, equally_sharp
from retrieval.alignment.superposition import Superposition
from retrieval.similarity import Float32

WINDOW = 7  # pixels of a side, over which differences are averaged
MARGIN = 4  # pixels from the edge of what is shared: edges are blended with what lies beyond
_SHIFTS = tuple((x, y) for y in (-1, 0, 1) for x in (-1, 0, 1))  # pixels by which a map may be off
_SMOOTHING = 0.7  # standard deviation in pixels: JPEG's and sensors' noise lies below it
_STEADY = 5.0  # grey levels: no capture is steadier
_FAITHFUL = 0.3  # of the slope per pixel: no resampling is more faithful
_USUAL = 75  # per cent of the pixels, from which is learned what is usual in a pair


@dataclass(frozen=True, eq=False)
class Difference:
    """Two superposed pictures as they were compared, and how they differ; all are (h, w).

    ``a`` and ``b`` are luminances, equally sharp and in the same light; ``compared`` tells where. ``usual`` is the
    local mean square of A - B that is usual in this pair where there is as much contrast, and ``excess`` the root of
    what there is over it, 0 where nothing is compared.
    """

    a: Float32
    b: Float32
    compared: npt.NDArray[np.bool_]
    usual: Float32
    excess: Float32


def difference(pair: Superposition) -> Difference | None:
    """Compare two pictures that lie on each other; None where next to nothing is shared.

    The difference is the smallest of those with B shifted by up to a pixel, in a window. What is usual is learned
    from the pair itself: noise where there is no contrast, and a multiple of the contrast where there is. Luminance
    alone is compared: JPEG and sensors keep little of colours' detail.

    Raises:
        LibraryMissing: OpenCV is not installed.
    """
    compared = _eroded(pair.shared)
    if compared.sum() < WINDOW**2:
        return None
    sharp_a, sharp_b = equally_sharp(pair.a, pair.b, compared)
    colours_a, colours_b = blurred(sharp_a, _SMOOTHING), blurred(sharp_b, _SMOOTHING)
    a = luminance(colours_a)
    b = relit(colours_b, a, compared)
    low_a, high_a = clipped(colours_a)
    low_b, high_b = clipped(colours_b)
    energy = _energy(a, b, may_be_more=high_b | low_a, may_be_less=low_b | high_a)
    contrast = np.maximum(_contrast(a), _contrast(b))
    usual = _usual(energy, contrast, compared)
    return Difference(a, b, compared, usual, np.sqrt(energy / usual) * compared)


def _eroded(shared: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    kernel = np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)
    cv2 = opencv()
    eroded = cv2.erode(shared.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded) > 0


def _energy(
    a: Float32, b: Float32, *, may_be_more: npt.NDArray[np.bool_], may_be_less: npt.NDArray[np.bool_]
) -> Float32:
    """Return the least mean square of A - B in each window, over the shifts of B.

    Where a value is clipped the true one lies beyond, and only a difference the other way is known: A may be more
    than B where B is clipped at its highest, or A at its lowest.
    """
    energies = []
    for x, y in _SHIFTS:
        left = a - np.roll(b, (y, x), axis=(0, 1))
        left = np.where(may_be_more, np.minimum(left, 0), left)
        left = np.where(may_be_less, np.maximum(left, 0), left)
        energies.append(_windowed(left * left))
    return np.asarray(np.min(energies, axis=0), np.float32)


def _contrast(grey: Float32) -> Float32:
    """Return the mean squared slope, in grey levels per pixel, in each window."""
    cv2 = opencv()
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    return _windowed(across * across + down * down)


def _windowed(values: Float32) -> Float32:
    """Average over windows; running sums may end a rounding error below zero."""
    return np.asarray(opencv().blur(values, (WINDOW, WINDOW)), np.float32).clip(0)


def _usual(energy: Float32, contrast: Float32, compared: npt.NDArray[np.bool_]) -> Float32:
    """Return the energy that is usual at each pixel's contrast: the noise's, and a share of the contrast's."""
    seen, slopes = energy[compared], contrast[compared]
    flat = slopes <= np.median(slopes)
    noise = max(_STEADY**2, float(np.percentile(seen[flat], _USUAL)))
    unfaithful = seen[~flat] / np.maximum(slopes[~flat], 1e-6)
    share = max(_FAITHFUL**2, float(np.percentile(unfaithful, _USUAL))) if len(unfaithful) else _FAITHFUL**2
    return np.asarray(noise + share * contrast, np.float32)
