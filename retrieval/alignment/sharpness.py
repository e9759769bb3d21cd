"""Two pictures equally sharp: a copy that was once smaller, or out of focus, lacks detail that is not a change."""

import numpy as np
import numpy.typing as npt

from retrieval.alignment.opencv import opencv
from retrieval.alignment.photometry import luminance
from retrieval.similarity import Float32

_BLURS = (0.5, 0.7, 1.0, 1.4, 2.0)  # standard deviations in pixels
_DETAIL = 4.0  # pixels: what varies over more is light, not detail


def equally_sharp(a: Float32, b: Float32, shared: npt.NDArray[np.bool_]) -> tuple[Float32, Float32]:
    """Blur the sharper of two (h, w, 3) pictures until their details correlate best on the (h, w) shared pixels."""
    grey_a, grey_b = luminance(a), luminance(b)
    candidates = [(0.0, 0.0), *((blur, 0.0) for blur in _BLURS), *((0.0, blur) for blur in _BLURS)]

    def correlation(blurs: tuple[float, float]) -> float:
        detail_a, detail_b = _detail(blurred(grey_a, blurs[0])), _detail(blurred(grey_b, blurs[1]))
        return _correlation(detail_a[shared], detail_b[shared])

    blur_a, blur_b = max(candidates, key=correlation)
    return blurred(a, blur_a), blurred(b, blur_b)


def blurred(picture: Float32, sigma: float) -> Float32:
    """Blur by a Gaussian of ``sigma`` pixels, 0 for not at all."""
    return np.asarray(opencv().GaussianBlur(picture, (0, 0), sigma), np.float32) if sigma else picture


def _detail(grey: Float32) -> Float32:
    return grey - blurred(grey, _DETAIL)


def _correlation(first: Float32, second: Float32) -> float:
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else 0.0
