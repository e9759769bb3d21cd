"""What happens to pictures on their way round the world: copies that are edited, and one that is forged."""

from collections.abc import Callable, Iterable
from io import BytesIO

from PIL import Image, ImageColor, ImageDraw, ImageFont, ImageOps

Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


def resaved(picture: Image.Image) -> Image.Image:
    """Sent on by a messenger that spares bytes: JPEG at quality 15."""
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=15)
    return Image.open(stream).convert("RGB")


def cropped(picture: Image.Image) -> Image.Image:
    """A strip cut off every side, up to a seventh of the picture."""
    width, height = picture.size
    return picture.crop((width // 8, height // 12, width - width // 16, height - height // 7))


def flipped(picture: Image.Image) -> Image.Image:
    """Left for right."""
    return ImageOps.mirror(picture)


def resized(picture: Image.Image) -> Image.Image:
    """Two fifths of the width and height."""
    return picture.resize((picture.width * 2 // 5, picture.height * 2 // 5), Image.Resampling.LANCZOS)


def captioned(picture: Image.Image) -> Image.Image:
    """In a white frame with a line of text under it, as a shop window or a forum would show it."""
    margin, line = picture.width // 24, picture.width // 9
    framed = Image.new("RGB", (picture.width + 2 * margin, picture.height + margin + line), "#fdfcf8")
    framed.paste(picture, (margin, margin))
    middle = (framed.width / 2, picture.height + margin + line / 2)
    font = ImageFont.load_default(line * 0.36)
    ImageDraw.Draw(framed).text(middle, "seen this week · swipe for more", "#3a3a3a", font, anchor="mm")
    return framed


def tinted(picture: Image.Image) -> Image.Image:
    """A sunset filter: shadows to violet, lights to apricot, half as strong as it could be."""
    filtered = ImageOps.colorize(
        ImageOps.grayscale(picture), ImageColor.getrgb("#2b1240"), ImageColor.getrgb("#ffe0ac")
    )
    return Image.blend(picture, filtered, 0.5)


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    edit.__name__: edit for edit in (resaved, cropped, flipped, resized, captioned, tinted)
}


def altered(original: Image.Image, forged: Image.Image, boxes: Iterable[Box]) -> Image.Image:
    """The original with the boxes taken from a forged picture of the same size; every other pixel stays as it was."""
    picture = original.copy()
    for box in boxes:
        picture.paste(forged.crop(box), box)
    return picture
