"""Writing to an index that somebody else may be writing to: wait a little, then say so."""

import time
from collections.abc import Callable
from typing import TypeVar

from indexer.errors import StoreLocked

T = TypeVar("T")

_SECONDS = 5.0
_PAUSE_S = 0.05


def patiently(write: Callable[[], T]) -> T:
    """Write as soon as the index is free.

    Raises:
        StoreLocked: another process has held it all the while.
    """
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return write()
        except StoreLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
