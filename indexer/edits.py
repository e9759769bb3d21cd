"""Edited copies: what people do to a picture before they post it again, in named kinds, drawn from a seed.

Each edit takes (height, width, 3) uint8 pixels and gives such pixels, perhaps of another height and width.
"""

from collections.abc import Callable, Sequence
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

Pixels = npt.NDArray[np.uint8]
Chance = np.random.Generator
_LETTERS = list("ABCDEFGHKLMNOPRSTUVXYZ 0123456789")


def crop(pixels: Pixels, chance: Chance) -> Pixels:
    """A part that keeps 65 to 92 % of either side."""
    height, width = pixels.shape[:2]
    rows, columns = (max(1, int(side * chance.uniform(0.65, 0.92))) for side in (height, width))
    top, left = chance.integers(0, height - rows + 1), chance.integers(0, width - columns + 1)
    return pixels[top : top + rows, left : left + columns]


def rescale(pixels: Pixels, chance: Chance) -> Pixels:
    """A quarter to seven tenths of its size."""
    image, factor = Image.fromarray(pixels), chance.uniform(0.25, 0.7)
    return np.asarray(image.resize((max(1, int(image.width * factor)), max(1, int(image.height * factor)))))


def jpeg(pixels: Pixels, chance: Chance) -> Pixels:
    """Saved as a JPEG of quality 10 to 60."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=int(chance.integers(10, 61)))
    return np.asarray(Image.open(stream).convert("RGB"))


def blur(pixels: Pixels, chance: Chance) -> Pixels:
    """Out of focus by up to a fiftieth of the shorter side."""
    radius = min(pixels.shape[:2]) * chance.uniform(0.004, 0.02)
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def light(pixels: Pixels, chance: Chance) -> Pixels:
    """Brighter or darker, with more or less contrast."""
    image = ImageEnhance.Brightness(Image.fromarray(pixels)).enhance(chance.uniform(0.6, 1.5))
    return np.asarray(ImageEnhance.Contrast(image).enhance(chance.uniform(0.6, 1.5)))


def colour(pixels: Pixels, chance: Chance) -> Pixels:
    """Greyer or more vivid, and tinted."""
    image = ImageEnhance.Color(Image.fromarray(pixels)).enhance(chance.uniform(0, 1.8))
    tint = Image.new("RGB", image.size, _any_colour(chance))
    return np.asarray(Image.blend(image, tint, chance.uniform(0.05, 0.25)))


def mirrored(pixels: Pixels, _chance: Chance) -> Pixels:
    """Left for right."""
    return np.ascontiguousarray(pixels[:, ::-1])


def turned(pixels: Pixels, chance: Chance) -> Pixels:
    """Turned by 2 to 10 degrees either way, on black."""
    angle = chance.uniform(2, 10) * chance.choice([-1, 1])
    return np.asarray(Image.fromarray(pixels).rotate(angle, Image.Resampling.BICUBIC, expand=True))


def text(pixels: Pixels, chance: Chance) -> Pixels:
    """One to three lines of letters over it."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for _ in range(chance.integers(1, 4)):
        at = chance.uniform(0, 0.6) * image.width, chance.uniform(0, 0.9) * image.height
        line = "".join(chance.choice(_LETTERS, 12))
        draw.text(at, line, _any_colour(chance), font_size=max(4.0, image.height / 9))
    return np.asarray(image)


def sticker(pixels: Pixels, chance: Chance) -> Pixels:
    """A disc of one colour over up to a tenth of it."""
    image = Image.fromarray(pixels)
    width, height = (side * chance.uniform(0.15, 0.35) for side in image.size)
    left, top = chance.uniform(0, image.width - width), chance.uniform(0, image.height - height)
    ImageDraw.Draw(image).ellipse((left, top, left + width, top + height), _any_colour(chance))
    return np.asarray(image)


def frame(pixels: Pixels, chance: Chance) -> Pixels:
    """On a page of one colour, as a screenshot shows it: up to a quarter more on every side."""
    height, width = pixels.shape[:2]
    top, bottom = (int(height * chance.uniform(0.02, 0.25)) for _ in range(2))
    left, right = (int(width * chance.uniform(0, 0.15)) for _ in range(2))
    page = np.empty((top + height + bottom, left + width + right, 3), np.uint8)
    page[:] = _any_colour(chance)
    page[top : top + height, left : left + width] = pixels
    return page


def noise(pixels: Pixels, chance: Chance) -> Pixels:
    """Grain with a standard deviation of 5 to 25 of 255."""
    grain = chance.normal(0, chance.uniform(5, 25), pixels.shape)
    return np.rint(pixels + grain).clip(0, 255).astype(np.uint8)


EDITS: dict[str, Callable[[Pixels, Chance], Pixels]] = {
    edit.__name__: edit
    for edit in (
        crop,
        rescale,
        jpeg,
        blur,
        light,
        colour,
        mirrored,
        turned,
        text,
        sticker,
        frame,
        noise,
    )
}


def edited(pixels: Pixels, kinds: Sequence[str], chance: Chance) -> Pixels:
    """Apply edits of these kinds, one after the other."""
    for kind in kinds:
        pixels = EDITS[kind](pixels, chance)
    return pixels


def _any_colour(chance: Chance) -> tuple[int, int, int]:
    red, green, blue = chance.integers(0, 256, 3).tolist()
    return red, green, blue
