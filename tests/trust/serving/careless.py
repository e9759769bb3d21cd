"""Careless servers: the same server with one promise broken on purpose, which the harness must catch.

`python -m tests.trust.serving.careless NAME serve ...` runs one. The product has no switch for any of it.
"""

import os
import sys
from typing import Any

KEPT: list[Any] = []


def keeps_files_open() -> None:
    """Leave every upload's file open."""
    from indexer.web.uploads import Upload

    read = Upload.read

    def careless(self: Upload) -> bytes:
        KEPT.append(os.open("/dev/null", os.O_RDONLY))
        return read(self)

    Upload.read = careless  # type: ignore[method-assign]


def keeps_memory() -> None:
    """Forget nothing of an upload, and four mebibytes beside it."""
    from indexer.web.uploads import Upload

    read = Upload.read

    def careless(self: Upload) -> bytes:
        KEPT.append(b"x" * (4 << 20))
        return read(self)

    Upload.read = careless  # type: ignore[method-assign]


def leaves_temporary_files() -> None:
    """Write each upload down, and leave it there."""
    import tempfile

    from indexer.web.uploads import Upload

    read = Upload.read

    def careless(self: Upload) -> bytes:
        content = read(self)
        descriptor, _ = tempfile.mkstemp()
        os.write(descriptor, content[:100])
        os.close(descriptor)
        return content

    Upload.read = careless  # type: ignore[method-assign]


def says_not_when_to_come_back() -> None:
    """Refuse whoever is too many, without a word on what to do."""
    from indexer.web import bodies, decoding
    from indexer.web.errors import ApiError, Code

    bodies.busy = decoding.busy = lambda message: ApiError(503, Code.BUSY, message)


def answers_what_it_cannot_decode_with_an_error() -> None:
    """Fail on a picture that is none."""
    from indexer.web.routes import query

    answer = query._answer

    def careless(service: Any, asked: Any, sandbox: Any) -> Any:
        document = answer(service, asked, sandbox)
        if any(one.get("reason") for one in document["queries"]):
            raise RuntimeError("no picture")
        return document

    query._answer = careless


CARELESS = {
    twin.__name__: twin
    for twin in (
        keeps_files_open,
        keeps_memory,
        leaves_temporary_files,
        says_not_when_to_come_back,
        answers_what_it_cannot_decode_with_an_error,
    )
}


if __name__ == "__main__":
    from indexer.cli import main

    CARELESS[sys.argv[1]]()
    main(sys.argv[2:])
