"""Commands run in this process, as the command line runs them: exit code, what was printed, never a traceback."""

import contextlib
import ctypes
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer import cli, durable
from indexer.errors import BUG, INTERRUPTED, IndexerError, from_os_error

_CAPABILITY_VERSION = 0x20080522
_PASS_MODES = 0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def run(folder: Path, *arguments: object) -> Ended:
    """Run `index ...` in a folder; it may end in any way but by a bug of ours."""
    return ended_as(folder, lambda: cli.run([str(argument) for argument in arguments]))


def ended_as(folder: Path, play: Callable[[], int]) -> Ended:
    """Call something in a folder, and end as the command line ends, errors named."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = play()
        except (IndexerError, OSError) as error:
            named = error if isinstance(error, IndexerError) else from_os_error(error, "running")
            if named is None:
                raise
            code = named.exit_code
            err.write(f"{named} {named.hint}")
    if code == INTERRUPTED:  # it was meant for the whole run
        raise KeyboardInterrupt
    assert code != BUG, f"a bug of ours: {err.getvalue()}"
    return Ended(code, out.getvalue(), err.getvalue())


@contextmanager
def modes_obeyed() -> Iterator[None]:
    """Let this thread be stopped by files' modes, as users are and root is not."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, held = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, held) == 0, os.strerror(ctypes.get_errno())
    fewer = (ctypes.c_uint32 * 6)(held[0] & ~_PASS_MODES, *held[1:])
    assert libc.capset(header, fewer) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        assert libc.capset(header, held) == 0, os.strerror(ctypes.get_errno())


@contextmanager
def failing_at(point: str) -> Iterator[list[str]]:
    """Have the disk fail at the first passage of a failpoint; say whether it was passed."""
    passed: list[str] = []
    durable._hits.pop(point, None)
    os.environ["INDEX_FAILPOINT"] = f"{point}:1:eio"
    try:
        yield passed
    finally:
        del os.environ["INDEX_FAILPOINT"]
        passed += [point] * durable._hits.pop(point, 0)
