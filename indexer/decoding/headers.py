"""What a header admits, read before a parser pays for it: canvas, pieces and scans that need not be sane."""

import re
import struct

from indexer.decoding.source import Source

_READ_BYTES = 1 << 16
# In entropy-coded data 0xFF is followed by 0x00, a restart marker or another 0xFF; all else is a marker.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SCAN, _END = 0xDA, 0xD9
_MOST_COMPONENTS = 4
_PARTS_PER_SCAN = 8  # Huffman tables come between scans
_TIFF_OFFSETS = {273, 324}  # StripOffsets, TileOffsets


def webp_canvas(source: Source) -> tuple[int, int]:
    """Return the width and height that a WebP file asks memory for; (0, 0) where its header is cut."""
    source.seek(12)
    head = source.read(18)
    if head[:4] == b"VP8X" and len(head) == 18:
        return int.from_bytes(head[12:15], "little") + 1, int.from_bytes(head[15:18], "little") + 1
    if head[:4] == b"VP8L" and len(head) >= 13:
        bits = int.from_bytes(head[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if head[:4] == b"VP8 " and len(head) == 18:
        width, height = struct.unpack("<HH", head[14:18])
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def tiff_pieces(source: Source) -> int:
    """Return into how many strips or tiles a TIFF file says that it is cut; 0 where its header is cut."""
    source.seek(0)
    head = source.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = 43 in head[2:4]
    start, count, entry, bytes_ = ("8xQ", "Q", "HHQ8x", 20) if big else ("4xI8x", "H", "HHI4x", 12)
    try:
        source.seek(struct.unpack(order + start, head)[0])
        (entries,) = struct.unpack(order + count, source.read(struct.calcsize(order + count)))
        for _ in range(min(entries, 0xFFFF)):
            tag, _kind, values = struct.unpack(order + entry, source.read(bytes_))
            if tag in _TIFF_OFFSETS:
                return int(values)
    except (struct.error, OverflowError, OSError):
        pass  # the parser will say what is wrong with it
    return 0


def first_scan_is_whole(source: Source, components: int) -> bool:
    """Tell whether the scan whose header a JPEG's parser has just read holds all of its ``components``.

    A baseline picture is then decoded as it is read, and a further scan makes it a broken one. The bytes that end here
    may look like headers of several lengths, for a comment before the true one can end as it likes. The shortest
    counts: the true one is not shorter, so that no scan is taken to hold more than it does.
    """
    end = source.tell()
    start = max(0, end - _scan_bytes(_MOST_COMPONENTS))
    source.seek(start)
    head = source.read(end - start)
    for held in range(1, _MOST_COMPONENTS + 1):
        length = _scan_bytes(held)
        if head[-length:][:5] == bytes((0xFF, _SCAN, 0, length - 2, held)):
            return held == components
    return False


def _scan_bytes(components: int) -> int:
    """Return how long a scan's header is, its marker included."""
    return 8 + 2 * components


def jpeg_scans(source: Source, most: int) -> int:
    """Count a JPEG's scans, from inside its first one to its end; beyond ``most`` the number is not exact."""
    scans, position = 1, source.tell()
    for _ in range(_PARTS_PER_SCAN * most):
        marker = _next_marker(source, position)
        if marker is None or marker[0] == _END:
            return scans
        kind, position = marker
        scans += kind == _SCAN
        source.seek(position)
        position += int.from_bytes(source.read(2), "big")
    return most + 1


def _next_marker(source: Source, position: int) -> tuple[int, int] | None:
    """Return the marker at or behind ``position``, and the position behind it."""
    source.seek(position)
    while len(data := source.read(_READ_BYTES)) > 1:
        if found := _JPEG_MARKER.search(data):
            return found[0][1], position + found.end()
        position += len(data) - 1  # a marker may be cut in two
        source.seek(position)
    return None
