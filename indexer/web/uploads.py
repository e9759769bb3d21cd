"""Pictures that come with a request: few, small enough, and named by their names alone."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import File, UploadFile

from indexer.errors import UsageRefused
from indexer.web.bodies import FILE_BYTES, FILES, MIB
from indexer.web.errors import ApiError, Code

_NAME_CHARACTERS = 255

Images = Annotated[
    list[UploadFile], File(description=f"Pictures, {FILES} at most, of up to {FILE_BYTES // MIB} MiB each.")
]


@dataclass(frozen=True)
class Upload:
    """A picture as it came: its name, to call it by and nothing else, and a file with its bytes."""

    name: str
    file: UploadFile

    def read(self) -> bytes:
        """Return its bytes."""
        self.file.file.seek(0)
        return self.file.file.read()


def taken(files: Sequence[UploadFile]) -> list[Upload]:
    """Look at what came, before any of it is read.

    Raises:
        ApiError: there are too many, or one is too large.
    """
    if len(files) > FILES:
        raise ApiError(
            413, Code.TOO_LARGE, f"{len(files)} files, {FILES} are taken at once", {"files": FILES}
        )
    for file in files:
        if (file.size or 0) > FILE_BYTES:
            name = shown_name(file.filename)
            raise ApiError(
                413, Code.TOO_LARGE, f"{name}: more than {FILE_BYTES // MIB} MiB", {"limit": FILE_BYTES}
            )
    return [Upload(shown_name(file.filename), file) for file in files]


def require_any(count: int) -> None:
    """Refuse a request about no picture.

    Raises:
        UsageRefused: there is none.
    """
    if not count:
        raise UsageRefused(
            "no picture came", "send a file as `image`, or the id of one of the index as `item`"
        )


def shown_name(filename: str | None) -> str:
    """Return the last part of a file's name, without what steers a terminal or turns the line around."""
    last = os.path.basename((filename or "").replace("\\", "/"))
    return "".join(filter(str.isprintable, last))[:_NAME_CHARACTERS] or "picture"
