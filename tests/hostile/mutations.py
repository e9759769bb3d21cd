"""Picture files of six formats, broken at random, and what decoding may make of them.

A mutation is drawn from a number, so that every one can be made again. What broke a promise is kept, by its SHA-256, in
`tests/hostile/kept`.
"""

import hashlib
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from indexer.decoding.decode import decode
from indexer.decoding.formats import JPEG
from indexer.decoding.limits import Limits
from indexer.decoding.picture import DecodeFailure
from retrieval.view import Fit
from tests.hostile.crafted import bmp, gif, gif_frame, photo, png, saved

KEPT = Path(__file__).parent / "kept"
SIDE = 32
LIMITS = Limits(max_pixels=1_000_000)
SECONDS = 5.0  # of processor time
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_INTERESTING = (0, 1, 127, 128, 255)


def seeds() -> dict[str, list[bytes]]:
    """Small intact files, several of each format."""
    small = photo(40, 30)
    modes = {mode: photo(40, 30, mode) for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "LA")}
    frames = [photo(20, 20, "P"), photo(20, 20, "P").rotate(90)]
    return {
        "JPEG": [
            saved(small, "JPEG"),
            saved(small, "JPEG", progressive=True),
            saved(small, "JPEG", restart_marker_rows=1),
            saved(small, "JPEG", subsampling=0, quality=95),
            saved(modes["L"], "JPEG"),
            saved(modes["CMYK"], "JPEG"),
        ],
        "PNG": [
            *(saved(modes[mode], "PNG") for mode in ("1", "L", "P", "RGB", "RGBA", "LA")),
            png(9, 9, 16, 6, interlace=1),
            saved(modes["RGBA"], "PNG", save_all=True, append_images=[modes["RGBA"]]),
        ],
        "GIF": [
            saved(modes["P"], "GIF"),
            saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
            gif(64, 64, gif_frame(8, 8, 8, 8)),
        ],
        "WEBP": [
            saved(small, "WEBP"),
            saved(small, "WEBP", lossless=True),
            saved(modes["RGBA"], "WEBP"),
            saved(modes["RGBA"], "WEBP", save_all=True, append_images=[modes["RGBA"].rotate(90)]),
        ],
        "BMP": [
            *(saved(modes[mode], "BMP") for mode in ("1", "L", "RGB")),
            bmp(40, 40, 8, 1, b"\x28\x07\0\0" * 40 + b"\0\1"),
            bmp(9, -9, data=bytes(28 * 9)),
        ],
        "TIFF": [
            *(saved(modes[mode], "TIFF") for mode in ("1", "RGB", "RGBA", "CMYK")),
            *(saved(small, "TIFF", compression=packing) for packing in ("tiff_lzw", "tiff_adobe_deflate", "jpeg")),
            saved(modes["1"], "TIFF", compression="group4"),
        ],
    }  # fmt: skip


SEEDS = seeds()


def mutation(kind: str, number: int) -> bytes:
    """Break a picture of a format: the same in the same way every time."""
    return broken(SEEDS[kind], f"{kind} {number}")


def broken(intact: Sequence[bytes], name: str) -> bytes:
    """Break one of some files in ways that are drawn from a name."""
    draw = random.Random(name)
    data = bytearray(draw.choice(intact))
    for _ in range(draw.choice([1, 1, 2, 3, 8])):
        draw.choice(_MUTATIONS)(data, draw)
    return bytes(data)


def _flip(data: bytearray, draw: random.Random) -> None:
    data[_place(data, draw)] ^= 1 << draw.randrange(8)


def _set(data: bytearray, draw: random.Random) -> None:
    data[_place(data, draw)] = draw.choice([*_INTERESTING, draw.randrange(256)])


def _number(data: bytearray, draw: random.Random) -> None:
    """Overwrite two or four bytes, as lengths and sizes are."""
    place, size = _place(data, draw), draw.choice([2, 4])
    value = draw.choice([0, 1, 0xFFFF, 0x7FFF, 0x8000, draw.randrange(1 << 16)]) & ((1 << 8 * size) - 1)
    data[place : place + size] = value.to_bytes(size, draw.choice(["little", "big"]))


def _cut(data: bytearray, draw: random.Random) -> None:
    del data[max(1, draw.randrange(len(data))) :]


def _drop(data: bytearray, draw: random.Random) -> None:
    place = draw.randrange(1, len(data) + 1)
    del data[place : place + draw.randrange(1, 16)]


def _repeat(data: bytearray, draw: random.Random) -> None:
    place, size = _place(data, draw), draw.randrange(1, 64)
    data[place:place] = data[place : place + size] * draw.choice([1, 1, 20])


def _splice(data: bytearray, draw: random.Random) -> None:
    """Put a piece of another file in."""
    other = draw.choice(SEEDS[draw.choice(FORMATS)])
    place, start = _place(data, draw), draw.randrange(len(other))
    piece = other[start : start + draw.randrange(1, 64)]
    data[place : place + len(piece)] = piece


_MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip, _flip, _set, _set, _number, _number, _cut, _drop, _repeat, _splice,
)  # fmt: skip


def _place(data: bytearray, draw: random.Random) -> int:
    """Half of the time in the first bytes, which are headers."""
    return draw.randrange(min(len(data), 80) if draw.random() < 0.5 else len(data))


class TooSlow(BaseException):
    """No parser's error, so that nothing takes it for one."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise in what takes longer; what hangs in C is ended by the test's own time limit."""

    def too_slow(number: int, frame: object) -> None:
        raise TooSlow(f"more than {seconds} s of processor time")

    before = signal.signal(signal.SIGPROF, too_slow)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def fate(data: bytes) -> str:
    """Decode: a picture within the limits, or a `DecodeFailure` that says why; nothing else may happen."""
    try:
        with deadline(SECONDS):
            picture = decode(data, size=SIDE, fit=Fit.PAD, limits=LIMITS)
    except DecodeFailure as failure:
        return _told(failure)
    assert picture.pixels.shape == (SIDE, SIDE, 3), f"pixels of shape {picture.pixels.shape}"
    assert picture.pixels.dtype == np.uint8, f"pixels of {picture.pixels.dtype}"
    most = LIMITS.max_pixels * (JPEG.pixel_share if picture.format == "JPEG" else 1)
    assert 0 < picture.width * picture.height <= most, f"{picture.width} x {picture.height} pixels"
    return "decodes"


def _told(failure: DecodeFailure) -> str:
    text = str(failure)
    assert 10 < len(text) < 400, f"a message of {len(text)} characters"
    assert text.isprintable(), f"a message that cannot be printed: {text!r}"
    return str(failure.reason)


def hold(data: bytes, decoded: Callable[[bytes], str] = fate) -> str:
    """Say what became of a file; keep it where a promise was broken."""
    try:
        return decoded(data)
    except (Exception, TooSlow) as error:
        KEPT.mkdir(exist_ok=True)
        kept = KEPT / hashlib.sha256(data).hexdigest()[:16]
        kept.write_bytes(data)
        raise AssertionError(f"{type(error).__name__}: {error}; kept as {kept.name}") from error
