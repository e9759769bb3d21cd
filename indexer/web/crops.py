"""A part of a picture to ask with, given as shares of its width and height."""

from typing import Any

from indexer.compared import unpadded
from indexer.decoding.sandbox import Sandbox
from indexer.errors import UsageRefused
from indexer.images import read_images
from retrieval.preprocess import Fit, PreprocessSpec

Crop = tuple[float, float, float, float]
_WHOLE = PreprocessSpec(2048, Fit.PAD)  # so that a small part of it still has detail


def parse_crop(text: str) -> Crop:
    """Read ``left,top,right,bottom``, shares from 0 to 1 of the upright picture.

    Raises:
        UsageRefused: it is no such box, or one without an inside.
    """
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError:
        left = top = right = bottom = float("nan")
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise UsageRefused(
            f"{text!r} is no part of a picture", "give left,top,right,bottom as shares from 0 to 1"
        )
    return left, top, right, bottom


def cropped(content: bytes, crop: Crop, sandbox: Sandbox) -> Any:
    """Return the part of a picture as (h, w, 3) pixels, one at least; the bytes themselves if they are no picture."""
    read = read_images([content], _WHOLE, sandbox)[0]
    if read.picture is None:
        return content
    pixels = unpadded(read.picture).pixels
    height, width = pixels.shape[:2]
    left, top = int(crop[0] * width), int(crop[1] * height)
    right, bottom = max(left + 1, round(crop[2] * width)), max(top + 1, round(crop[3] * height))
    return pixels[top:bottom, left:right]
