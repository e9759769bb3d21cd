"""Edits that need another picture or a page around: with those of `bench/edits.py`, what the encoder learns to see through.

Each takes a picture, another one, and a source of chance. `view` stacks one to three; `further_view` draws from more
kinds, which no network learns from: projections are fitted on them.
"""

import io
import random
from collections.abc import Callable, Sequence

from bench.edits import FITTED, any_colour, recolour
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Edit = Callable[[Image.Image, Image.Image, random.Random], Image.Image]

LARGEST_SIDE = 320  # pixels of a picture while it is edited: a view is smaller still
LETTERS = "abcdefghiklmnopqrstuvwxyzABCDEFGHIKLMNOPRSTUVWZ0123456789 .,!?"


def onto_another(picture: Image.Image, other: Image.Image, chance: random.Random) -> Image.Image:
    """Lie on another photo, which shows around it."""
    share = chance.uniform(1.1, 2.5)
    page = ImageOps.fit(other, (int(picture.width * share), int(picture.height * share)))
    at = chance.randint(0, page.width - picture.width), chance.randint(0, page.height - picture.height)
    page.paste(picture, at)
    return page


def under_another(picture: Image.Image, other: Image.Image, chance: random.Random) -> Image.Image:
    """A part of another photo lies on it."""
    width, height = (max(2, int(side * chance.uniform(0.25, 0.6))) for side in picture.size)
    at = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
    covered = picture.copy()
    patch = ImageOps.fit(other, (width, height))
    covered.paste(patch, at, Image.new("L", patch.size, chance.choice([255, 255, chance.randint(120, 255)])))
    return covered


def shine_through(picture: Image.Image, other: Image.Image, chance: random.Random) -> Image.Image:
    """Another photo, faint, over all of it."""
    return Image.blend(picture, ImageOps.fit(other, picture.size), chance.uniform(0.15, 0.45))


def beside_another(picture: Image.Image, other: Image.Image, chance: random.Random) -> Image.Image:
    """A collage of two, or of two rows of two."""
    width, height = picture.size
    columns, rows = chance.choice([(2, 1), (1, 2), (2, 2)])
    page = ImageOps.fit(other, (width * columns, height * rows))
    page.paste(picture, (width * chance.randrange(columns), height * chance.randrange(rows)))
    return page


def meme(picture: Image.Image, _other: Image.Image, chance: random.Random) -> Image.Image:
    """Bands with a caption above, below, or both."""
    bands = [chance.choice([0.0, chance.uniform(0.12, 0.35)]), chance.uniform(0.12, 0.35)]
    chance.shuffle(bands)
    top, bottom = (int(picture.height * band) for band in bands)
    dark = chance.random() < 0.3
    paper, ink = ("black", "white") if dark else ("white", "black")
    page = Image.new("RGB", (picture.width, picture.height + top + bottom), paper)
    page.paste(picture, (0, top))
    draw = ImageDraw.Draw(page)
    for edge, band in ((0, top), (top + picture.height, bottom)):
        _lines(draw, (0, edge, page.width, edge + band), ink, chance)
    return page


def on_a_screen(picture: Image.Image, other: Image.Image, chance: random.Random) -> Image.Image:
    """A screenshot: bars above and below, lines of text, small pictures of other things, and the picture among them."""
    width = int(picture.width * chance.choice([1.0, chance.uniform(1.0, 1.3), chance.uniform(1.3, 2.5)]))
    height = max(int(width * chance.uniform(0.7, 2.0)), picture.height + 8)
    dark = chance.random() < 0.4
    page = Image.new("RGB", (width, height), (24, 24, 28) if dark else (250, 250, 252))
    draw = ImageDraw.Draw(page)
    bar = max(4, height // 14)
    accent = any_colour(chance)
    draw.rectangle((0, 0, width, bar), fill=accent)
    draw.rectangle((0, height - bar, width, height), fill=accent if chance.random() < 0.5 else None)
    top = chance.randint(bar, max(bar, height - bar - picture.height))
    ink = "white" if dark else "black"
    _lines(draw, (0, bar, width, top), ink, chance)
    _lines(draw, (0, top + picture.height, width, height - bar), ink, chance)
    for _ in range(chance.randint(0, 3)):
        side = max(4, width // 10)
        page.paste(
            ImageOps.fit(other, (side, side)), (chance.randint(0, width - side), chance.randint(0, bar))
        )
    page.paste(picture, (chance.randint(0, width - picture.width), top))
    return page


def stripes(picture: Image.Image, _other: Image.Image, chance: random.Random) -> Image.Image:
    """Lines of one colour across it, more or less clear."""
    mask = Image.new("L", picture.size, 0)
    draw = ImageDraw.Draw(mask)
    step = max(4, int(min(picture.size) * chance.uniform(0.06, 0.2)))
    wide = max(1, int(step * chance.uniform(0.15, 0.5)))
    slope = chance.choice([0, 0, picture.height])
    upright = chance.random() < 0.5
    for at in range(-picture.height, max(picture.size), step):
        line = (at, 0, at + slope, picture.height) if upright else (0, at, picture.width, at + slope)
        draw.line(line, fill=chance.randint(120, 255), width=wide)
    return Image.composite(Image.new("RGB", picture.size, any_colour(chance)), picture, mask)


def faces(picture: Image.Image, _other: Image.Image, chance: random.Random) -> Image.Image:
    """One to four round stickers with eyes and a mouth."""
    covered = picture.copy()
    draw = ImageDraw.Draw(covered)
    for _ in range(chance.randint(1, 4)):
        side = min(picture.size) * chance.uniform(0.12, 0.45)
        x, y = (
            chance.uniform(-side / 3, picture.width - side / 2),
            chance.uniform(-side / 3, picture.height - side / 2),
        )
        draw.ellipse((x, y, x + side, y + side), fill=chance.choice([(255, 204, 50), any_colour(chance)]))
        for eye in (0.3, 0.62):
            draw.ellipse(
                (x + eye * side, y + 0.3 * side, x + (eye + 0.1) * side, y + 0.45 * side), fill="black"
            )
        draw.arc(
            (x + 0.25 * side, y + 0.3 * side, x + 0.75 * side, y + 0.8 * side), 20, 160, fill="black", width=2
        )
    return covered


def upside_down(picture: Image.Image, _other: Image.Image, _chance: random.Random) -> Image.Image:
    return ImageOps.flip(picture)


def detail(picture: Image.Image, _other: Image.Image, chance: random.Random) -> Image.Image:
    """A small part of it: a fifth to two thirds of the area."""
    w, h = (max(8, int(side * chance.uniform(0.45, 0.8))) for side in picture.size)
    left, top = chance.randint(0, max(0, picture.width - w)), chance.randint(0, max(0, picture.height - h))
    return picture.crop((left, top, left + w, top + h))


def sharpen(picture: Image.Image, _other: Image.Image, chance: random.Random) -> Image.Image:
    return picture.filter(
        ImageFilter.UnsharpMask(radius=chance.uniform(1, 4), percent=chance.randint(100, 400))
    )


def poster(picture: Image.Image, _other: Image.Image, chance: random.Random) -> Image.Image:
    return chance.choice(
        [lambda p: ImageOps.posterize(p, chance.randint(2, 4)), ImageOps.equalize, ImageOps.autocontrast]
    )(picture)


def compress(picture: Image.Image, _other: Image.Image, chance: random.Random) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=chance.randint(5, 50))
    return Image.open(buffer).convert("RGB")


def mosaic(picture: Image.Image, _other: Image.Image, chance: random.Random) -> Image.Image:
    """Squares of one colour, few enough that only the outlines are left."""
    small = picture.resize(tuple(max(8, int(side * chance.uniform(0.06, 0.25))) for side in picture.size))
    return small.resize(picture.size, Image.Resampling.NEAREST)


def turn_freely(picture: Image.Image, _other: Image.Image, chance: random.Random) -> Image.Image:
    return picture.rotate(
        chance.uniform(-180, 180), Image.Resampling.BILINEAR, expand=True, fillcolor=any_colour(chance)
    )


def expose(picture: Image.Image, _other: Image.Image, chance: random.Random) -> Image.Image:
    """Far too dark or too light, then with far less or more contrast."""
    power = 2 ** chance.uniform(-1.5, 1.5)
    picture = picture.point([round(255 * (value / 255) ** power) for value in range(256)] * 3)
    return ImageEnhance.Contrast(picture).enhance(2 ** chance.uniform(-1.3, 1.3))


def _lines(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], ink: str, chance: random.Random
) -> None:
    """Lines of letters within (left, top, right, bottom), where there is room."""
    left, top, right, bottom = box
    size = chance.uniform(8, 22)
    y = top + 2.0
    while y + size < bottom:
        text = "".join(chance.choices(LETTERS, k=chance.randint(4, max(5, int((right - left) / size * 2)))))
        draw.text((left + chance.uniform(2, 12), y), text, fill=ink, font_size=size)
        y += size * chance.uniform(1.1, 2.0)


def _alone(edit: Callable[[Image.Image, random.Random], Image.Image]) -> Edit:
    return lambda picture, _other, chance: edit(picture, chance)


WITH_OTHERS: tuple[Edit, ...] = (onto_another, under_another, shine_through, beside_another, meme, on_a_screen, stripes,
    faces, upside_down, detail, sharpen, poster, compress, mosaic)  # fmt: skip
EDITS: Sequence[Edit] = (*WITH_OTHERS, *map(_alone, FITTED))
FURTHER: Sequence[Edit] = (*EDITS, turn_freely, expose)


def further_view(picture: Image.Image, other: Image.Image, chance: random.Random) -> Image.Image:
    """A view of more kinds of edits, half of the time after other colours."""
    if chance.random() < 0.5:
        picture = recolour(picture, chance)
    return view(picture, other, chance, FURTHER)


def view(
    picture: Image.Image, other: Image.Image, chance: random.Random, edits: Sequence[Edit] = EDITS
) -> Image.Image:
    """One to three edits on top of each other; what becomes larger than a screen is made smaller at once."""
    for edit in chance.sample(edits, chance.choice([1, 2, 2, 3, 3])):
        picture = edit(picture, other, chance)
        picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        picture = (
            picture if min(picture.size) >= 16 else picture.resize([max(16, side) for side in picture.size])
        )
    return picture
