"""From uint8 pictures to what a graph takes: the part of an encoder that users get wrong by hand."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.errors import EncoderInvalid
from retrieval.view import Fit, View

# Names the rules by which a decoder turns a file into (size, size, 3) pixels (reduced-scale JPEG decoding, filter,
# orientation, flattening; what counts as ink; how a spectrum is drawn). It enters every encoder's fingerprint: change
# it when one of them changes.
PIXELS_VERSION = 1
SMALLEST_SIZE, LARGEST_SIZE = 8, 2048  # pixels that pictures may be decoded to


@dataclass(frozen=True)
class PreprocessSpec:
    """What a graph's input expects.

    ``mean`` and ``std`` are in units of 0..255, per RGB channel; both are ignored when ``dtype`` is uint8,
    because such a graph normalises by itself.
    """

    size: int
    fit: Fit = Fit.STRETCH
    layout: str = "NCHW"
    dtype: str = "float32"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (255.0, 255.0, 255.0)
    view: View = View.COLOUR

    def __post_init__(self) -> None:
        """Refuse a spec that no graph could mean."""
        if not SMALLEST_SIZE <= self.size <= LARGEST_SIZE:
            raise EncoderInvalid(f"input size {self.size} px is outside {SMALLEST_SIZE}..{LARGEST_SIZE}")
        if self.layout not in {"NCHW", "NHWC"}:
            raise EncoderInvalid(f"layout {self.layout!r} is neither NCHW nor NHWC")
        if self.dtype not in {"float32", "uint8"}:
            raise EncoderInvalid(f"dtype {self.dtype!r} is neither float32 nor uint8")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(value > 0 for value in self.std):
            raise EncoderInvalid("mean and std need three values each, and std must be above 0")
        if not all(math.isfinite(value) for value in self.mean + self.std):
            raise EncoderInvalid(f"mean {self.mean} and std {self.std} must be finite")


def prepare(
    images: npt.NDArray[np.uint8], spec: PreprocessSpec
) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """Turn (n, size, size, 3) uint8 RGB pixels into the array that the graph takes.

    Raises:
        EncoderInvalid: the pictures do not have the size that the spec names.
    """
    if images.ndim != 4 or images.shape[1:] != (spec.size, spec.size, 3) or images.dtype != np.uint8:
        raise EncoderInvalid(
            f"expected uint8 pictures of shape (n, {spec.size}, {spec.size}, 3), got {images.dtype} {images.shape}"
        )
    if spec.dtype == "uint8":
        batch: npt.NDArray[Any] = images
    else:
        mean, std = np.asarray(spec.mean, np.float32), np.asarray(spec.std, np.float32)
        batch = (images.astype(np.float32) - mean) / std
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2)) if spec.layout == "NCHW" else batch
