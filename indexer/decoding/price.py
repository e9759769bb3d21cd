"""What decoding will cost, told from the header: a picture beyond the limits is refused before its first pixel."""

from typing import TYPE_CHECKING, cast

from indexer.decoding.formats import JPEG, TIFF, Format
from indexer.decoding.headers import first_scan_is_whole, jpeg_scans
from indexer.decoding.picture import DecodeFailure, Reason
from indexer.decoding.pixels import OVERSAMPLING
from indexer.decoding.source import Source

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.TiffImagePlugin import TiffImageFile

    from indexer.decoding.limits import Limits

_MIB = 1 << 20
_MEGA = 1_000_000
# The limit is one of address space, which is reserved more freely than it is filled.
_RESIDENT_SHARE = 1 / 4
_OVERHEAD_BYTES = 16 * _MIB  # bands, metadata, and libraries that a format brings with it
_MAX_PIECES = 50_000
_MAX_SCANS = 1000
_SCAN_PASSES = 20  # over as many pixels as the limit allows; each takes 50 ms at 50 megapixels
_COEFFICIENT_BYTES = 2
_BITS, _ORIENTATION, _STRIP_ROWS, _TILE_WIDTH, _TILE_ROWS = 258, 274, 278, 322, 323


def require_pixels(kind: Format, width: int, height: int, limits: "Limits") -> None:
    """Refuse more pixels than the format's share of the limit."""
    most = limits.max_pixels * kind.pixel_share
    if width * height > most:
        raise DecodeFailure(
            Reason.TOO_MANY_PIXELS,
            f"{width} x {height} is {width * height / _MEGA:.1f} megapixels, limit {most / _MEGA:.1f} for {kind.name}: "
            "raise max_pixels, or save it smaller",
        )


def require_pieces(pieces: int) -> None:
    """Refuse a TIFF cut into so many strips or tiles that keeping count of them costs more than the picture."""
    if pieces > _MAX_PIECES:
        raise DecodeFailure(
            Reason.TOO_SLOW,
            f"cut into {pieces} pieces, limit {_MAX_PIECES}: save it in larger strips or tiles",
        )


def require_memory(
    kind: Format, image: "ImageFile", pixels: int, source: Source, size: int, limits: "Limits"
) -> None:
    """Refuse a picture whose decoder would fill more memory than it may.

    ``image`` is opened, drafted and not yet decoded; ``pixels`` is how many it had before a reduced scale was chosen.
    """
    decoded = image.width * image.height
    needed = _OVERHEAD_BYTES + (
        kind.bytes_per_pixel * decoded
        + 4 * min(decoded, (2 * OVERSAMPLING * size) ** 2)
        + source.resident_bytes
    )
    if kind is JPEG:
        needed += _coefficient_bytes(cast("JpegImageFile", image), pixels, source, limits)
    elif kind is TIFF:
        needed += _strip_bytes(cast("TiffImageFile", image), source)
    elif kind.holds_file:
        needed += source.size_bytes
    most = limits.decode_memory_bytes * _RESIDENT_SHARE
    if needed > most:
        raise DecodeFailure(
            Reason.TOO_MUCH_MEMORY,
            f"{pixels / _MEGA:.1f} megapixels of this {kind.name} take {needed / _MIB:.0f} MiB to decode, limit "
            f"{most / _MIB:.0f}: raise decode_memory_bytes, or save it smaller or as another format",
        )


def _coefficient_bytes(image: "JpegImageFile", pixels: int, source: Source, limits: "Limits") -> int:
    """A JPEG of several scans is held as coefficients at full size until the last scan, and each scan visits all."""
    if "progressive" not in image.info and first_scan_is_whole(source, image.layers):
        return 0
    most = min(_MAX_SCANS, _SCAN_PASSES * limits.max_pixels // pixels)
    scans = jpeg_scans(source, most)
    if scans > most:
        raise DecodeFailure(
            Reason.TOO_SLOW,
            f"more than {most} scans over {pixels / _MEGA:.1f} megapixels: save it again as baseline",
        )
    sampling = [(across, down) for _id, across, down, _table in image.layer]
    blocks = sum(across * down for across, down in sampling)
    full = max(across for across, _ in sampling) * max(down for _, down in sampling)
    return _COEFFICIENT_BYTES * pixels * blocks // max(1, full)


def _strip_bytes(image: "TiffImageFile", source: Source) -> int:
    """Strips are decoded whole; libtiff wants the file whole; a picture that lies on its side is turned at full size."""
    tags = image.tag_v2
    width, rows = (
        tags.get(_TILE_WIDTH, image.width),
        tags.get(_TILE_ROWS, tags.get(_STRIP_ROWS, image.height)),
    )
    strip = width * min(rows, max(image.size)) * sum(tags.get(_BITS, (1,))) // 8
    turned = 4 * image.width * image.height if tags.get(_ORIENTATION, 1) != 1 else 0
    if image.use_load_libtiff:
        return int(strip) + source.size_bytes + turned
    return (int(strip) if len(image.tile) > 1 else 0) + turned
