"""A stream that is read by a parser of untrusted bytes: what it may read beside the pixels is bounded.

Pillow keeps metadata in memory and walks through it in Python, so a header of 200 MB, or one of a million tiny
parts, would cost more than any picture.
"""

import os
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from indexer.decoding.picture import DecodeFailure, Reason

if TYPE_CHECKING:
    from indexer.decoding.limits import Limits

_MIB = 1 << 20
HEADER_BYTES = 16 << 20  # the depth map in a phone's XMP takes 5 MiB
HEADER_READS = 500_000  # a parser takes about a second for them


class Source:
    """Bytes in memory or an open file, with the few methods that Pillow's parsers call."""

    read: Callable[..., bytes]

    def __init__(self, data: bytes | BinaryIO) -> None:
        stream = BytesIO(data) if isinstance(data, bytes) else data
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell
        self.size_bytes = stream.seek(0, os.SEEK_END)
        self.resident_bytes = self.size_bytes if isinstance(data, bytes) else 0
        self.rewind()

    def rewind(self) -> None:
        """Go back to the first byte, and read without bounds."""
        self.seek(0)
        self.read = self._stream.read

    def expect_header(self) -> None:
        """From here on, reading is bounded."""
        self._bytes_left, self._reads_left = HEADER_BYTES, HEADER_READS
        self.read = self._read_header

    def expect_pixels(self) -> None:
        """From here on, reading is not bounded: the number of pixels is."""
        self.read = self._stream.read

    def _read_header(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._bytes_left + 1))  # the size may be a lie
        self._bytes_left -= len(data)
        self._reads_left -= 1
        if self._bytes_left < 0 or self._reads_left < 0:
            raise DecodeFailure(
                Reason.TOO_MUCH_METADATA,
                f"more than {HEADER_BYTES >> 20} MiB, or {HEADER_READS} parts, that are not pixels: "
                "save it again without metadata and layers",
            )
        return data


def require_file_size(size_bytes: int, limits: "Limits") -> None:
    """Refuse a file of more bytes than the limit.

    Raises:
        DecodeFailure: it has more.
    """
    if size_bytes > limits.max_file_bytes:
        raise DecodeFailure(
            Reason.TOO_LARGE,
            f"{size_bytes / _MIB:.1f} MiB, limit {limits.max_file_bytes / _MIB:.1f}: raise max_file_bytes, "
            "or save it smaller",
        )
