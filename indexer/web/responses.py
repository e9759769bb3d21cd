"""Answers as bytes: JSON that any client can read, and bytes that a browser may keep."""

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

_NO_TEXT = re.compile("[\ud800-\udfff]")  # what Python makes of bytes in names that are no text


def json_text(document: Any) -> str:
    """Write a JSON document. Bytes of a name that are no text are replaced: many clients would refuse the whole."""
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return _NO_TEXT.sub("\ufffd", text)


class Json(Response):
    """A JSON document."""

    media_type = "application/json"

    def __init__(
        self, document: Any, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        body = json_text(document).encode()
        super().__init__(body, status_code, {"Cache-Control": "no-store"} | dict(headers or {}))


def kept_bytes(
    request: Request, content: bytes, media_type: str, etag: str, *, immutable: bool = False
) -> Response:
    """Answer with bytes that are named by ``etag``; with 304 where the client has them.

    ``immutable`` ones are not asked for again: their address names their content.
    """
    keeping = "private, max-age=31536000, immutable" if immutable else "private, no-cache"
    headers = {"ETag": f'"{etag}"', "Cache-Control": keeping}
    if has_already(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def has_already(request: Request, etag: str) -> bool:
    """Tell whether a client said that it has what ``etag`` names."""
    known = request.headers.get("If-None-Match", "")
    return any(tag.strip().removeprefix("W/") == f'"{etag}"' for tag in known.split(","))
