"""Parameters that several calls take."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Form, Path, Query
from pydantic import Field

from indexer.errors import UsageRefused
from indexer.web.paging import LARGEST_ID

ItemId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="A content of the index.", examples=[1])]
_WHERE = "`KEY=VALUE`: only files with this attribute, or `label=NAME`."
_MOST_WHERE = 20
Where = Annotated[list[str], Query(max_length=_MOST_WHERE, description=_WHERE)]
FormWhere = Annotated[list[str], Form(max_length=_MOST_WHERE, description=_WHERE)]

FormItems = Annotated[
    list[Annotated[int, Field(ge=1, le=LARGEST_ID)]],
    Form(max_length=100, description="Contents of the index.", examples=[[1, 2]]),
]
FormKey = Annotated[
    str | None, Form(max_length=200, pattern=r"^[^\x00]*$", description="An attribute of files, or `label`.")
]
FormSpace = Annotated[
    str | None, Form(max_length=64, description="The embedding space; by default the encoder's own choice.")
]


def key_values(pairs: Sequence[str]) -> dict[str, str]:
    """Read KEY=VALUE.

    Raises:
        UsageRefused: one of them is none.
    """
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals or "\0" in key:
            raise UsageRefused(f"{pair!r} is not KEY=VALUE")
        values[key] = value
    return values
