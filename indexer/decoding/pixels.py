"""From a decoded picture of any colour mode and shape to a square of RGB, in little more memory than it has.

A large picture is first averaged down by whole factors; what must become RGB before it can be averaged (palettes,
alpha, 16 bits) does so band by band. Colour profiles, resampling, turning and padding then see few pixels.
"""

import math
from io import BytesIO
from typing import cast

from PIL import Image

from indexer.decoding.picture import padded_box
from retrieval.view import Fit

Box = tuple[int, int, int, int]

OVERSAMPLING = (
    2  # averaging leaves at least twice the target: the resampling filter, not the averaging, has the say
)
_BAND_PIXELS = 1 << 20
_AVERAGED = frozenset(
    {"L", "RGB", "CMYK", "LAB", "I", "F"}
)  # channels that can be averaged before they become RGB
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def to_square(
    image: Image.Image,
    *,
    size: int,
    fit: Fit,
    orientation: int = 1,
    extent: tuple[float, float] | None = None,
    covered: Box | None = None,
) -> Image.Image:
    """Make a square RGB image of ``size`` pixels, upright and on white.

    ``orientation`` is EXIF's. ``extent`` is the width and height of the picture inside ``image``, which decoding at
    a reduced scale may have rounded up. ``covered`` is the box that a first frame fills, if that is not the whole.
    """
    upright = to_upright(image, size=size, fit=fit, orientation=orientation, extent=extent, covered=covered)
    return _on_white(upright, size) if fit is Fit.PAD else upright


def to_upright(
    image: Image.Image,
    *,
    size: int,
    fit: Fit,
    orientation: int = 1,
    extent: tuple[float, float] | None = None,
    covered: Box | None = None,
) -> Image.Image:
    """Make the RGB picture that `to_square` pads: its longer side is ``size`` pixels, and both are unless padded."""
    left, top, right, bottom = _wanted(extent or image.size, fit)
    target = _target(right - left, bottom - top, size, fit)
    outer = (math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))
    by_x = max(1, int((right - left) / (OVERSAMPLING * target[0])))
    by_y = max(1, int((bottom - top) / (OVERSAMPLING * target[1])))
    small = _to_rgb(_shrink(image, (by_x, by_y), outer, covered))
    inner = (
        (left - outer[0]) / by_x,
        (top - outer[1]) / by_y,
        (right - outer[0]) / by_x,
        (bottom - outer[1]) / by_y,
    )
    upright = small.resize(target, Image.Resampling.BICUBIC, box=inner)
    if orientation in _TURNS:
        upright = upright.transpose(_TURNS[orientation])
    return upright


def _wanted(extent: tuple[float, float], fit: Fit) -> tuple[float, float, float, float]:
    width, height = extent
    if fit is not Fit.CROP:
        return 0, 0, width, height
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _target(width: float, height: float, size: int, fit: Fit) -> tuple[int, int]:
    if fit is not Fit.PAD:
        return size, size
    left, top, right, bottom = padded_box(width, height, size)
    return right - left, bottom - top


def _shrink(image: Image.Image, factors: tuple[int, int], outer: Box, covered: Box | None) -> Image.Image:
    """Average the pixels inside ``outer`` by whole factors."""
    if image.mode in _AVERAGED and covered is None and not image.has_transparency_data:
        return image if factors == (1, 1) and outer == (0, 0, *image.size) else image.reduce(factors, outer)
    left, top, right, bottom = outer
    by_x, by_y = factors
    small = Image.new("RGB", (-(-(right - left) // by_x), -(-(bottom - top) // by_y)))
    rows = max(1, _BAND_PIXELS // ((right - left) * by_y)) * by_y
    for y in range(top, bottom, rows):
        band = _flatten(image.crop((left, y, right, min(y + rows, bottom))))
        if covered is not None:
            band = _whiten(band, (covered[0] - left, covered[1] - y, covered[2] - left, covered[3] - y))
        small.paste(band.reduce(factors), (0, (y - top) // by_y))
    return small


def _flatten(band: Image.Image) -> Image.Image:
    """Turn a band of any mode into opaque RGB or L."""
    if band.mode.startswith("I;16"):
        return _high_bytes(band)
    if not band.has_transparency_data:
        return band.convert("RGB")
    pixels = band.convert("RGBA")
    white = Image.new("RGB", band.size, "white")
    white.paste(pixels, mask=pixels)
    return white


def _high_bytes(band: Image.Image) -> Image.Image:
    """Scale 16 bits of grey to 8 as Pillow scales 16 bits of colour: by the high byte."""
    import numpy as np

    values = np.asarray(band)
    grey = (values >> 8).astype(np.uint8)
    transparent = band.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey)


def _whiten(band: Image.Image, covered: Box) -> Image.Image:
    """Paint white what lies outside ``covered``."""
    white = Image.new("RGB", band.size, "white")
    left, top = max(0, covered[0]), max(0, covered[1])
    right, bottom = min(band.width, covered[2]), min(band.height, covered[3])
    if left < right and top < bottom:
        white.paste(band.crop((left, top, right, bottom)), (left, top))
    return white


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode in {"I", "F"}:
        return _scaled(image).convert("RGB")
    profile = image.info.get("icc_profile")
    if image.mode == "CMYK" and isinstance(profile, bytes):
        from PIL import ImageCms

        try:
            return _through_profile(image, profile)
        except (OSError, ImageCms.PyCMSError):
            pass  # not a profile, or not one for inks: the plain formula is near enough
    return image.convert("RGB")


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image:
    from PIL import ImageCms

    origin, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, origin, srgb, outputMode="RGB")
    return cast(Image.Image, converted)  # only a conversion in place returns nothing


def _scaled(image: Image.Image) -> Image.Image:
    """Bring integers or floats to 8 bits: from 0..1, 0..255 or 0..65535 where they fit, else from their own range."""
    import numpy as np

    values = np.nan_to_num(np.asarray(image, np.float64))
    low, high = float(values.min()), float(values.max())
    ranges = [1.0, 255.0, 65535.0] if image.mode == "F" else [255.0, 65535.0]
    full = next((full for full in ranges if low >= 0 and high <= full), None)
    low, full = (0.0, full) if full else (low, (high - low) or 1.0)
    return Image.fromarray(np.rint((values - low) / full * 255).astype(np.uint8))


def _on_white(picture: Image.Image, size: int) -> Image.Image:
    canvas = Image.new("RGB", (size, size), "white")
    canvas.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return canvas
