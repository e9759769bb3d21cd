"""A part of a picture to ask with, given as shares of its width and height."""

from typing import Any

from indexer.compared import unpadded
from indexer.decoding.sandbox import Sandbox
from indexer.errors import UsageRefused
from indexer.images import read_images
from indexer.query_parts import Window, window
from retrieval.preprocess import PreprocessSpec
from retrieval.view import Fit

_WHOLE = PreprocessSpec(2048, Fit.PAD)  # so that a small part of it still has detail


def parse_crop(text: str) -> Window:
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


def cropped(content: bytes, crop: Window, sandbox: Sandbox) -> Any:
    """Return the part of a picture as (h, w, 3) pixels, one at least; the bytes themselves if they are no picture."""
    read = read_images([content], _WHOLE, sandbox)[0]
    if read.picture is None:
        return content
    return window(unpadded(read.picture).pixels, crop)
