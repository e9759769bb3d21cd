"""Files that are larger than they look, or say that they are: pixels, metadata, parts."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageCms

from indexer.decoding.picture import Reason
from tests.hostile.crafted import (
    bmp,
    chunk,
    disguised_jpeg,
    exif,
    flat_jpeg,
    gif,
    gif_frame,
    heic,
    holed,
    layered_jpeg,
    photo,
    png,
    riff,
    saved,
    segment,
    tiff,
    with_segments,
)
from tests.hostile.specimen import BROKEN, DECODES, Specimen, of

HUGE = 65_535
MEGA = 1_000_000


def size_lies() -> Iterator[Specimen]:
    many = Reason.TOO_MANY_PIXELS
    yield of("88-megapixels-in-10-kb.png", lambda: png(9400, 9400, 1, 0), many)
    yield of("169-megapixels.png", lambda: png(13_000, 13_000, 8, 0), many)
    yield of("4-gigapixels.jpg", lambda: flat_jpeg(HUGE, HUGE)[:5000], many)
    yield of("4-gigapixels.gif", lambda: gif(HUGE, HUGE, gif_frame(0, 0, 1, 1)), many)
    yield of("frame-beyond-the-screen.gif", lambda: gif(8, 8, gif_frame(60_000, 60_000, 8, 8)), many)
    yield of("screen-larger-than-frame.gif", lambda: gif(64, 64, gif_frame(8, 8, 8, 8)), DECODES)
    yield of("gigapixels.bmp", lambda: bmp(1 << 20, 1 << 20), many)
    yield of("negative-width.bmp", lambda: bmp(-9, 9), many)
    yield of("upside-down.bmp", lambda: bmp(9, -9, data=bytes(28 * 9)), DECODES)
    yield of("no-rows.bmp", lambda: bmp(9, 9), *BROKEN)
    yield of("run-lengths-forever.bmp", lambda: bmp(7000, 7000, 8, 1, b"\0\0" * 9999), many)
    yield of("run-lengths.bmp", lambda: bmp(40, 40, 8, 1, b"\x28\x07\0\0" * 40 + b"\0\1"), DECODES)
    canvas = bytes(4) + b"\xfe\x3f\0\xfe\x3f\0"
    yield of("268-megapixels.webp", lambda: riff((b"VP8X", canvas)), many)
    yield of(
        "268-megapixels-lossless.webp", lambda: riff((b"VP8L", b"\x2f\xff\xff\xff\x0f" + bytes(40))), many
    )
    yield of("no-width.png", lambda: png(0, 9), *BROKEN)
    yield of("no-height.jpg", lambda: flat_jpeg(9, 0), *BROKEN)
    yield of("one-pixel.png", lambda: png(1, 1), DECODES)
    yield of("one-column.png", lambda: png(1, 60_000), DECODES)
    yield of("one-row.jpg", lambda: flat_jpeg(60_000, 1), DECODES)
    yield of(
        "gigapixels.tif",
        lambda: tiff((256, 4, 1, 1 << 20), (257, 4, 1, 1 << 20), (262, 3, 1, 1)),
        *BROKEN,
        many,
    )
    strip = (
        (256, 4, 1, 99),
        (257, 4, 1, 99),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 1000),
        (278, 4, 1, 99),
    )
    yield of("10-gb-strip.tif", lambda: tiff(*strip, (279, 4, 1, 0xFFFFFFFF), data=bytes(99)), *BROKEN)
    yield of("10-gb-strip-packed.tif", lambda: tiff(*strip, (259, 3, 1, 5), (279, 4, 1, 0xFFFFFFFF)), *BROKEN)
    yield of(
        "endless-list.tif", lambda: tiff(*strip, (279, 4, 1, 9801), data=bytes(9801), following=8), DECODES
    )
    tiles = (322, 4, 1, 16), (323, 4, 1, 16), (324, 3, 2_000_000, 1000), (325, 4, 1, 256)
    size = (256, 4, 1, 7000), (257, 4, 1, 7000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)
    yield of("two-million-tiles.tif", lambda: tiff(*size, *tiles, data=bytes(4 * MEGA)), Reason.TOO_SLOW)
    wide = (322, 4, 1, 1 << 20), (323, 4, 1, 1 << 20), (324, 4, 1, 1000), (325, 4, 1, 256)
    packed = [(259, 3, 1, 5) if entry[0] == 259 else entry for entry in size]
    yield of("terabyte-tile.tif", lambda: tiff(*packed, *wide, data=bytes(999)), Reason.TOO_MUCH_MEMORY)


def bombs_within_the_limits() -> Iterator[Specimen]:
    """What is as large as it may be: these set the price of the dearest picture."""
    side = 7071
    for name, depth, colour in (("black", 1, 0), ("grey", 8, 0), ("deep-grey", 16, 0), ("colour", 8, 2)):
        yield of(f"50-megapixels-{name}.png", lambda d=depth, c=colour: png(side, side, d, c), DECODES)
    for name, depth, colour in (("deep", 16, 2), ("palette", 8, 3), ("grey-alpha", 8, 4), ("alpha", 8, 6)):
        yield of(f"50-megapixels-{name}.png", lambda d=depth, c=colour: png(side, side, d, c), DECODES)
    yield of("50-megapixels-deep-alpha-interlaced.png", lambda: png(side, side, 16, 6, interlace=1), DECODES)
    yield of("50-megapixels-wide.png", lambda: png(500_000, 100, 8, 6), DECODES)
    yield of("50-megapixels-tall.png", lambda: png(100, 500_000, 8, 6), DECODES)
    yield of("200-megapixels.jpg", lambda: flat_jpeg(20_000, 10_000), DECODES)
    yield of("41-megapixels-one-scan.jpg", lambda: flat_jpeg(6400, 6400, 0xC2, layers=3), DECODES)
    yield of(
        "49-megapixels-one-scan.jpg", lambda: flat_jpeg(7000, 7000, 0xC2, layers=3), Reason.TOO_MUCH_MEMORY
    )
    yield of("50-megapixels.gif", lambda: saved(Image.new("P", (side, side)), "GIF"), DECODES)
    yield Specimen(
        "50-megapixels.bmp", lambda path: holed(path, bmp(7068, 7068), 7068 * 7068 * 3), frozenset({DECODES})
    )
    for name, rows, orientation, fate in (
        ("50-megapixels.tif", 8330, 1, DECODES),
        ("25-megapixels-on-its-side.tif", 4160, 6, DECODES),
        ("44-megapixels-on-its-side.tif", 7330, 6, Reason.TOO_MUCH_MEMORY),
    ):
        head, hole = _tiff_head(6000, rows, (274, 3, 1, orientation)), 3 * 6000 * rows
        yield Specimen(name, lambda path, parts=(head, hole): holed(path, *parts), frozenset({fate}))
    yield of(
        "49-megapixels-in-one-strip.tif",
        lambda: _tiff_head(7000, 7000, (259, 3, 1, 5)),
        Reason.TOO_MUCH_MEMORY,
    )
    yield of("15-megapixels.webp", lambda: saved(Image.new("RGB", (4000, 3700)), "WEBP", method=0), DECODES)
    yield of("20-megapixels.webp", lambda: _stretched_webp(4500, 4500), Reason.TOO_MUCH_MEMORY)
    yield of("19-megapixels.avif", lambda: saved(Image.new("RGB", (4400, 4400)), "AVIF", speed=10), DECODES)
    yield of("3-megapixels.heic", lambda: heic(Image.new("RGB", (2000, 1500))), DECODES)
    yield of("thousand-scans.jpg", _many_scans, Reason.TOO_SLOW)
    yield of("thousand-scans-of-a-layer.jpg", lambda: layered_jpeg(500, 500, 1200), Reason.TOO_SLOW)
    yield of("thousand-scans-behind-a-comment.jpg", lambda: disguised_jpeg(500, 500, 1200), Reason.TOO_SLOW)
    yield of("three-scans-of-a-layer.jpg", lambda: layered_jpeg(500, 500, 3), DECODES)
    yield of("thousand-scans-behind.jpg", _scans_behind, *BROKEN)
    yield of("20000-frames.gif", lambda: gif(8, 8, gif_frame(0, 0, 8, 8) * 20_000), DECODES)


def _tiff_head(width: int, rows: int, entry: tuple[int, int, int, int]) -> bytes:
    """Make a TIFF of one strip of RGB, up to where its pixels begin."""
    size = (256, 4, 1, width), (257, 4, 1, rows), (258, 3, 3, 900), (262, 3, 1, 2), (277, 3, 1, 3)
    head = bytearray(tiff(*size, entry, (273, 4, 1, 1000), (278, 4, 1, rows), (279, 4, 1, 3 * width * rows)))
    head[900:906] = struct.pack("<HHH", 8, 8, 8)
    return bytes(head)


def _stretched_webp(width: int, height: int) -> bytes:
    """Make a small WebP whose headers claim another size."""
    data = bytearray(saved(photo(64, 64), "WEBP"))
    at = data.index(b"\x9d\x01\x2a") + 3
    data[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(data)


def _many_scans() -> bytes:
    data = saved(photo(500, 500), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 1200 + data[-2:]


def _scans_behind() -> bytes:
    """The first scan holds all layers, so that a further one is not decoded and makes the picture broken."""
    data = saved(photo(500, 500), "JPEG")
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * 1200 + data[-2:]


def metadata() -> Iterator[Specimen]:
    jpeg, heavy = saved(photo(), "JPEG"), Reason.TOO_MUCH_METADATA
    bomb = zlib.compress(bytes(64 << 20))
    yield of("text-bomb.png", lambda: png(9, 9, before=chunk(b"zTXt", b"Comment\0\0" + bomb)), heavy)
    yield of("text-bomb-behind.png", lambda: png(9, 9, after=chunk(b"zTXt", b"Comment\0\0" + bomb)), heavy)
    yield of("unicode-bomb.png", lambda: png(9, 9, before=chunk(b"iTXt", b"a\0\1\0\0\0" + bomb)), heavy)
    yield of("profile-bomb.png", lambda: png(9, 9, before=chunk(b"iCCP", b"a\0\0" + bomb)), heavy)
    novel = b"".join(chunk(b"zTXt", b"%d\0\0" % i + zlib.compress(bytes(1 << 20))) for i in range(60))
    yield of("60-mb-of-text.png", lambda: png(9, 9, before=novel), heavy)
    app = segment(0xE1, b"Exif\0\0" + bytes(65_000))
    yield of("60-mb-of-exif.jpg", lambda: with_segments(jpeg, app * 950), heavy)
    yield of("fill-bytes.jpg", lambda: jpeg[:2] + b"\xff" * MEGA + jpeg[2:], heavy)
    yield of("million-chunks.png", lambda: png(9, 9, before=chunk(b"prVt", b"") * MEGA), heavy)
    yield of("million-chunks-behind.png", lambda: png(9, 9, after=chunk(b"prVt", b"") * MEGA), heavy)
    yield of(
        "million-comments.gif",
        lambda: gif(8, 8, b"!\xfe" + b"\1x" * MEGA + b"\0", gif_frame(0, 0, 8, 8)),
        heavy,
    )
    for place in ("IDAT", "IEND"):
        yield Specimen(
            f"100-mb-before-{place}.png", lambda path, p=place: _holed_png(path, p), frozenset({heavy})
        )
    for orientation in range(11):
        data = with_segments(jpeg, segment(0xE1, exif(orientation)))
        yield of(f"orientation-{orientation}.jpg", lambda data=data: data, DECODES)
    yield of("orientation-is-text.jpg", lambda: with_segments(jpeg, segment(0xE1, exif(6, kind=2))), DECODES)
    yield of(
        "exif-is-noise.jpg", lambda: with_segments(jpeg, segment(0xE1, b"Exif\0\0" + b"\xff" * 99)), DECODES
    )
    ink = saved(photo(mode="CMYK"), "JPEG", icc_profile=b"not a profile")
    yield of("profile-is-noise.jpg", lambda: ink, DECODES)
    screen = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield of(
        "profile-of-a-screen.jpg", lambda: saved(photo(mode="CMYK"), "JPEG", icc_profile=screen), DECODES
    )
    script = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><script>alert(1)</script></x:xmpmeta>"
    yield of("script-in-xmp.jpg", lambda: with_segments(jpeg, segment(0xE1, script)), DECODES)
    yield of(
        "escapes-in-comment.jpg",
        lambda: with_segments(jpeg, segment(0xFE, b"\x1b[2J\x1b]0;owned\7")),
        DECODES,
    )
    flipped = bytearray(saved(photo(), "PNG"))
    flipped[29] ^= 1
    yield of("header-checksum.png", lambda: bytes(flipped), *BROKEN)
    yield of("pixels-are-noise.png", lambda: png(9, 9).replace(b"IDAT", b"IDAT\xff"), *BROKEN)
    frames = [photo(mode="RGBA"), photo(mode="RGBA").rotate(90)]
    yield of(
        "animated.png", lambda: saved(frames[0], "PNG", save_all=True, append_images=frames[1:]), DECODES
    )
    yield of(
        "animated.webp", lambda: saved(frames[0], "WEBP", save_all=True, append_images=frames[1:]), DECODES
    )
    yield of(
        "several-pages.tif",
        lambda: saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]),
        DECODES,
    )
    yield of(
        "two-pictures.mpo", lambda: saved(photo(), "MPO", save_all=True, append_images=[photo()]), DECODES
    )


def _holed_png(path: Path, place: str) -> None:
    picture = png(9, 9)
    at = picture.index(place.encode()) - 4
    hole = 100 << 20
    holed(path, picture[:at] + struct.pack(">I", hole) + b"prVt", hole, bytes(4) + picture[at:])
