"""What the system or a library says, and the error with an exit code that a user is told."""

import errno
import os

import pytest

from indexer.cli import run
from indexer.errors import DiskFailed, NoMemory, NoSpace, from_memory_error, from_os_error


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EINTR, errno.ENODEV])
def test_a_disk_or_a_share_that_fails_is_named_with_its_own_words(number: int) -> None:
    named = from_os_error(OSError(number, os.strerror(number), "a/file"), "writing")
    assert isinstance(named, DiskFailed)
    assert str(named) == f"{os.strerror(number)} while writing (a/file)"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("libopenblas.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        RuntimeError("std::bad_alloc"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
)
def test_full_memory_is_named_whoever_says_it(error: Exception) -> None:
    named = from_memory_error(error, "building")
    assert isinstance(named, NoMemory)
    assert (named.exit_code, str(named)) == (NoSpace.exit_code, "not enough memory while building")


@pytest.mark.parametrize("error", [ImportError("no module x"), RuntimeError("a bug"), OSError(errno.EIO, "")])
def test_what_has_nothing_to_do_with_memory_is_not_named_so(error: Exception) -> None:
    assert from_memory_error(error, "building") is None


def test_the_command_line_says_that_memory_is_full_and_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: object) -> None:
        raise MemoryError

    monkeypatch.setattr("indexer.location.locate_store", full)
    assert run(["status"]) == NoMemory.exit_code
    assert capsys.readouterr().err.startswith("error: not enough memory while running the command\n")
