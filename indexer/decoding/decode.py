"""Bytes that anyone may have made in, square RGB pixels out: the only door to Pillow for a catalogue's pictures.

What a header promises is held against the limits before a pixel is decoded: a picture that passes costs a worker at
most 300 MiB and two seconds. What a parser does with hostile bytes beyond that is the sandbox's concern.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile

from indexer.decoding.audio import read_sound
from indexer.decoding.formats import BMP, BMP_RLE, GIF, HEAD_BYTES, JPEG, TIFF, WEBP, Format, recognise
from indexer.decoding.headers import tiff_pieces, webp_canvas
from indexer.decoding.picture import DecodeFailure, Picture, Reason
from indexer.decoding.price import require_memory, require_pieces, require_pixels
from indexer.decoding.source import Source, require_file_size
from indexer.decoding.spectrum import to_spectrum
from indexer.decoding.views import decoded_side, to_view
from retrieval.view import Fit, View

if TYPE_CHECKING:
    from indexer.decoding.limits import Limits

__all__ = ["DecodeFailure", "Picture", "Reason", "decode", "from_array", "from_image"]

_ORIENTATION = 0x0112
_EXIF_PLACES = frozenset({"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"})
_REASONS_BY_WORD = {  # what parsers say, in lower case
    "truncated": Reason.TRUNCATED,
    "requires a buffer": Reason.TRUNCATED,
    "end of file": Reason.TRUNCATED,
    "max_text": Reason.TOO_MUCH_METADATA,
    "memory": Reason.TOO_MUCH_MEMORY,
    "cannot handle": Reason.UNSUPPORTED_FORMAT,
    "unsupported": Reason.UNSUPPORTED_FORMAT,
    "unknown pixel mode": Reason.UNSUPPORTED_FORMAT,
}
_MESSAGES = {
    Reason.TRUNCATED: "the end is missing ({}): copy it again from where it came",
    Reason.DAMAGED: "its data is broken ({}): copy it again from where it came",
    Reason.TOO_MUCH_METADATA: "too much beside its pixels ({}): save it again without metadata",
    Reason.TOO_MUCH_MEMORY: "memory ran out while decoding ({}): raise decode_memory_bytes, or save it smaller",
    Reason.UNSUPPORTED_FORMAT: "a variant that is not read ({}): save it as an ordinary PNG or JPEG",
    Reason.UNREADABLE: "the system could not read it ({}): check the disk or the share that it is on",
}

# Without a handler of its own, a library's log goes to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def decode(
    data: bytes | BinaryIO, *, size: int, fit: Fit, limits: "Limits", view: View = View.COLOUR
) -> Picture:
    """Decode the first frame of a picture, given as bytes or as an open file, to (size, size, 3) pixels.

    With ``View.SPECTRUM`` a sound is decoded instead, to the picture of its spectrum.

    Raises:
        DecodeFailure: anything that is not an intact picture, or sound, within the limits, with its reason.
    """
    with _failures_named():
        source = Source(data)
        require_file_size(source.size_bytes, limits)
        if view is View.SPECTRUM:
            return _heard(source, size)
        side = decoded_side(size, view)
        kind, image = _open(source, limits)
        whole = image.size
        extent = _draft(image, side) if kind is JPEG else None
        require_memory(kind, image, whole[0] * whole[1], source, side, limits)
        covered = _first_frame(image) if kind is GIF else None
        image.load()
        width, height = whole if extent else image.size
        orientation = _orientation(image)
        pixels = to_view(
            image, size=size, fit=fit, view=view, orientation=orientation, extent=extent, covered=covered
        )
        return _picture(pixels, width, height, orientation, kind.name)


def from_array(pixels: npt.NDArray[np.uint8], *, size: int, fit: Fit, view: View = View.COLOUR) -> Picture:
    """Take (height, width, 3) RGB or (height, width) grey uint8 pixels as a picture.

    Raises:
        DecodeFailure: an array of another shape or type, or one without pixels.
    """
    is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not is_picture or pixels.dtype != np.uint8 or not pixels.size:
        raise DecodeFailure(
            Reason.NOT_AN_IMAGE,
            f"expected uint8 pixels of shape (height, width, 3) or (height, width), got {pixels.dtype} {pixels.shape}",
        )
    return from_image(Image.fromarray(np.ascontiguousarray(pixels)), size=size, fit=fit, view=view)


def from_image(image: Image.Image, *, size: int, fit: Fit, view: View = View.COLOUR) -> Picture:
    """Take an open Pillow image as a picture, turned as its EXIF says. It is loaded, and otherwise left alone.

    Raises:
        DecodeFailure: its pixels cannot be loaded, or it has none, or the view is that of sounds.
    """
    if view is View.SPECTRUM:
        raise DecodeFailure(
            Reason.NOT_A_SOUND, "pixels are no sound: give this encoder a sound file or its bytes"
        )
    with _failures_named():
        image.load()
        if not image.width * image.height:
            raise DecodeFailure(
                Reason.NOT_AN_IMAGE, f"an image of {image.width} x {image.height} has no pixels"
            )
        orientation = _orientation(image)
        pixels = to_view(image, size=size, fit=fit, view=view, orientation=orientation)
        return _picture(pixels, image.width, image.height, orientation, image.format or "pixels")


def _heard(source: Source, size: int) -> Picture:
    sound = read_sound(source)
    pixels = to_spectrum(sound.samples, sound.rate, size=size)
    return Picture(pixels, len(sound.samples), sound.channels, sound.format)


def _open(source: Source, limits: "Limits") -> tuple[Format, ImageFile]:
    """Read the header, and hold it against the limits."""
    kind = recognise(source.read(HEAD_BYTES))
    if kind is WEBP:
        require_pixels(kind, *webp_canvas(source), limits)
    if kind is TIFF:
        require_pieces(tiff_pieces(source))
    source.rewind()
    image = kind.open(source)
    if kind is BMP and image.tile[0].codec_name == "bmp_rle":
        kind = BMP_RLE
    require_pixels(kind, image.width, image.height, limits)
    return kind, image


def _draft(image: ImageFile, size: int) -> tuple[float, float] | None:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, not below ``size`` on either side; return what it then measures."""
    drafted = image.draft(None, (size, size))
    return drafted and drafted[1][2:]


def _first_frame(image: ImageFile) -> tuple[int, int, int, int] | None:
    """Return the box that a first frame fills, or None where it fills the canvas."""
    extents = image.tile[0].extents
    return None if extents == (0, 0, *image.size) else extents


def _orientation(image: Image.Image) -> int:
    """Return EXIF's orientation; 1, which is upright, where there is none or none that can be read."""
    if _EXIF_PLACES.isdisjoint(image.info):
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # a picture is not rejected for its metadata
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _picture(pixels: npt.NDArray[np.uint8], width: int, height: int, orientation: int, name: str) -> Picture:
    if orientation >= 5:  # lies on its side
        width, height = height, width
    return Picture(pixels, width, height, name)


@contextmanager
def _failures_named() -> Iterator[None]:
    """Turn whatever a parser raises into a DecodeFailure, and keep its warnings from the terminal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DecodeFailure:
        raise
    except Image.DecompressionBombError as error:
        raise DecodeFailure(
            Reason.TOO_MANY_PIXELS, "more pixels than any limit allows: save it smaller"
        ) from error
    except Exception as error:  # parsers of hostile bytes raise anything
        text = "".join(filter(str.isprintable, str(error)))[:200] or type(error).__name__
        reason = _reason(error, text.lower())
        raise DecodeFailure(reason, _MESSAGES[reason].format(text)) from error


def _reason(error: Exception, text: str) -> Reason:
    if isinstance(error, MemoryError):
        return Reason.TOO_MUCH_MEMORY
    if isinstance(error, OSError) and error.errno:  # the system's, not a parser's
        return Reason.UNREADABLE
    return next((reason for words, reason in _REASONS_BY_WORD.items() if words in text), Reason.DAMAGED)
