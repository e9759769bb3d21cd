"""What decoding gives: a picture, or the reason why there is none."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image


class Reason(StrEnum):
    """Why a file gave no picture. The set is closed: reports and scripts may rely on these words."""

    EMPTY = "empty"  # no bytes at all, or no samples
    NOT_AN_IMAGE = "not-an-image"  # no picture begins like this
    NOT_A_SOUND = "not-a-sound"  # no sound begins like this, and the encoder takes sounds
    UNSUPPORTED_FORMAT = "unsupported-format"  # of a format or a variant that is not read
    TRUNCATED = "truncated"  # the end is missing
    DAMAGED = "damaged"  # the parser gave up
    TOO_LARGE = "too-large"  # more bytes than the limit
    TOO_MANY_PIXELS = "too-many-pixels"
    TOO_MUCH_METADATA = "too-much-metadata"  # no pixels after megabytes of header
    TOO_MUCH_MEMORY = "too-much-memory"  # decoding it would take, or took, more memory than the limit
    TOO_SLOW = "too-slow"  # decoding it would take, or took, longer than the limit
    DECODER_CRASHED = "decoder-crashed"  # the process that decoded it died
    VANISHED = "vanished"  # gone since it was found
    PERMISSION_DENIED = "permission-denied"
    NOT_A_FILE = "not-a-file"  # a folder, link, pipe, socket or device
    UNREADABLE = "unreadable"  # the system could not read it: a failing disk, a share that is gone
    CHANGED_WHILE_READ = "changed-while-read"  # twice in a row


class DecodeFailure(Exception):
    """There is no picture to be had. The message says what broke, which limit applies, and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, eq=False)
class Square:
    """What a decode worker makes of a file, without numpy: a `Picture` whose pixels are still an RGB ``image``."""

    image: "Image"
    width: int
    height: int
    format: str


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as encoders take it.

    ``pixels`` is (size, size, 3) uint8 RGB, upright; ``width`` and ``height`` are the upright picture's own, in
    pixels, before it was made a square; ``format`` is the file's, such as "JPEG". Of a sound's picture ``width`` and
    ``height`` are its samples and its channels.
    """

    pixels: "npt.NDArray[np.uint8]"
    width: int
    height: int
    format: str


def padded_box(width: float, height: float, side: int) -> tuple[int, int, int, int]:
    """Where `Fit.PAD` puts a picture of these proportions in a square: (left, top, right, bottom) in its pixels."""
    scale = side / max(width, height)
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (side - across) // 2, (side - down) // 2
    return left, top, left + across, top + down
