"""Bad and odd files, made by code: each says what must become of it.

Nothing is large in git, and little is large on disk: bombs are zeros that compress, holes that take no room, or
headers that lie. The bytes are the same every time.
"""

import io
import os
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.decoding.picture import Reason
from tests.hostile.bombs import bombs_within_the_limits, metadata, size_lies
from tests.hostile.crafted import bmp, chunk, flat_jpeg, gif, gif_frame, heic, holed, photo, png, saved
from tests.hostile.specimen import BROKEN, DECODES, Specimen, of


def specimens() -> Iterator[Specimen]:
    """Yield all of them, always in the same order."""
    yield from _structure()
    yield from _truncated()
    yield from _other_formats()
    yield from size_lies()
    yield from bombs_within_the_limits()
    yield from metadata()
    yield from _pixel_kinds()
    yield from _file_system()


def _structure() -> Iterator[Specimen]:
    def zipped() -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(zipfile.ZipInfo("script.sh"), "echo hello")
        return stream.getvalue()

    jpeg = saved(photo(), "JPEG")
    yield of("empty.jpg", lambda: b"", Reason.EMPTY)
    yield of("one-byte.jpg", lambda: b"\xff", Reason.NOT_AN_IMAGE)
    yield of("magic-only.jpg", lambda: b"\xff\xd8\xff", *BROKEN)
    yield of("magic-only.png", lambda: b"\x89PNG\r\n\x1a\n", *BROKEN)
    yield of("magic-only.gif", lambda: b"GIF89a", *BROKEN)
    yield of("magic-only.webp", lambda: b"RIFF\0\0\0\0WEBP", *BROKEN)
    yield of("magic-only.tif", lambda: b"II*\0", *BROKEN)
    yield of("magic-only.heic", lambda: b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", *BROKEN)
    yield of("magic-only.avif", lambda: b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", *BROKEN)
    yield of("trailing-garbage.jpg", lambda: jpeg + b"garbage" * 999, DECODES)
    yield of("trailing-garbage.png", lambda: saved(photo(), "PNG") + b"garbage" * 999, DECODES)
    yield of("two-in-one.jpg", lambda: jpeg + jpeg, DECODES)
    yield of("jpeg-and-zip.jpg", lambda: jpeg + zipped(), DECODES)
    yield of(
        "gif-and-script.gif",
        lambda: gif(8, 8, gif_frame(0, 0, 8, 8)) + b"/*<script>alert(1)</script>*/",
        DECODES,
    )
    yield of("png-in-disguise.jpg", lambda: saved(photo(), "PNG"), DECODES)
    yield of("no-extension", lambda: jpeg, DECODES)
    yield of("text.jpg", lambda: b"Dear all, please find the picture attached.", Reason.NOT_AN_IMAGE)
    yield of("page.jpg", lambda: b"<!doctype html><title>404</title>", Reason.NOT_AN_IMAGE)
    yield of("drawing.svg.jpg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', Reason.NOT_AN_IMAGE)
    yield of("paper.jpg", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", Reason.NOT_AN_IMAGE)
    yield of("archive.jpg", zipped, Reason.NOT_AN_IMAGE)
    yield of("film.jpg", lambda: b"\0\0\0\x18ftypisom\0\0\2\0isommp41", Reason.NOT_AN_IMAGE)
    yield of("noise.jpg", lambda: np.random.default_rng(1).bytes(5000), Reason.NOT_AN_IMAGE)
    yield of("zeros.jpg", lambda: bytes(5000), Reason.NOT_AN_IMAGE)
    yield of("script.py.jpg", lambda: b"#!/usr/bin/env python3\nraise SystemExit", Reason.NOT_AN_IMAGE)


def _truncated() -> Iterator[Specimen]:
    whole = {
        "jpg": saved(photo(), "JPEG"),
        "progressive.jpg": saved(photo(), "JPEG", progressive=True),
        "png": saved(photo(), "PNG"),
        "gif": saved(photo(), "GIF"),
        "webp": saved(photo(), "WEBP"),
        "bmp": saved(photo(), "BMP"),
        "tif": saved(photo(), "TIFF", compression="tiff_lzw"),
        "avif": saved(photo(), "AVIF"),
        "heic": heic(photo()),
    }
    for kind, data in whole.items():
        for percent in (25, 50, 75, 99):
            cut = data[: len(data) * percent // 100]
            yield of(f"cut-at-{percent}.{kind}", lambda cut=cut: cut, *BROKEN)


def _other_formats() -> Iterator[Specimen]:
    """Formats that Pillow would read, some with a program of their own, and that are nobody's photos."""
    bombs = struct.pack("<HHH", 0, 1, 1) + bytes((0, 0, 0, 0, 1, 0, 32, 0)) + struct.pack("<II", 99, 22)
    icon = bombs + png(9000, 9000)
    shut = {
        "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage",
        "layers.psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3),
        "many.icns": b"icns" + struct.pack(">I", 8),
        "bombs.ico": icon,
        "arrow.cur": b"\0\0\2\0" + bytes(40),
        "old.tga": bytes((0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 9, 0, 24, 0)) + bytes(243),
        "stars.fits": b"SIMPLE  =                    T".ljust(2880),
        "clip.wmf": b"\xd7\xcd\xc6\x9a" + bytes(80),
        "texture.dds": b"DDS " + bytes(124),
        "old.ppm": b"P6\n9 9\n255\n" + bytes(243),
        "new.qoi": b"qoif" + struct.pack(">IIBB", 9, 9, 3, 0),
        "lab.jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
        "next.jxl": b"\xff\x0a" + bytes(40),
        "glow.exr": b"v/1\1" + bytes(40),
    }
    for name, data in shut.items():
        yield of(name, lambda data=data: data, Reason.UNSUPPORTED_FORMAT)
    unmarked = {
        "old.pcx": b"\x0a\5\1\x08" + bytes(124),
        "old.sgi": b"\x01\xda\0\1" + bytes(508),
        "old.xbm": b"#define im_width 8\n#define im_height 1\nstatic char im_bits[] = {0};",
        "old.spider": bytes(1024),
        "old.mpeg": b"\0\0\1\xb3" + bytes(40),
    }
    for name, data in unmarked.items():
        yield of(name, lambda data=data: data, Reason.NOT_AN_IMAGE)


def _pixel_kinds() -> Iterator[Specimen]:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield of(f"mode-{mode}.png", lambda mode=mode: saved(_of_mode(mode), "PNG"), DECODES)
    for mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "LAB", "I;16", "I", "F", "YCbCr"):
        yield of(f"mode-{mode}.tif", lambda mode=mode: saved(_of_mode(mode), "TIFF"), DECODES)
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma"):
        yield of(f"packed-by-{packing}.tif", lambda p=packing: saved(photo(), "TIFF", compression=p), DECODES)
    yield of("fax.tif", lambda: saved(photo(mode="1"), "TIFF", compression="group4"), DECODES)
    yield of(
        "not-a-number.tif",
        lambda: saved(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF"),
        DECODES,
    )
    yield of("transparent-colour.png", lambda: saved(photo(), "PNG", transparency=(9, 9, 9)), DECODES)
    yield of("transparent-index.png", lambda: saved(photo(mode="P"), "PNG", transparency=3), DECODES)
    yield of(
        "transparent-palette.png",
        lambda: saved(photo(mode="P"), "PNG", transparency=bytes(range(256))),
        DECODES,
    )
    deep = chunk(b"tRNS", b"\x12\x34\x12\x34\x12\x34")
    yield of("transparent-deep-colour.png", lambda: png(9, 9, 16, 2, before=deep), DECODES)
    yield of("wholly-transparent.png", lambda: png(9, 9, 8, 6), DECODES)
    for mode in ("L", "CMYK"):
        yield of(f"mode-{mode}.jpg", lambda mode=mode: saved(photo(mode=mode), "JPEG"), DECODES)
    yield of("progressive.jpg", lambda: saved(photo(), "JPEG", progressive=True), DECODES)
    yield of("restart-markers.jpg", lambda: saved(photo(), "JPEG", restart_marker_rows=1), DECODES)
    yield of("arithmetic.jpg", lambda: flat_jpeg(64, 64, 0xC9), DECODES, *BROKEN, Reason.UNSUPPORTED_FORMAT)
    yield of("lossless.jpg", lambda: flat_jpeg(640, 640, 0xC3), *BROKEN, Reason.UNSUPPORTED_FORMAT)
    deep_jpeg = saved(photo(), "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    yield of("12-bits.jpg", lambda: deep_jpeg, Reason.UNSUPPORTED_FORMAT)
    yield of("photo.avif", lambda: saved(photo(), "AVIF"), DECODES)
    yield of("photo.heic", lambda: heic(photo()), DECODES)
    yield of("alpha.heic", lambda: heic(photo(mode="RGBA")), DECODES)
    yield of("mode-P.gif", lambda: saved(photo(), "GIF"), DECODES)
    for bits, size in ((16, 2), (32, 4)):
        yield of(f"{bits}-bits.bmp", lambda b=bits, s=size: bmp(8, 8, b, data=bytes(64 * s)), DECODES)


def _of_mode(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(photo(mode="L"), np.uint16) * 257)
    if mode == "PA":
        return photo(mode="P").convert("PA")
    if mode == "LAB":
        return Image.merge("LAB", photo().split())
    return photo(mode=mode)


def _file_system() -> Iterator[Specimen]:
    def listening(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))

    def behind_a_file(path: Path) -> Path:
        path.write_bytes(b"a file")
        return path / "picture.jpg"

    def linked(path: Path) -> None:
        target = path.with_name("target-of-link.jpg")
        target.write_bytes(saved(photo(), "JPEG"))
        path.symlink_to(target)

    def one(name: str, write: Callable[[Path], Path | None], *expect: str) -> Specimen:
        return Specimen(name, write, frozenset(expect))

    jpeg = saved(photo(), "JPEG")
    yield one("pipe.jpg", os.mkfifo, Reason.NOT_A_FILE)
    yield one("socket.jpg", listening, Reason.NOT_A_FILE)
    yield one("folder.jpg", Path.mkdir, Reason.NOT_A_FILE)
    yield one("link.jpg", linked, Reason.NOT_A_FILE)
    yield one("link-to-itself.jpg", lambda path: path.symlink_to(path), Reason.NOT_A_FILE)
    yield one("link-to-nothing.jpg", lambda path: path.symlink_to("nothing"), Reason.NOT_A_FILE)
    yield one("device.jpg", lambda _: Path("/dev/zero"), Reason.NOT_A_FILE)
    yield one("terabyte.jpg", lambda path: holed(path, jpeg, 1 << 40), Reason.TOO_LARGE)
    yield one("zeros-200-mb.jpg", lambda path: holed(path, jpeg, 200 << 20), DECODES)
    yield one("never-was.jpg", lambda path: path, Reason.VANISHED)
    yield one("not-a-folder", behind_a_file, Reason.VANISHED)
    yield one("long-name.jpg", lambda path: path.with_name("x" * 300), Reason.UNREADABLE)
    yield of("line\nbreak and space \u202e.jpg", lambda: jpeg, DECODES)
    yield of("not-unicode-\udcff\udcfe.jpg", lambda: jpeg, DECODES)
