"""What a camera or a scanner makes of the light that reaches it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def exposed(
    picture: Image.Image,
    light: NDArray[np.floating],
    balance: tuple[float, float, float],
    grain: NDArray[np.float32] | None = None,
) -> Image.Image:
    """An RGB picture under `light` (H x W, or one row or column of it; 1 leaves it), with `balance` for red, green
    and blue, and `grain` (H x W, in levels of 255) added.
    """
    channels = []
    for channel, gain in zip(picture.split(), balance, strict=True):  # by channel: far faster than by pixel
        level = np.asarray(channel) * (light * np.float32(gain))
        if grain is not None:
            level += grain
        channels.append(Image.fromarray(level.clip(0, 255).astype(np.uint8)))
    return Image.merge("RGB", channels)


def noise(size: tuple[int, int], strength: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Grain for a picture of that width and height; `strength` is its standard deviation, in levels of 255."""
    # Uniform, of the same deviation as a normal one: nobody sees the difference, and it is drawn in a fifth of the time.
    return (rng.random((size[1], size[0]), np.float32) - np.float32(0.5)) * np.float32(12**0.5 * strength)
