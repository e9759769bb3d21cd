"""Parts and turns of a query: to find the picture that lies in a screenshot, shows a detail of it, or is upside down.

The catalogue keeps one vector a picture, so it is the query that is looked at again and again, where it pays: when
nothing found for the whole of it stands out.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from indexer.compared import unpadded
from indexer.decoding.decode import from_array
from indexer.decoding.sandbox import Sandbox
from indexer.images import read_images
from indexer.lookup import Match
from retrieval.encoder import Encoder, Space
from retrieval.preprocess import PreprocessSpec
from retrieval.similarity import Float32
from retrieval.view import Fit, View

# From this normalised score on, what the whole query found is what was looked for: nothing is gained by its parts.
DECISIVE = 0.7
Window = tuple[float, float, float, float]
# (left, top, right, bottom), as shares of the picture: the middle, more and less of it, its corners, halves, and stripes.
WINDOWS = (
    (0.2, 0.2, 0.8, 0.8), (0.1, 0.1, 0.9, 0.9),
    (0.0, 0.0, 0.65, 0.65), (0.35, 0.0, 1.0, 0.65), (0.0, 0.35, 0.65, 1.0), (0.35, 0.35, 1.0, 1.0),
    (0.0, 0.0, 1.0, 0.6), (0.0, 0.4, 1.0, 1.0), (0.0, 0.0, 0.6, 1.0), (0.4, 0.0, 1.0, 1.0),
    (0.0, 0.2, 1.0, 0.8), (0.2, 0.0, 0.8, 1.0),
)  # fmt: skip
TURNS: tuple[Callable[[Any], Any], ...] = (
    np.fliplr, np.flipud, np.rot90, lambda pixels: np.rot90(pixels, 2), lambda pixels: np.rot90(pixels, 3),
)  # fmt: skip
_AT_ONCE = 16  # pictures in memory together
_DECODED_PER_INPUT = 2  # sides of the encoder's input: a part of a picture is a larger one made small


def is_decided(matches: Sequence[Match]) -> bool:
    """Tell whether what was found for the whole query stands out so far that its parts need no look."""
    return any((match.normalised_score or 0.0) >= DECISIVE for match in matches)


def encode_parts(images: Sequence[Any], sandbox: Sandbox, encoder: Encoder, space: Space) -> list[Float32]:
    """Embed parts and turns of each picture: (parts, dim) of one space, in the order given.

    Of what is no picture, or one of which an encoder sees the ink alone, there are none.
    """
    shape = encoder.spec.preprocess
    if shape.view not in {View.COLOUR, View.GREY}:
        return [np.empty((0, space.dim), np.float32) for _ in images]
    whole = PreprocessSpec(min(2048, _DECODED_PER_INPUT * shape.size), Fit.PAD)
    found = []
    for start in range(0, len(images), _AT_ONCE):
        for entry in read_images(images[start : start + _AT_ONCE], whole, sandbox):
            if entry.picture is None:
                found.append(np.empty((0, space.dim), np.float32))
                continue
            pixels = unpadded(entry.picture).pixels
            parts = [window(pixels, shares) for shares in WINDOWS] + [turn(pixels) for turn in TURNS]
            batch = [
                from_array(part, size=shape.size, fit=shape.fit, view=shape.view).pixels for part in parts
            ]
            found.append(encoder.encode(np.stack(batch))[space.name])
    return found


def window(pixels: Any, shares: Window) -> Any:
    """Return a part of (h, w, 3) pixels, one at least; ``shares`` of its width and height are left, top, right, bottom."""
    height, width = pixels.shape[:2]
    left, top = int(shares[0] * width), int(shares[1] * height)
    right, bottom = max(left + 1, round(shares[2] * width)), max(top + 1, round(shares[3] * height))
    return pixels[top:bottom, left:right]
