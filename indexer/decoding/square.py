"""Bytes that anyone may have made in, a square RGB image out: the only door to Pillow for a catalogue's pictures.

What a header promises is held against the limits before a pixel is decoded: a picture that passes costs a worker at
most 300 MiB and two seconds. What a parser does with hostile bytes beyond that is the sandbox's concern. Numpy, whose
import would be a third of a worker's start, is imported for the few pictures that take it.
"""

import logging
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image
from PIL.ImageFile import ImageFile

from indexer.decoding.failures import failures_named
from indexer.decoding.formats import BMP, BMP_RLE, GIF, HEAD_BYTES, JPEG, TIFF, WEBP, Format, recognise
from indexer.decoding.headers import tiff_pieces, webp_canvas
from indexer.decoding.picture import Square
from indexer.decoding.price import require_memory, require_pieces, require_pixels
from indexer.decoding.source import Source, require_file_size
from indexer.decoding.views import decoded_side, to_view
from retrieval.view import Fit, View

if TYPE_CHECKING:
    from indexer.decoding.limits import Limits

_ORIENTATION = 0x0112
_EXIF_PLACES = frozenset({"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"})

# Without a handler of its own, a library's log goes to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def decode_square(
    data: bytes | BinaryIO, *, size: int, fit: Fit, limits: "Limits", view: View = View.COLOUR
) -> Square:
    """Decode the first frame of a picture, given as bytes or as an open file, to a square of ``size`` pixels.

    With ``View.SPECTRUM`` a sound is decoded instead, to the picture of its spectrum.

    Raises:
        DecodeFailure: anything that is not an intact picture, or sound, within the limits, with its reason.
    """
    with failures_named():
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
        orientation = orientation_of(image)
        square = to_view(
            image, size=size, fit=fit, view=view, orientation=orientation, extent=extent, covered=covered
        )
        return upright_square(square, width, height, orientation, kind.name)


def orientation_of(image: Image.Image) -> int:
    """Return EXIF's orientation; 1, which is upright, where there is none or none that can be read."""
    if _EXIF_PLACES.isdisjoint(image.info):
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # a picture is not rejected for its metadata
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def upright_square(image: Image.Image, width: int, height: int, orientation: int, name: str) -> Square:
    """Name what a square was made of: a picture of ``width`` x ``height`` pixels as they are stored."""
    if orientation >= 5:  # lies on its side
        width, height = height, width
    return Square(image, width, height, name)


def _heard(source: Source, size: int) -> Square:
    from indexer.decoding.audio import read_sound
    from indexer.decoding.spectrum import to_spectrum

    sound = read_sound(source)
    pixels = to_spectrum(sound.samples, sound.rate, size=size)
    return Square(Image.fromarray(pixels), len(sound.samples), sound.channels, sound.format)


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
