"""Small pictures made by code, each different from the others and the same every time."""

from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """Draw soft random colours with a few hard shapes: width x height pixels."""
    generator = np.random.default_rng(seed)
    colours = Image.fromarray(generator.integers(0, 256, (6, 8, 3), np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    pixels = np.array(colours)
    for _ in range(3):
        left, top = generator.integers(0, size[0] - 20), generator.integers(0, size[1] - 20)
        pixels[top : top + 14, left : left + 18] = generator.integers(0, 256, 3)
    return Image.fromarray(pixels)


def save(path: Path, seed: int, **options: object) -> Path:
    """Write picture ``seed`` to ``path``, in the format that its suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed).save(path, **options)
    return path


def make_catalogue(
    root: Path, per_class: int = 8, classes: tuple[str, ...] = ("bass", "cup", "ewer")
) -> Path:
    """Write ``per_class`` JPEGs into a folder per class."""
    for number, name in enumerate(classes):
        for i in range(per_class):
            save(root / name / f"{i:02d}.jpg", seed=100 * number + i, quality=90)
    return root
