"""Picture files put together byte by byte: what no encoder would write, or only with a lot of memory."""

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image


def photo(width: int = 96, height: int = 72, mode: str = "RGB") -> Image.Image:
    """Soft colours under some noise: no two rows or columns alike."""
    generator = np.random.default_rng(7)
    soft = Image.fromarray(generator.integers(0, 256, (6, 8, 3), np.uint8)).resize((width, height))
    noisy = np.asarray(soft, np.int16) + generator.integers(-9, 10, (height, width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Encode an image."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """Make a PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int,
    height: int,
    depth: int = 8,
    colour: int = 2,
    *,
    interlace: int = 0,
    before: bytes = b"",
    after: bytes = b"",
    rows: bytes | None = None,
) -> bytes:
    """Make a PNG, of zeros unless its ``rows`` are given, with other chunks before and after its pixels."""
    if rows is None:
        rows = _zeros(_png_bytes(width, height, depth, colour, interlace))
    else:
        rows = zlib.compress(rows)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if colour == 3 else b""
    body = chunk(b"IHDR", header) + palette + before + chunk(b"IDAT", rows) + after + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _png_bytes(width: int, height: int, depth: int, colour: int, interlace: int) -> int:
    """Return how many bytes a PNG's rows take before they are compressed."""
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = [(0, 0, 1, 1)]
    if interlace:
        passes = [
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ]
    total = 0
    for x, y, by_x, by_y in passes:
        across, down = -(-(width - x) // by_x), -(-(height - y) // by_y)
        total += down * (-(-across * bits // 8) + 1) if across > 0 and down > 0 else 0
    return total


def _zeros(count: int) -> bytes:
    """Compress ``count`` zeros in no time: after a full flush the same zeros give the same bytes again."""
    packer, block = zlib.compressobj(9, wbits=-15), bytes(1 << 20)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(block[: count % len(block)]) + packer.flush()
    checksum = struct.pack(">HH", count % 65521, 1)  # Adler-32 of zeros
    return b"\x78\xda" + again * (count // len(block)) + rest + checksum


def segment(marker: int, data: bytes) -> bytes:
    """Make a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """Insert segments at the start of a JPEG."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def flat_jpeg(width: int, height: int, frame: int = 0xC0, layers: int = 1) -> bytes:
    """Make a grey JPEG of any size; ``frame`` 0xC2 makes it progressive with a single scan of averages.

    With the standard tables, a block like its neighbour is 2 bits for the difference, and in a baseline picture 4
    more for the end of the block.
    """
    model = saved(Image.new("L", (8, 8), 128), "JPEG")
    tables = model[model.index(b"\xff\xdb") : model.index(b"\xff\xc0")]
    huffman = model[model.index(b"\xff\xc4") : model.index(b"\xff\xda")]
    parts = b"".join(bytes((i + 1, 0x11, 0)) for i in range(layers))
    progressive = frame == 0xC2
    start = struct.pack(">BHHB", 8, height, width, layers) + parts
    scan = bytes((layers, *(b for i in range(layers) for b in (i + 1, 0)), 0, 0 if progressive else 63, 0))
    blocks = -(-width // 8) * -(-height // 8) * layers
    data = bytes(blocks // 4 + 1) if progressive else b"\x28\xa2\x8a" * (blocks // 4 + 1)
    return b"\xff\xd8" + tables + segment(frame, start) + huffman + segment(0xDA, scan) + data + b"\xff\xd9"


def layered_jpeg(width: int, height: int, scans: int, layers: int = 3) -> bytes:
    """Make a flat baseline JPEG, each scan of which holds one of its layers."""
    head = flat_jpeg(width, height, layers=layers)
    blocks = -(-width // 8) * -(-height // 8)
    data = b"\x28\xa2\x8a" * (blocks // 4 + 1)
    each = [segment(0xDA, bytes((1, i + 1, 0, 0, 63, 0))) + data for i in range(layers)]
    return head[: head.index(b"\xff\xda")] + b"".join(each[i % layers] for i in range(scans)) + b"\xff\xd9"


def disguised_jpeg(width: int, height: int, scans: int) -> bytes:
    """Make a JPEG of one layer a scan, whose first scan's header and the comment before it look like one of all four."""
    data = layered_jpeg(width, height, scans, layers=4)
    at = data.index(b"\xff\xda")
    return data[:at] + segment(0xFE, b"\xff\xda\0\x0e\4\0") + data[at:]


def exif(orientation: int, *, kind: int = 3) -> bytes:
    """Make EXIF that holds nothing but an orientation."""
    return b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, kind, 1, orientation, 0, 0)


def tiff(*entries: tuple[int, int, int, int], data: bytes = b"", following: int = 0) -> bytes:
    """Make a TIFF of (tag, type, count, value) entries; ``data`` starts at byte 1000."""
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", *entry) for entry in sorted(entries)
    )
    return (b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", following)).ljust(
        1000, b"\0"
    ) + data


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """Make a WebP of raw chunks."""
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width: int, height: int, bits: int = 24, compression: int = 0, data: bytes = b"") -> bytes:
    """Make a BMP header, and what follows it."""
    palette = bytes(1024) if bits == 8 else b""
    offset = 54 + len(palette)
    header = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 256 if palette else 0, 0
    )
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + header + palette + data


def gif(width: int, height: int, *blocks: bytes) -> bytes:
    """Make a GIF of black and red."""
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
        + bytes((0, 0, 0, 255, 0, 0))
        + b"".join(blocks)
        + b";"
    )


def gif_frame(left: int, top: int, width: int, height: int) -> bytes:
    """Make a frame that is all red."""
    codes = (
        [4] + [code for _ in range(width * height) for code in (1, 4)] + [5]
    )  # cleared so often, codes stay 3 bits
    bits = sum(code << 3 * at for at, code in enumerate(codes))
    data = bits.to_bytes(-(-3 * len(codes) // 8), "little")
    packed = b"".join(
        bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255)
    )
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\2" + packed + b"\0"


def holed(path: Path, *parts: bytes | int) -> None:
    """Write a file of bytes and of holes of so many bytes, which read as zeros and take no room."""
    with path.open("wb") as file:
        for part in parts:
            if isinstance(part, int):
                file.seek(part, os.SEEK_CUR)
            else:
                file.write(part)
        file.truncate()


def heic(image: Image.Image, exif: bytes | None = None) -> bytes:
    """Encode an image as HEIC."""
    stream = io.BytesIO()
    container = pillow_heif.from_pillow(image)
    container.info["exif"] = exif
    container.save(stream, quality=80)
    return stream.getvalue()


def ink_profile(mixed: tuple[int, int, int]) -> bytes:
    """Make an ICC profile of a printer: no ink is white, all inks are black, any mixture is one 8-bit L*a*b*."""
    d50 = struct.pack(">3i", 63190, 65536, 54061)
    header = (
        struct.pack(">4x4x4s4s4s4s12x4s28x", b"\2\x40\0\0", b"prtr", b"CMYK", b"Lab ", b"acsp")
        + d50
        + bytes(48)
    )
    identity, curve = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9))), bytes(range(256))
    colours = bytes((255, 128, 128)) + bytes(mixed) * 14 + bytes((0, 128, 128))
    table = b"mft1" + struct.pack(">4xBBBx", 4, 3, 2) + identity + curve * 4 + colours + curve * 3
    profile = header + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table
    return struct.pack(">I", len(profile)) + profile[4:]
