"""Draw where the built-in encoder fails, with pictures that the project draws itself: `docs/builtin-failures.jpg`.

    python scripts/builtin_failures.py --out docs/builtin-failures.jpg

A row each: two pictures, what they are, and what the space `copy` says of them, beside the threshold of `dedupe`.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from indexer.decoding.decode import from_image
from indexer.demo.catalogue import make_catalogue
from indexer.encoders import BUILTIN, COPY_SPACE, read_encoder

SIDE, MARGIN, TEXT = 200, 12, 360  # pixels

Case = tuple[Image.Image, Image.Image, str, bool]


def detail(picture: Image.Image) -> Image.Image:
    """A twentieth of its area."""
    width, height = (int(side * 0.22) for side in picture.size)
    left, top = int(picture.width * 0.4), int(picture.height * 0.4)
    return picture.crop((left, top, left + width, top + height))


def collage(pictures: list[Image.Image]) -> Image.Image:
    page = Image.new("RGB", (900, 900), "white")
    for number, picture in enumerate(pictures[:9]):
        page.paste(ImageOps.fit(picture, (300, 300)), (number % 3 * 300, number // 3 * 300))
    return page


def covered(picture: Image.Image, other: Image.Image) -> Image.Image:
    """Two thirds of it under another picture."""
    page = picture.copy()
    page.paste(ImageOps.fit(other, (int(page.width * 0.85), int(page.height * 0.8))), (0, 0))
    return page


def cases(folder: Path) -> Iterator[Case]:
    """The first picture, the second, what they are, and whether they are copies."""

    def drawn(path: str) -> Image.Image:
        with Image.open(folder / path) as opened:
            return opened.convert("RGB")

    cocoa, others = (
        drawn("product-cocoa/cocoa-1.jpg"),
        [drawn(f"product-{name}/{name}-2.jpg") for name in ("oats", "soda", "tea", "honey", "oil")],
    )
    notes = [drawn(f"banknotes-100-solar/solar-{number}.jpg") for number in (2, 4)]
    hands = [drawn(f"signature-milan/milan-{number}.jpg") for number in (1, 3)]
    yield *notes, "two notes of one design: the serial differs", False
    yield *hands, "two signatures of one hand", False
    yield cocoa, detail(cocoa), "a twentieth of the picture", True
    yield (
        cocoa,
        collage([others[0], others[1], others[2], others[3], cocoa, *others]),
        "one of nine in a collage",
        True,
    )
    yield cocoa, covered(cocoa, others[1]), "two thirds under another picture", True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    encoder = read_encoder(BUILTIN).load(1)
    shape, threshold = encoder.spec.preprocess, encoder.spec.space(COPY_SPACE).threshold
    assert threshold is not None
    with tempfile.TemporaryDirectory() as folder:
        rows = list(cases(make_catalogue(Path(folder)).folder))
    page = Image.new("RGB", (2 * SIDE + TEXT + 4 * MARGIN, len(rows) * (SIDE + MARGIN) + MARGIN), "white")
    draw = ImageDraw.Draw(page)
    for number, (first, second, what, same) in enumerate(rows):
        pixels = [from_image(picture, size=shape.size, fit=shape.fit).pixels for picture in (first, second)]
        a, b = encoder.encode(np.stack(pixels))[COPY_SPACE]
        score, top = float(a @ b), MARGIN + number * (SIDE + MARGIN)
        for column, picture in enumerate((first, second)):
            page.paste(
                ImageOps.pad(picture, (SIDE, SIDE), color="white"), (MARGIN + column * (SIDE + MARGIN), top)
            )
        found = score >= threshold
        verdict = "grouped" if found else "not grouped"
        words = f"{what}\n{'copies' if same else 'no copies'}\nscore {score:.3f}: {verdict} at {threshold:g}"
        draw.text((2 * SIDE + 3 * MARGIN, top + SIDE // 3), words, fill="black", font_size=16, spacing=6)
        print(f"{what}: {words.splitlines()[-1]}")
    page.save(out, quality=80)


if __name__ == "__main__":
    main()
