"""Who may ask: a Host and an Origin that are ours, and the token where one is set. Everything else is told nothing.

A page of another site can make a browser send requests here. By the Host it is found out where a name was made to
point at this machine (DNS rebinding), by the Origin where it sends something that changes the index.
"""

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.web.errors import ApiError, Code

COOKIE = "index_session"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Without the token there is the page, which asks for it, and what a service manager looks at.
_OPEN = ("/livez", "/readyz", "/api/v1/session")
_OPEN_BELOW = "/page/"


@dataclass(frozen=True)
class Access:
    """Names by which the server may be called, and the token, None where none is needed.

    With ``any_address`` it may be called by any IP address too: no name can be made to point there.
    """

    hosts: frozenset[str] = LOOPBACK_NAMES
    any_address: bool = False
    token: str | None = field(default=None, repr=False)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def allows_host(self, host: str) -> bool:
        """Tell whether a Host header, with a port or without, names this server."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self.hosts or (self.any_address and _is_address(name))

    def allows_origin(self, headers: Headers) -> bool:
        """Tell whether a request that changes something comes from our own page, or from no page at all."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
        try:
            return urlsplit(origin).netloc == headers.get("host")
        except ValueError:  # no address at all
            return False

    def is_token(self, given: str) -> bool:
        """Compare in a time that tells nothing."""
        return self.token is not None and hmac.compare_digest(given.encode(), self.token.encode())

    @property
    def cookie(self) -> str:
        """What a client that gave the token is known by: another one whenever the server starts."""
        return hmac.new(self._key, (self.token or "").encode(), hashlib.sha256).hexdigest()

    def allows(self, headers: Headers) -> bool:
        """Tell whether a request carries the token, or the cookie that was given for it."""
        if self.token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given.strip()):
            return True
        kept = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return hmac.compare_digest(kept.encode(), self.cookie.encode())


class Guard:
    """Lets through to the app only what `Access` allows."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        if not self._access.allows_host(headers.get("host", "")):
            return ApiError(400, Code.HOST_REFUSED, "this server does not go by that name: see --allow-host")
        if scope["method"] not in _SAFE_METHODS and not self._access.allows_origin(headers):
            return ApiError(403, Code.ORIGIN_REFUSED, "requests from other sites change nothing here")
        path = scope["path"]
        if path == "/" or path in _OPEN or path.startswith(_OPEN_BELOW) or self._access.allows(headers):
            return None
        return ApiError(
            401, Code.TOKEN_NEEDED, "this needs the server's token", headers={"WWW-Authenticate": "Bearer"}
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
