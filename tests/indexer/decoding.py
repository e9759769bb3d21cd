"""Decoding in tests: bytes in, pixels or one colour out, and pictures whose every quarter is known."""

from typing import Any

import numpy as np
from PIL import Image

from indexer.decoding.decode import Picture, decode
from indexer.decoding.limits import Limits
from retrieval.view import Fit
from tests.hostile.crafted import (
    saved,
)

WHITE, BLACK, RED, GREEN, BLUE = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)


def decoded(data: bytes, size: int = 32, fit: Fit = Fit.STRETCH, limits: Limits | None = None) -> Picture:
    return decode(data, size=size, fit=fit, limits=limits or Limits())


def colour(image: Image.Image, kind: str = "PNG", **options: Any) -> tuple[int, ...]:
    """Encode, decode, and return the one colour that the picture has."""
    pixels = decoded(saved(image, kind, **options)).pixels.reshape(-1, 3)
    assert (np.ptp(pixels.astype(int), axis=0) <= 2).all()
    return tuple(int(value) for value in pixels[len(pixels) // 2])


def flat(mode: str, value: Any, side: int = 40) -> Image.Image:
    return Image.new(mode, (side, side), value)


def quarters(width: int = 96, height: int = 64) -> np.ndarray:
    """Red and green above, blue and black below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    return pixels


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Lay a picture down as EXIF describes: what its row 0 and its column 0 show of the upright one."""
    if orientation >= 5:
        upright = upright.transpose(1, 0, 2)
    first_row = {1: 1, 2: 1, 3: -1, 4: -1, 5: 1, 6: -1, 7: -1, 8: 1}[orientation]
    first_column = {1: 1, 2: -1, 3: -1, 4: 1, 5: 1, 6: 1, 7: -1, 8: -1}[orientation]
    return upright[::first_row, ::first_column]
