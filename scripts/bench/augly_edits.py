"""Make a set for copy detection with edits that nothing here was trained on: those of AugLy, which made DISC21.

AugLy 1.0 needs an environment of its own:

    python3.11 -m venv ENV && ENV/bin/pip install augly==1.0.0 numpy==1.23.5 Pillow==9.5.0
    ENV/bin/python scripts/bench/augly_edits.py --data DIR --out SET [--part 1]

SET gets ``references/``, ``queries/`` and ``queries.csv``: each query, the reference that it was made of (nothing for
those made of photos that are no reference), and its one to three edits. The photos are those that the built-in encoder
never saw: the last 51 classes of Caltech-101, and clothing of the senders with odd numbers; the other pictures that
some edits need are of the BSDS set. `bench/copies.py` measures on part 0; part 1 has other photos and other draws, to
check what was chosen with the first. (Papakipos and Bitton, "AugLy", 2022; Douze et
al., "The 2021 Image Similarity Dataset and Challenge", 2021.)
"""

import argparse
import csv
import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import augly.image as augly
import numpy as np
from augly.utils import EMOJI_DIR, FONTS_DIR, SCREENSHOT_TEMPLATES_DIR
from PIL import Image, ImageFilter

UNSEEN_CLASSES = 51
REFERENCES, MATCHED, STRANGERS = 1000, 600, 300
EDIT_COUNTS = (1, 2, 2, 3, 3)
SMALLEST_SIDE, LARGEST_SIDE = 32, 1024
WORDS = [
    "sale",
    "today",
    "only",
    "new",
    "look",
    "what",
    "i",
    "found",
    "call",
    "me",
    "the",
    "best",
    "price",
    "free",
    "100%",
    "original",
    "copyright",
    "my",
    "cat",
]

Chance = random.Random
Edit = Callable[[Image.Image, Image.Image, Chance], Image.Image]


def photos(data: Path) -> list[Path]:
    """Each content once, in an order drawn from a seed."""
    folders = sorted(path for path in (data / "photos" / "caltech101").iterdir() if path.is_dir())
    found = [path for folder in folders[-UNSEEN_CLASSES:] for path in sorted(folder.iterdir())]
    with (data / "clothing" / "images.csv").open(newline="") as file:
        names = sorted(row["image"] for row in csv.DictReader(file) if int(row["sender_id"]) % 2)
    found += [path for name in names if (path := data / "clothing" / "images" / f"{name}.jpg").exists()]
    unique = {hashlib.sha256(path.read_bytes()).digest(): path for path in reversed(found)}
    chosen = sorted(unique.values())
    Chance("photos").shuffle(chosen)
    return chosen


def colour(chance: Chance) -> tuple[int, int, int]:
    return chance.randrange(256), chance.randrange(256), chance.randrange(256)


def text(chance: Chance, most: int) -> str:
    return " ".join(chance.sample(WORDS, chance.randint(1, most)))


def crop(image: Image.Image, _other: Image.Image, chance: Chance) -> Image.Image:
    w, h = chance.uniform(0.6, 0.95), chance.uniform(0.6, 0.95)
    x, y = chance.uniform(0, 1 - w), chance.uniform(0, 1 - h)
    return augly.crop(image, x1=x, y1=y, x2=x + w, y2=y + h)


def overlay_emoji(image: Image.Image, _other: Image.Image, chance: Chance) -> Image.Image:
    emojis = sorted(str(path) for path in Path(EMOJI_DIR).rglob("*.png"))
    return augly.overlay_emoji(
        image,
        emoji_path=chance.choice(emojis),
        emoji_size=chance.uniform(0.1, 0.4),
        x_pos=chance.uniform(0, 0.7),
        y_pos=chance.uniform(0, 0.7),
    )


def overlay_text(image: Image.Image, _other: Image.Image, chance: Chance) -> Image.Image:
    font = chance.choice(sorted(str(path) for path in Path(FONTS_DIR).glob("*.ttf")))
    return augly.overlay_text(
        image,
        text=[chance.randrange(10_000) for _ in range(chance.randint(3, 14))],  # of the font's signs
        font_file=font,
        font_size=chance.uniform(0.08, 0.25),
        color=colour(chance),
        x_pos=chance.uniform(0, 0.3),
        y_pos=chance.uniform(0, 0.8),
    )


def overlay_onto_screenshot(image: Image.Image, _other: Image.Image, chance: Chance) -> Image.Image:
    templates = sorted(str(path) for path in Path(SCREENSHOT_TEMPLATES_DIR).glob("*.png"))
    return augly.overlay_onto_screenshot(
        image, template_filepath=chance.choice(templates), max_image_size_pixels=LARGEST_SIDE**2 // 2
    )


EDITS: dict[str, Edit] = {
    "blur": lambda image, _, chance: augly.blur(image, radius=chance.uniform(0.5, 2.5)),
    "brightness": lambda image, _, chance: augly.brightness(image, factor=chance.choice([0.5, 0.7, 1.4, 1.7])),
    "change_aspect_ratio": lambda image, _, chance: augly.change_aspect_ratio(image, ratio=chance.uniform(0.6, 1.7)),
    "color_jitter": lambda image, _, chance: augly.color_jitter(
        image,
        brightness_factor=chance.uniform(0.5, 1.8),
        contrast_factor=chance.uniform(0.5, 1.8),
        saturation_factor=chance.uniform(0.5, 1.8),
    ),
    "contrast": lambda image, _, chance: augly.contrast(image, factor=chance.choice([0.5, 0.7, 1.4, 1.8])),
    "crop": crop,
    "edge_enhance": lambda image, *_: augly.apply_pil_filter(image, filter_type=ImageFilter.EDGE_ENHANCE_MORE),
    "encoding_quality": lambda image, _, chance: augly.encoding_quality(image, quality=chance.randint(10, 50)),
    "grayscale": lambda image, _, chance: augly.grayscale(image, mode=chance.choice(["luminosity", "average"])),
    "hflip": lambda image, *_: augly.hflip(image),
    "meme_format": lambda image, _, chance: augly.meme_format(
        image,
        text=text(chance, 4),
        caption_height=max(40, int(image.height * chance.uniform(0.15, 0.4))),
    ),
    "opacity": lambda image, _, chance: augly.opacity(image, level=chance.uniform(0.4, 0.9)),
    "overlay_emoji": overlay_emoji,
    "overlay_image": lambda image, other, chance: augly.overlay_image(
        image,
        overlay=other,
        opacity=chance.uniform(0.6, 1),
        overlay_size=chance.uniform(0.2, 0.5),
        x_pos=chance.uniform(0, 0.6),
        y_pos=chance.uniform(0, 0.6),
    ),
    "overlay_onto_background_image": lambda image, other, chance: augly.overlay_onto_background_image(
        image,
        background_image=other,
        overlay_size=chance.uniform(0.6, 0.9),
        x_pos=chance.uniform(0, 0.3),
        y_pos=chance.uniform(0, 0.3),
    ),
    "overlay_onto_screenshot": overlay_onto_screenshot,
    "overlay_stripes": lambda image, _, chance: augly.overlay_stripes(
        image,
        line_width=chance.uniform(0.1, 0.4),
        line_color=colour(chance),
        line_angle=chance.uniform(-90, 90),
        line_density=chance.uniform(0.1, 0.4),
        line_opacity=chance.uniform(0.4, 1),
    ),
    "overlay_text": overlay_text,
    "pad": lambda image, _, chance: augly.pad(
        image, w_factor=chance.uniform(0, 0.25), h_factor=chance.uniform(0, 0.25), color=colour(chance)
    ),
    "pad_square": lambda image, _, chance: augly.pad_square(image, color=colour(chance)),
    "perspective_transform": lambda image, _, chance: augly.perspective_transform(
        image, sigma=min(image.size) * chance.uniform(0.02, 0.1), seed=chance.randrange(10**6)
    ),
    "pixelization": lambda image, _, chance: augly.pixelization(image, ratio=chance.uniform(0.3, 0.7)),
    "random_noise": lambda image, _, chance: augly.random_noise(
        image, var=chance.uniform(0.002, 0.02), seed=chance.randrange(10**6)
    ),
    "rotate": lambda image, _, chance: augly.rotate(image, degrees=chance.uniform(-25, 25)),
    "rotate_quarter": lambda image, _, chance: augly.rotate(image, degrees=chance.choice([90, 180, 270])),
    "saturation": lambda image, _, chance: augly.saturation(image, factor=chance.choice([0.2, 2.0, 4.0])),
    "scale": lambda image, _, chance: augly.scale(image, factor=chance.uniform(0.3, 0.7)),
    "sharpen": lambda image, _, chance: augly.sharpen(image, factor=chance.uniform(2, 15)),
    "shuffle_pixels": lambda image, _, chance: augly.shuffle_pixels(
        image, factor=chance.uniform(0.02, 0.1), seed=chance.randrange(10**6)
    ),
    "skew": lambda image, _, chance: augly.skew(image, skew_factor=chance.uniform(0.1, 0.3), axis=chance.randrange(2)),
    "vflip": lambda image, *_: augly.vflip(image),
}  # fmt: skip


def edited(path: Path, others: list[Path], seed: int) -> tuple[Image.Image, list[str]]:
    """The photo after its edits, and their names."""
    chance = Chance(f"query {seed}")
    np.random.seed(seed)  # noqa: NPY002  # AugLy draws from it in places
    random.seed(seed)
    names = chance.sample(sorted(EDITS), chance.choice(EDIT_COUNTS))
    image = Image.open(path).convert("RGB")
    for name in names:
        image = EDITS[name](image, Image.open(chance.choice(others)).convert("RGB"), chance).convert("RGB")
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        image = image.resize([max(SMALLEST_SIDE, side) for side in image.size])
    return image, names


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", type=int, choices=(0, 1), default=0)
    arguments = parser.parse_args()
    first = arguments.part * (REFERENCES + STRANGERS)
    chosen = photos(arguments.data)[first : first + REFERENCES + STRANGERS]
    others = sorted((arguments.data / "photos" / "bsds500").rglob("*.jpg"))
    for folder in ("references", "queries"):
        (arguments.out / folder).mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(chosen[:REFERENCES]):
        (arguments.out / "references" / f"{number:04}.jpg").write_bytes(path.read_bytes())
    rows = []
    for number, path in enumerate(chosen[:MATCHED] + chosen[REFERENCES:]):
        image, names = edited(path, others, first + number)
        image.save(arguments.out / "queries" / f"{number:04}.jpg", quality=90)
        rows.append([f"{number:04}", f"{number:04}" if number < MATCHED else "", " ".join(names)])
    with (arguments.out / "queries.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["query", "reference", "edits"], *rows])


if __name__ == "__main__":
    main()
