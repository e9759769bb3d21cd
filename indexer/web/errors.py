"""What goes wrong, as clients are told it: always ``{"error": {"code", "message", "detail"}}`` and never a traceback."""

import sys
import traceback
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from indexer.decoding.sandbox import SandboxUnavailable
from indexer.errors import (
    EngineUnavailable,
    IndexerError,
    IndexNotFound,
    NewerFormat,
    NoSpace,
    PermissionRefused,
    StoreDamaged,
    StoreLocked,
    UsageRefused,
    WrongEncoder,
)
from indexer.verify import Unusable
from indexer.web.responses import Json
from retrieval.errors import VectorsInvalid

RETRY_AFTER_S = 1


class Code(StrEnum):
    """What a client may branch on. The set is closed: clients may rely on these words."""

    INVALID_REQUEST = (
        "invalid_request"  # a parameter is missing, unknown or out of range; `detail` lists them
    )
    REFUSED = "refused"  # what was asked for cannot be meant
    NOT_FOUND = "not_found"  # there is no such address
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NO_SUCH_ITEM = "no_such_item"
    NO_SUCH_GROUP = "no_such_group"
    NO_SUCH_NIGHT = "no_such_night"
    NO_SUCH_BUILD = "no_such_build"
    NOT_CALIBRATED = "not_calibrated"
    PICTURE_GONE = "picture_gone"  # the index holds the content, and no file has it any more
    UNUSABLE_PICTURE = "unusable_picture"  # it cannot be decoded
    NOT_COMPUTED = "not_computed"  # the groups of this generation are on their way
    HOST_REFUSED = "host_refused"
    ORIGIN_REFUSED = "origin_refused"
    TOKEN_NEEDED = "token_needed"  # noqa: S105  (a code, no token)
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    BUSY = "busy"
    BUILD_RUNNING = "build_running"
    KEY_REUSED = "key_reused"
    LOCKED = "locked"  # another process writes to the index
    NO_INDEX = "no_index"
    WRONG_ENCODER = "wrong_encoder"
    DAMAGED = "damaged"
    NEWER_FORMAT = "newer_format"
    NO_SPACE = "no_space"
    PERMISSION_REFUSED = "permission_refused"
    UNREACHABLE = "unreachable"  # the server that keeps the database does not answer
    INTERNAL = "internal"


class ApiError(HTTPException):
    """A request that cannot be answered, with its HTTP status."""

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        detail: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.code, self.message, self.about = code, message, detail

    def response(self) -> Json:
        """Return it as an answer."""
        error = {"code": self.code, "message": self.message, "detail": self.about}
        return Json({"error": error}, self.status_code, self.headers)


def busy(message: str) -> ApiError:
    """Return the answer to a client who should ask again in a moment."""
    return ApiError(503, Code.BUSY, message, headers={"Retry-After": str(RETRY_AFTER_S)})


# The first class that fits: a subclass stands above its base.
_STATUS: tuple[tuple[type[Exception], int, Code], ...] = (
    (Unusable, 422, Code.UNUSABLE_PICTURE),
    (UsageRefused, 400, Code.REFUSED),
    (IndexNotFound, 503, Code.NO_INDEX),
    (StoreLocked, 409, Code.LOCKED),
    (StoreDamaged, 500, Code.DAMAGED),
    (NewerFormat, 500, Code.NEWER_FORMAT),
    (NoSpace, 507, Code.NO_SPACE),
    (PermissionRefused, 500, Code.PERMISSION_REFUSED),
    (WrongEncoder, 409, Code.WRONG_ENCODER),
    (SandboxUnavailable, 503, Code.BUSY),
    (EngineUnavailable, 503, Code.UNREACHABLE),
    (VectorsInvalid, 422, Code.UNUSABLE_PICTURE),
)
_HTTP = {
    400: Code.INVALID_REQUEST,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.TOO_LARGE,
    422: Code.INVALID_REQUEST,
}


def as_api_error(error: Exception) -> ApiError:
    """Say what a client is told of an error; of one that is a bug of ours, only that it is one."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        code = _HTTP.get(error.status_code, Code.INVALID_REQUEST)
        return ApiError(error.status_code, code, str(error.detail), headers=error.headers)
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            hint = getattr(error, "hint", "") or None
            headers = {"Retry-After": str(RETRY_AFTER_S)} if status in {409, 503} else None
            return ApiError(status, code, str(error), {"hint": hint} if hint else None, headers)
    return ApiError(500, Code.INTERNAL, "this is a bug of ours; the server's log has the lines to report")


def handle_errors(app: FastAPI) -> None:
    """Have an app answer every error as this module says."""

    async def known(_request: Request, error: Exception) -> Json:
        return as_api_error(error).response()

    async def invalid(_request: Request, error: Exception) -> Json:
        assert isinstance(error, RequestValidationError)
        return ApiError(
            422, Code.INVALID_REQUEST, _in_words(error.errors()), [_plain(e) for e in error.errors()]
        ).response()

    async def bug(request: Request, error: Exception) -> Json:
        print(f"error: a bug of ours, while answering {request.method} {request.url.path}", file=sys.stderr)
        traceback.print_exception(error)
        return as_api_error(error).response()

    app.add_exception_handler(HTTPException, known)
    app.add_exception_handler(IndexerError, known)
    app.add_exception_handler(VectorsInvalid, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, bug)


def _plain(problem: Mapping[str, Any]) -> dict[str, Any]:
    """Keep where a problem lies and what it is; not the input, which may be megabytes or no JSON."""
    return {"where": [str(part) for part in problem["loc"]], "problem": str(problem["msg"])}


def _in_words(problems: Any) -> str:
    return "; ".join(f"{'.'.join(str(part) for part in p['loc'])}: {p['msg']}" for p in problems)[:1000]
