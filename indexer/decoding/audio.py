"""The only door to soundfile: bytes that anyone may have made in, one channel of samples out.

libsndfile reads from a stream that it is given and never opens a path. What a header promises is not believed: no
more is read than the seconds that count, block by block.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from indexer.decoding.picture import DecodeFailure, Reason
from indexer.decoding.sound_formats import is_sound
from indexer.decoding.source import Source

SECONDS = 30  # what comes later in a sound does not count
MIN_RATE, MAX_RATE = 1_000, 192_000

_HEAD_BYTES = 12
_BLOCK_VALUES = 1 << 18
# Who writes into a pipe does not know the size, and puts the largest number there.
_ENDLESS_BYTES = 0x7FFF0000
_BYTE_ORDERS: dict[bytes, Literal["little", "big"]] = {b"RIFF": "little", b"RIFX": "big", b"FORM": "big"}
_UNSUPPORTED = {1, 4}  # libsndfile's SF_ERR_UNRECOGNISED_FORMAT and SF_ERR_UNSUPPORTED_ENCODING


@dataclass(frozen=True, eq=False)
class Sound:
    """The first seconds of a sound: (n,) float32 ``samples``, all channels averaged, ``rate`` of them a second."""

    samples: npt.NDArray[np.float32]
    rate: int
    channels: int
    format: str


def read_sound(source: Source) -> Sound:
    """Read the first ``SECONDS`` of a sound.

    Raises:
        DecodeFailure: it is no sound, broken, of a variant that is not read, or soundfile is not installed.
    """
    head = source.read(_HEAD_BYTES)
    _require_sound(head)
    _require_whole(head, source.size_bytes)
    soundfile = _soundfile()
    source.rewind()
    try:
        with soundfile.SoundFile(source) as file:
            return Sound(_samples(file), file.samplerate, file.channels, file.format)
    except soundfile.LibsndfileError as error:
        if error.code in _UNSUPPORTED:
            raise DecodeFailure(
                Reason.UNSUPPORTED_FORMAT,
                f"a variant that is not read ({error.error_string}): save it as WAV or FLAC",
            ) from error
        raise DecodeFailure(
            Reason.DAMAGED, f"its data is broken ({error.error_string}): copy it again from where it came"
        ) from error


def _require_sound(head: bytes) -> None:
    if not head:
        raise DecodeFailure(Reason.EMPTY, "the file is empty: copy it again from where it came")
    if not is_sound(head):
        raise DecodeFailure(
            Reason.NOT_A_SOUND,
            "no sound begins like this, whatever the file is called; a picture takes an encoder whose spec says "
            '"view": "colour", "grey" or "ink"',
        )


def _require_whole(head: bytes, size_bytes: int) -> None:
    """Refuse a WAV, AIFF or AU file that is shorter than it says; libsndfile would read what is left."""
    order = _BYTE_ORDERS.get(head[:4])
    promised = 8 + int.from_bytes(head[4:8], order) if order else 0
    if head[:4] == b".snd":  # the header's size, and that of the samples
        promised = int.from_bytes(head[4:8], "big") + int.from_bytes(head[8:12], "big")
    if size_bytes < promised < _ENDLESS_BYTES:
        raise _truncated(f"{size_bytes} of {promised} bytes are there")


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # the latter without the library that it wraps
        raise DecodeFailure(
            Reason.UNSUPPORTED_FORMAT, "sounds need an extra: pip install 'siamese-index[audio]'"
        ) from error
    return soundfile


def _samples(file: Any) -> npt.NDArray[np.float32]:
    """Read the seconds that count, and average their channels."""
    if not MIN_RATE <= file.samplerate <= MAX_RATE:
        raise DecodeFailure(
            Reason.UNSUPPORTED_FORMAT,
            f"{file.samplerate} samples a second is outside {MIN_RATE}..{MAX_RATE}: save it at an ordinary rate",
        )
    promised = min(file.frames, SECONDS * file.samplerate)
    samples, count = np.zeros(promised, np.float32), 0
    while count < promised:
        most = min(promised - count, max(1, _BLOCK_VALUES // file.channels))
        block = file.read(most, dtype="float32", always_2d=True)
        if not len(block):
            raise _truncated(f"{count} of {promised} samples are there")
        samples[count : count + len(block)] = block.mean(axis=1)
        count += len(block)
    if not promised:
        raise DecodeFailure(Reason.EMPTY, "it holds no samples: copy it again from where it came")
    return np.nan_to_num(samples, nan=0, posinf=0, neginf=0)


def _truncated(what: str) -> DecodeFailure:
    return DecodeFailure(Reason.TRUNCATED, f"the end is missing ({what}): copy it again from where it came")
