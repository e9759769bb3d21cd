"""What people do to a picture before they post it again: edits drawn from a seed, for fitting and for measuring."""

import io
import random
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

LARGEST_SIDE = 512  # pixels; edits of a larger picture would only take longer

Colour = tuple[int, int, int]


def crop(picture: Image.Image, chance: random.Random) -> Image.Image:
    width, height = picture.size
    w, h = (int(side * chance.uniform(0.55, 0.9)) for side in picture.size)
    left, top = chance.randint(0, width - w), chance.randint(0, height - h)
    return picture.crop((left, top, left + w, top + h))


def rotate(picture: Image.Image, chance: random.Random) -> Image.Image:
    return picture.rotate(chance.uniform(-25, 25), Image.Resampling.BICUBIC, expand=True, fillcolor="black")


def mirror(picture: Image.Image, _chance: random.Random) -> Image.Image:
    return ImageOps.mirror(picture)


def recolour(picture: Image.Image, chance: random.Random) -> Image.Image:
    for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = kind(picture).enhance(chance.uniform(0.5, 1.6))
    return picture


def grey(picture: Image.Image, _chance: random.Random) -> Image.Image:
    return picture.convert("L").convert("RGB")


def blur(picture: Image.Image, chance: random.Random) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(min(picture.size) * chance.uniform(0.005, 0.02)))


def shrink(picture: Image.Image, chance: random.Random) -> Image.Image:
    factor = chance.uniform(0.25, 0.5)
    return picture.resize((max(1, int(picture.width * factor)), max(1, int(picture.height * factor))))


def stretch(picture: Image.Image, chance: random.Random) -> Image.Image:
    return picture.resize((max(1, int(picture.width * chance.uniform(0.6, 1.6))), picture.height))


def frame(picture: Image.Image, chance: random.Random) -> Image.Image:
    return ImageOps.expand(picture, int(min(picture.size) * chance.uniform(0.05, 0.25)), any_colour(chance))


def write_on(picture: Image.Image, chance: random.Random) -> Image.Image:
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    for _ in range(chance.randint(1, 3)):
        at = (chance.uniform(0, 0.6) * picture.width, chance.uniform(0, 0.9) * picture.height)
        text = "".join(chance.choices("ABCDEFGHKLMNOPRSTUVXYZ 0123456789", k=12))
        draw.text(at, text, fill=any_colour(chance), font_size=max(4.0, picture.height / 9))
    return picture


def paste_over(picture: Image.Image, chance: random.Random) -> Image.Image:
    picture = picture.copy()
    w, h = (side * chance.uniform(0.2, 0.4) for side in picture.size)
    x, y = chance.uniform(0, picture.width - w), chance.uniform(0, picture.height - h)
    ImageDraw.Draw(picture).ellipse((x, y, x + w, y + h), fill=any_colour(chance))
    return picture


# --- further edits, for fitting only ---------------------------------------------------------------------------


def tilt(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Seen from the side: every corner moves inwards by up to a sixth."""
    width, height = picture.size
    corners = [(0, 0), (0, height), (width, height), (width, 0)]
    moved = [
        (
            x + (1 if x == 0 else -1) * chance.uniform(-1, 1) * width / 6,
            y + (1 if y == 0 else -1) * chance.uniform(-1, 1) * height / 6,
        )
        for x, y in corners
    ]
    quad = [value for corner in moved for value in corner]
    return picture.transform(picture.size, Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)


def grain(picture: Image.Image, chance: random.Random) -> Image.Image:
    noise = Image.frombytes("RGB", picture.size, chance.randbytes(3 * picture.width * picture.height))
    return Image.blend(picture, noise, chance.uniform(0.05, 0.3))


def pixelate(picture: Image.Image, chance: random.Random) -> Image.Image:
    factor = chance.uniform(0.15, 0.4)
    small = picture.resize((max(1, int(picture.width * factor)), max(1, int(picture.height * factor))))
    return small.resize(picture.size, Image.Resampling.NEAREST)


def turn(picture: Image.Image, chance: random.Random) -> Image.Image:
    return picture.transpose(
        chance.choice([Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270])
    )


def tint(picture: Image.Image, chance: random.Random) -> Image.Image:
    return Image.blend(picture, Image.new("RGB", picture.size, any_colour(chance)), chance.uniform(0.1, 0.35))


def shift_hue(picture: Image.Image, chance: random.Random) -> Image.Image:
    hue, saturation, value = picture.convert("HSV").split()
    turned = ImageChops.add_modulo(hue, Image.new("L", hue.size, chance.randint(-30, 30) % 256))
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def screenshot(picture: Image.Image, chance: random.Random) -> Image.Image:
    """On a page of one colour, with more room on one side than on the other."""
    width, height = (int(side * chance.uniform(1.1, 1.8)) for side in picture.size)
    page = Image.new("RGB", (width, height), chance.choice([(255, 255, 255), (0, 0, 0), any_colour(chance)]))
    page.paste(
        picture, (chance.randint(0, width - picture.width), chance.randint(0, height - picture.height))
    )
    return page


MEASURED = (crop, rotate, mirror, recolour, grey, blur, shrink, stretch, frame, write_on, paste_over)
FITTED = (*MEASURED, tilt, grain, pixelate, turn, tint, shift_hue, screenshot)


def any_colour(chance: random.Random) -> Colour:
    return chance.randint(0, 255), chance.randint(0, 255), chance.randint(0, 255)


def edited(
    path: Path, chance: random.Random, *, kinds: tuple[object, ...] = MEASURED, count: int = 3
) -> bytes:
    """JPEG bytes of the photo after ``count`` different edits and a strong compression."""
    with Image.open(path) as opened:
        opened.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    for edit in chance.sample(kinds, count):
        picture = edit(picture, chance)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=chance.randint(20, 60))
    return buffer.getvalue()
