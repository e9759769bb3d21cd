"""Pictures with enough corners for local features, made by code: each different, and the same every time."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = (360, 270)
SERIAL = (110, 120)  # left and top of the digits of a numbered scene


def scene(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Two hundred ellipses, rectangles and lines of random colours: (height, width, 3) uint8."""
    chance = np.random.default_rng(seed)
    page = Image.new("RGB", size, tuple(chance.integers(60, 200, 3).tolist()))
    draw = ImageDraw.Draw(page)
    for number in range(200):
        x, y = (chance.uniform(-10, side) for side in size)
        w, h = chance.uniform(6, 46, 2)
        colour = tuple(chance.integers(20, 236, 3).tolist())
        if number % 3 == 0:
            draw.ellipse((x, y, x + w, y + h), colour)
        elif number % 3 == 1:
            draw.rectangle((x, y, x + w, y + h), colour)
        else:
            draw.line((x, y, x + w * 2, y + h - 20), colour, 3)
    return np.asarray(page)


def numbered(seed: int, serial: str) -> np.ndarray:
    """A scene with a serial number on a plate in it."""
    page = Image.fromarray(scene(seed))
    draw = ImageDraw.Draw(page)
    x, y = SERIAL
    draw.rectangle((x - 6, y - 4, x + 146, y + 30), (240, 236, 220))
    for place, digit in enumerate(serial):
        draw.text((x + 18 * place, y), digit, (30, 30, 60), ImageFont.load_default(26))
    return np.asarray(page)


def recaptured(
    picture: np.ndarray, *, scale: float = 0.8, degrees: float = 3, quality: int = 70
) -> np.ndarray:
    """Smaller, turned, in another light, and through JPEG; what lies beyond the picture is grey."""
    image = Image.fromarray(picture)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    image = image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))
    lit = 255 * (0.85 * (np.asarray(image) / 255) ** 1.15 + 0.05)
    buffer = io.BytesIO()
    Image.fromarray(lit.astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))
