"""Pages of lists: a limit, and an opaque cursor that says where the next page begins."""

import base64
import binascii
import json
from typing import Annotated

from fastapi import Query

from indexer.errors import UsageRefused

LARGEST_ID = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next` of the page before; without it, the first page.")
]


def cursor_of(*place: int) -> str:
    """Write where a page begins."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str | None, first: tuple[int, ...]) -> tuple[int, ...]:
    """Read where a page begins: as many numbers as ``first`` has, which stands for the first page.

    Raises:
        UsageRefused: it is no cursor of that list.
    """
    if cursor is None:
        return first
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = json.loads(base64.b64decode(padded, b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        place = None
    if (
        not isinstance(place, list)
        or len(place) != len(first)
        or not all(type(part) is int and 0 <= part <= LARGEST_ID for part in place)
    ):
        raise UsageRefused("this cursor is not one that a page of this list gave", "ask without a cursor")
    return tuple(place)
