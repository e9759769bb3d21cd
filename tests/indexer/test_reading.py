"""Files as they are read: large ones are not held, what is no path is named, and a failing disk is no bad picture."""

import errno
import hashlib
import io
import os
from pathlib import Path

import pytest

from indexer.decoding.decode import DecodeFailure, Reason, decode
from indexer.decoding.limits import Limits
from indexer.decoding.reading import opened, read
from retrieval.view import Fit
from tests.hostile.crafted import holed, photo, png, saved
from tests.indexer.decoding import decoded


class Failing(io.BytesIO):
    """A file that begins like a picture and fails as it is read on."""

    def __init__(self, error: Exception) -> None:
        super().__init__(png(2000, 1000))
        self._error, self._reads = error, 0

    def read(self, size: int | None = -1) -> bytes:
        self._reads += 1
        if self._reads > 1:
            raise self._error
        return super().read(size)


def test_a_large_file_is_hashed_and_decoded_without_being_held(tmp_path: Path) -> None:
    small = saved(photo(), "PNG")
    holed(tmp_path / "large.png", small, 33 << 20)
    with opened(os.fsencode(tmp_path / "large.png"), Limits()) as (file, status):
        content = read(file, status)
        assert not isinstance(content.data, bytes)
        picture = decode(content.data, size=32, fit=Fit.STRETCH, limits=Limits())
    assert (picture.pixels == decoded(small).pixels).all()
    assert content.sha256 == hashlib.sha256((tmp_path / "large.png").read_bytes()).digest()
    assert content.size_bytes == len(small) + (33 << 20)


def test_a_path_with_a_zero_byte_in_it_is_no_path() -> None:
    with pytest.raises(DecodeFailure, match="zero byte") as caught, opened(b"a.png\0.exe", Limits()):
        pass
    assert caught.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (OSError(errno.EIO, os.strerror(errno.EIO)), Reason.UNREADABLE, "check the disk"),
        (MemoryError("no room for 9 bytes"), Reason.TOO_MUCH_MEMORY, "raise decode_memory_bytes"),
    ],
)
def test_what_the_system_fails_at_is_no_damage_of_the_picture(
    error: Exception, reason: Reason, words: str
) -> None:
    with pytest.raises(DecodeFailure, match=words) as caught:
        decode(Failing(error), size=32, fit=Fit.STRETCH, limits=Limits())
    assert caught.value.reason is reason
