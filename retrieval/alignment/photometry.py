"""One picture in the other's light: what exposure, gamma, filters and printers do to all of its pixels alike."""

import numpy as np
import numpy.typing as npt

from retrieval.alignment.opencv import opencv
from retrieval.similarity import Float32, Float64

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in JPEG
_ROUNDS = 7
_SAMPLES = 6000
_LEVELS = 16  # of luminance; rare ones count nearly as much as common ones
_TUKEY = (
    4.685  # standard deviations beyond which a pixel has no say: 95 % efficient where nothing was changed
)
_STEADY = 2.5  # grey levels: no capture is steadier
_LOWEST, _HIGHEST = 6, 249  # beyond these a sensor or an 8-bit file may have lost the rest
_SHADING = 1 / 6  # of the longer side: what changes over less is no shading


def luminance(colours: Float32) -> Float32:
    """Return the (h, w) luminance of (h, w, 3) colours, 0 to 255."""
    return np.asarray(colours @ _LUMINANCE, np.float32)


def relit(colours: Float32, reference: Float32, shared: npt.NDArray[np.bool_]) -> Float32:
    """Give a picture the light of another that shows the same.

    Fits the (h, w) luminance ``reference`` by the (h, w, 3) channels and their squares, which covers gain, offset,
    gamma, saturation and grey, on the (h, w) pixels ``shared``; then follows its shading. The fit is by Tukey's
    biweight (Beaton and Tukey, Technometrics 1974), so that a patch that was replaced does not pull it. Returns (h, w).
    """
    rows = np.flatnonzero(shared.ravel())
    rows = rows[:: max(1, len(rows) // _SAMPLES)]
    terms = _terms(colours.reshape(-1, 3)[rows])
    wanted = reference.ravel()[rows].astype(np.float64)
    level = (wanted * (_LEVELS / 256)).astype(int).clip(0, _LEVELS - 1)
    rarity = 1 / np.sqrt(np.bincount(level, minlength=_LEVELS)[level])
    weights = rarity
    for _ in range(_ROUNDS):
        mix = _least_squares(terms, wanted, weights)
        residuals = wanted - terms @ mix
        deviation = max(_STEADY, 1.4826 * float(np.median(np.abs(residuals))))
        weights = rarity * (1 - (residuals / (_TUKEY * deviation)) ** 2).clip(0) ** 2
    fitted = np.asarray(_terms(colours.reshape(-1, 3)) @ mix, np.float32).reshape(reference.shape)
    return fitted + _shading(reference - fitted, shared)


def clipped(colours: Float32) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Tell where most channels of (h, w, 3) colours are at their lowest, and where at their highest: (h, w) each."""
    middle = np.median(colours, axis=2)
    return middle <= _LOWEST, middle >= _HIGHEST


def _terms(colours: Float32) -> Float64:
    """Return (n, 7) terms of (n, 3) colours: 1, the channels and their squares, on a scale of 0 to 1."""
    unit = colours.astype(np.float64) / 255
    return np.concatenate([np.ones((len(unit), 1)), unit, unit**2], axis=1)


def _least_squares(terms: Float64, wanted: Float64, weights: Float64) -> Float64:
    """Fit (n, k) terms to (n,) values; a slight ridge keeps channels that are all but one from cancelling out."""
    weighted = terms * weights[:, None]
    ridge = 1e-4 * weights.sum() * np.eye(terms.shape[1])
    return np.asarray(np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ wanted))


def _shading(residual: Float32, shared: npt.NDArray[np.bool_]) -> Float32:
    """Return the (h, w) part of a residual that varies slowly: a shadow or a lamp, not a thing."""
    cv2 = opencv()
    sigma = max(residual.shape) * _SHADING
    deviation = 1.4826 * float(np.median(np.abs(residual[shared]))) + 0.5
    known = shared.astype(np.float32)
    total = cv2.GaussianBlur(residual.clip(-2 * deviation, 2 * deviation) * known, (0, 0), sigma)
    return np.asarray(total / np.maximum(cv2.GaussianBlur(known, (0, 0), sigma), 1e-6), np.float32)
