"""Giving the token once, for a cookie that a browser sends from then on."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from indexer.web.documents import Session
from indexer.web.errors import ApiError, Code
from indexer.web.guard import COOKIE, Access
from indexer.web.responses import Json

router = APIRouter(tags=["session"])


class GivenToken(BaseModel):
    """The token that the server was started with."""

    token: str = Field(max_length=1000)


@router.get("/session", response_model=Session)
async def session(request: Request) -> Response:
    """Say whether a token is needed, and whether this client gave it."""
    access = _access(request)
    return Json({"token_needed": access.token is not None, "let_in": access.allows(request.headers)})


@router.post("/session", response_model=Session)
async def open_session(request: Request, given: GivenToken) -> Response:
    """Take the token, and set a cookie that ends with the browser's session or the server's."""
    access = _access(request)
    if access.token is None:
        return Json({"token_needed": False, "let_in": True})
    if not access.is_token(given.token):
        raise ApiError(
            401, Code.TOKEN_NEEDED, "this needs the server's token", headers={"WWW-Authenticate": "Bearer"}
        )
    response = Json({"token_needed": True, "let_in": True})
    response.set_cookie(COOKIE, access.cookie, httponly=True, samesite="strict", path="/")
    return response


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access
