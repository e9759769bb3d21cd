"""A build for the server, as a process of its own: what it does goes to stdout, a JSON document a line.

Lines have ``done`` and ``total``, and the last one ``report``, or ``error`` with what the command line would have said.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from indexer import interrupts
from indexer.build import build
from indexer.errors import BUG, DONE, INTERRUPTED, IndexerError
from indexer.settings import load_settings
from indexer.store import Store

_TELL_EVERY_S = 0.1


class _Progress:
    """Tells how far a build is, now and then, and in the end."""

    def __init__(self) -> None:
        self._told = 0.0

    def __call__(self, done: int, total: int) -> None:
        present = time.monotonic()
        if present - self._told > _TELL_EVERY_S or done == total:
            self._told = present
            _tell({"done": done, "total": total})


def main() -> int:
    """Build the catalogues that an index remembers; return the exit code."""
    last = {"error": {"message": interrupts.WORDS, "hint": None, "exit_code": INTERRUPTED}}
    return interrupts.interruptible(_build, f"{json.dumps(last)}\n", sys.stdout.fileno())


def _build() -> int:
    path = Path(sys.argv[1])
    try:
        report = build(Store(path), [], load_settings(path, {}), progress=_Progress())
    except IndexerError as error:
        _tell({"error": {"message": str(error), "hint": error.hint or None, "exit_code": error.exit_code}})
        return error.exit_code
    except Exception as error:  # a bug of ours: its lines go to stderr, which is the server's
        _tell({"error": {"message": f"a bug of ours: {error}", "hint": None, "exit_code": BUG}})
        raise
    _tell({"report": report.to_dict()})
    return DONE


def _tell(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    sys.exit(main())
