"""Which picture formats are read, how each is recognised, and what decoding each costs.

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
)
from PIL import WebPImagePlugin
from PIL.ImageFile import ImageFile

from indexer.picture import DecodeFailure, Reason
from indexer.source import Source

HEAD_BYTES = 64


@dataclass(frozen=True)
class Format:
    """A parser, and its costs as measured: memory at its peak, shrinking included.

    ``bytes_per_pixel`` is what the parser fills; ``holds_file`` says that it holds the whole file beside it.
    ``pixel_share`` of the general pixel limit is what it may decode in the time that a picture may take.
    """

    name: str
    open: Callable[[Source], ImageFile]
    bytes_per_pixel: float = 4
    holds_file: bool = False
    pixel_share: float = 1


class _Png(PngImagePlugin.PngImageFile):
    """Chunks behind the pixels are metadata again, bounded like those before them."""

    def load_end(self) -> None:
        cast(Source, self.fp).expect_header()
        super().load_end()


class _Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow follows the links to further tags after the pixels; these are bounded like the first ones."""

    def load_end(self) -> None:
        cast(Source, self.fp).expect_header()
        super().load_end()


def _open_with(parser: type[ImageFile]) -> Callable[[Source], ImageFile]:
    return lambda source: parser(cast("IO[bytes]", source))


def _bounded(parser: type[ImageFile], max_bytes: int) -> Callable[[Source], ImageFile]:
    def open_bounded(source: Source) -> ImageFile:
        source.expect_header(max_bytes)
        image = parser(cast("IO[bytes]", source))
        source.expect_pixels()
        return image

    return open_bounded


def _open_heif(source: Source) -> ImageFile:
    try:
        import pillow_heif
    except ImportError as error:
        raise DecodeFailure(
            Reason.UNSUPPORTED_FORMAT, "HEIC pictures need an extra: pip install 'siamese-index[heif]'"
        ) from error
    pillow_heif.options.DECODE_THREADS = 1  # the pool has a process for each core
    pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False
    return cast(ImageFile, pillow_heif.HeifImageFile(source))


def _open_avif(source: Source) -> ImageFile:
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    return AvifImagePlugin.AvifImageFile(cast("IO[bytes]", source))


# fmt: off
JPEG = Format("JPEG", _bounded(JpegImagePlugin.JpegImageFile, HEADER), pixel_share=4)  # at reduced scale; see jpeg.py
PNG = Format("PNG", _bounded(_Png, HEADER))
GIF = Format("GIF", _bounded(GifImagePlugin.GifImageFile, HEADER))
BMP = Format("BMP", _bounded(BmpImagePlugin.BmpImageFile, HEADER))
TIFF = Format("TIFF", _bounded(_Tiff, TIFF_HEADER), holds_file=True)  # libtiff wants it whole, and strips may be large
WEBP = Format("WEBP", _open_with(WebPImagePlugin.WebPImageFile), 16.5, holds_file=True)  # two canvases, two copies
AVIF = Format("AVIF", _open_avif, 12, holds_file=True)  # YUV planes, then RGB, then a copy
HEIF = Format("HEIF", _open_heif, 10, holds_file=True)  # the same, and libde265 takes 40 ns a pixel
# fmt: on
