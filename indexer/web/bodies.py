"""How much a request may bring, and how slowly: bytes are counted as they come, whatever was said of them before."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.web.decoding import AT_ONCE, WAITING
from indexer.web.errors import ApiError, Code, busy

MIB = 1 << 20
FILE_BYTES = 20 * MIB
FILES = 8
_FORM_BYTES = FILES * FILE_BYTES + MIB
_OTHER_BYTES = MIB
_SECONDS = 60.0
# A body that may be larger is an upload: it takes up disk while it comes, so that not many come at once.
_SMALL_BYTES = 64 << 10
_UPLOADS = AT_ONCE + WAITING


class Bodies:
    """Refuses bodies that are too large, come too slowly, or are too many at once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_form = headers.get("content-type", "").startswith("multipart/form-data")
        limit = _FORM_BYTES if is_form else _OTHER_BYTES
        said = _said_length(headers)
        if said is not None and said > limit:
            await _too_large(limit).response()(scope, receive, send)
            return
        is_upload = (said is None and "transfer-encoding" in headers) or (said or 0) > _SMALL_BYTES
        if is_upload and self._uploads >= _UPLOADS:
            await busy(f"{self._uploads} uploads are on their way already").response()(scope, receive, send)
            return
        self._uploads += is_upload
        try:
            await self._app(scope, _counted(receive, limit), send)
        finally:
            self._uploads -= is_upload


def _said_length(headers: Headers) -> int | None:
    try:
        return int(headers["content-length"])
    except (KeyError, ValueError):
        return None


def _too_large(limit: int) -> ApiError:
    return ApiError(413, Code.TOO_LARGE, f"a request of more than {limit / MIB:g} MiB", {"limit": limit})


def _counted(receive: Receive, limit: int) -> Receive:
    """Receive a body that has to be complete in time and within the limit."""
    received, complete = 0, False
    deadline = asyncio.get_running_loop().time() + _SECONDS

    async def counted() -> Message:
        nonlocal received, complete
        if complete:  # what follows is only whether the client left
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError as error:
            raise ApiError(
                408, Code.TOO_SLOW, f"the request took more than {_SECONDS:g} s to come"
            ) from error
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if received > limit:
            raise _too_large(limit)
        return message

    return counted
