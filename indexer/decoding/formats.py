"""Which picture formats are read, how each is recognised, and which parser reads it.

A file is what its first bytes say, whatever it is called. Only the parsers named here are ever called: Pillow's
forty others, and its guessing, stay shut.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, cast

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile

from indexer.decoding.picture import DecodeFailure, Reason
from indexer.decoding.sound_formats import is_sound
from indexer.decoding.source import Source

HEAD_BYTES = 256

PngImagePlugin.MAX_TEXT_MEMORY = 4 << 20  # Pillow keeps all text, and would keep 64 MiB


@dataclass(frozen=True)
class Format:
    """A parser and its price, as measured on pictures of 12 to 200 megapixels.

    ``bytes_per_pixel`` is what it fills at its peak, ``holds_file`` that it holds the whole file beside that, and
    ``pixel_share`` the part of the general pixel limit that it decodes in the time a picture may take.
    """

    name: str
    open: Callable[[Source], ImageFile]
    bytes_per_pixel: float = 4
    holds_file: bool = False
    pixel_share: float = 1


class _Png(PngImagePlugin.PngImageFile):
    """Chunks behind the pixels are metadata again, bounded like those before them."""

    def load_end(self) -> None:
        _source(self).expect_header()
        super().load_end()


class _Tiff(TiffImagePlugin.TiffImageFile):
    """The tags that are followed after the pixels are bounded like those before them."""

    def load_end(self) -> None:
        _source(self).expect_header()
        super().load_end()


def _source(image: ImageFile) -> Source:
    return cast(Source, image.fp)


def _bounded(parser: type[ImageFile]) -> Callable[[Source], ImageFile]:
    """Open by a parser that reads the header first and the pixels on demand."""

    def open_bounded(source: Source) -> ImageFile:
        source.expect_header()
        image = parser(cast("IO[bytes]", source))
        source.expect_pixels()
        return image

    return open_bounded


def _open_webp(source: Source) -> ImageFile:
    return WebPImagePlugin.WebPImageFile(cast("IO[bytes]", source))


def _open_avif(source: Source) -> ImageFile:
    if not AvifImagePlugin.SUPPORTED:
        raise DecodeFailure(
            Reason.UNSUPPORTED_FORMAT, "this Pillow was built without AVIF: pip install -U pillow"
        )
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # there is a decoding process for each core
    return AvifImagePlugin.AvifImageFile(cast("IO[bytes]", source))


def _open_heif(source: Source) -> ImageFile:
    try:
        import pillow_heif
    except ImportError as error:
        raise DecodeFailure(
            Reason.UNSUPPORTED_FORMAT, "HEIC pictures need an extra: pip install 'siamese-index[heif]'"
        ) from error
    options = pillow_heif.options
    options.DECODE_THREADS = 1
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    return cast(ImageFile, pillow_heif.HeifImageFile(source))


JPEG = Format(
    "JPEG", _bounded(JpegImagePlugin.JpegImageFile), pixel_share=4
)  # 200 megapixels in 0.4 s, at an eighth
PNG = Format("PNG", _bounded(_Png))
GIF = Format("GIF", _bounded(GifImagePlugin.GifImageFile))
BMP = Format("BMP", _bounded(BmpImagePlugin.BmpImageFile))
BMP_RLE = Format("BMP", BMP.open, pixel_share=0.04)  # decoded in Python: 2 megapixels in a second
TIFF = Format("TIFF", _bounded(_Tiff))  # and what its strips take
WEBP = Format("WEBP", _open_webp, bytes_per_pixel=16.5, holds_file=True)  # two canvases and two copies
AVIF = Format("AVIF", _open_avif, bytes_per_pixel=12, holds_file=True)  # planes, RGB, and a copy
HEIF = Format("HEIF", _open_heif, bytes_per_pixel=9, holds_file=True)  # planes, RGB, and a copy

_MAGIC = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
)
_BRANDS = {
    b"avif": AVIF,
    b"avis": AVIF,
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"), HEIF),
}
_SHUT = (
    (b"8BPS", "Photoshop"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"\0\0\1\0", "icon"),
    (b"\0\0\2\0", "cursor or Targa"),
    (b"icns", "icon"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"DDS ", "DirectDraw"),
    (b"SIMPLE  =", "FITS"),
    (b"\xd7\xcd\xc6\x9a", "Windows metafile"),
    (b"qoif", "QOI"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance"),
    (b"gimp xcf", "GIMP"),
    *((b"P%d" % kind + space, "Netpbm") for kind in range(1, 7) for space in (b"\n", b" ", b"\r", b"\t")),
)


def recognise(head: bytes) -> Format:
    """Tell a file's format from its first ``HEAD_BYTES`` bytes.

    Raises:
        DecodeFailure: empty, not an image, or of a format that is not read.
    """
    if not head:
        raise DecodeFailure(Reason.EMPTY, "the file is empty: copy it again from where it came")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp":
        return _recognise_brand(head)
    for magic, name in _SHUT:
        if head.startswith(magic):
            raise DecodeFailure(
                Reason.UNSUPPORTED_FORMAT, f"{name} files are not read: save it as PNG or JPEG"
            )
    if is_sound(head):
        raise DecodeFailure(
            Reason.NOT_AN_IMAGE,
            'a sound, not a picture: it takes an encoder whose spec says "view": "spectrum"',
        )
    raise DecodeFailure(Reason.NOT_AN_IMAGE, "no picture begins like this, whatever the file is called")


def _recognise_brand(head: bytes) -> Format:
    """HEIC and AVIF share a container with films; the brands say what is inside."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    for brand in brands:
        if brand in _BRANDS:
            return _BRANDS[brand]
    if brands[0] in {b"mif1", b"msf1"}:
        raise DecodeFailure(
            Reason.UNSUPPORTED_FORMAT, "a HEIF container without HEIC or AVIF: save it as JPEG"
        )
    raise DecodeFailure(Reason.NOT_AN_IMAGE, "a film or another container, not a picture")
