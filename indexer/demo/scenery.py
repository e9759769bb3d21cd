"""Where a product stands: the table tops, and the room behind them."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

TABLE = (750, 800)  # pixels of a drawn table top
TABLE_SCALE = 250  # pixels of it per unit of length

Colour = tuple[int, int, int]


@cache
def table_top(kind: str) -> Image.Image:
    """One of the table tops: oak, walnut, marble or gingham."""
    rng = np.random.default_rng(list(kind.encode()))

    def swells(columns: int, rows: int) -> NDArray[np.float32]:
        """Smooth noise in -1..1 with so many swells across and along the table."""
        few = Image.fromarray(rng.integers(0, 256, (rows, columns), np.uint8))
        return np.asarray(few.resize(TABLE, Image.Resampling.BICUBIC), np.float32) / 127.5 - 1

    if kind == "marble":
        drift = 0.6 * swells(4, 4) + 0.3 * swells(11, 11) + 0.12 * swells(45, 45)
        tone = 0.95 + 0.05 * drift - np.exp(-20 * np.abs(drift)) * (0.4 + 0.4 * swells(6, 6))
        dark, light = (128, 132, 138), (252, 250, 246)
    elif kind == "gingham":
        x, y = np.arange(TABLE[0]) // 25 % 2, np.arange(TABLE[1])[:, None] // 25 % 2
        tone = 1 - (x + y) / 2 + 0.05 * swells(250, 270)
        dark, light = (178, 108, 104), (248, 244, 236)
    else:
        plank = np.arange(TABLE[1]) // 125
        grain = 0.45 * swells(5, 200) + 0.35 * swells(9, 50) + 0.3 * swells(14, 400)
        step = rng.uniform(-0.12, 0.12, plank.max() + 1)[plank] - 0.5 * (np.arange(TABLE[1]) % 125 < 2)
        tone = 0.5 + 0.45 * grain + step[:, None]
        dark, light = {"oak": ((160, 122, 82), (226, 188, 142)), "walnut": ((78, 50, 34), (146, 104, 74))}[
            kind
        ]
    return ImageOps.colorize(Image.fromarray((255 * tone).clip(0, 255).astype(np.uint8)), dark, light)


def room(wall: Colour, on_table: NDArray[np.bool_], rng: np.random.Generator) -> Image.Image:
    """A wall and a few things before it, far out of focus; `on_table` (H x W) says where the table hides them."""
    height, width = on_table.shape
    picture = Image.new("RGB", (width, height), wall)
    pen = ImageDraw.Draw(picture)
    foot = int(on_table.any(1).argmax()) + 6
    left = int(rng.integers(-20, 10))
    while left < width:
        wide, tall = (int(side) for side in rng.integers((9, 14), (26, 60)))
        shade = np.array(wall) * rng.uniform(0.62, 1.12) + rng.uniform(-16, 16, 3)
        red, green, blue = (int(channel) for channel in shade.clip(0, 255))
        pen.rectangle((left, foot - tall, left + wide, foot), (red, green, blue))
        left += wide + int(rng.integers(2, 40))
    return picture.filter(ImageFilter.GaussianBlur(5))
