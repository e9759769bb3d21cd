"""The page's own files, served by the names that the package has: nothing else is reachable by a path."""

import hashlib
from importlib import resources
from pathlib import PurePath

from fastapi import APIRouter, Request
from starlette.responses import Response

from indexer.web.errors import ApiError, Code
from indexer.web.responses import kept_bytes

_INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

router = APIRouter(include_in_schema=False)


@router.get("/")
def index(request: Request) -> Response:
    """Serve the page."""
    return named(request, _INDEX)


@router.get("/page/{name}")
def named(request: Request, name: str) -> Response:
    """Serve one of its files."""
    files = {entry.name: entry for entry in (resources.files("indexer.web") / "page").iterdir()}
    if name not in files or not files[name].is_file():
        raise ApiError(404, Code.NOT_FOUND, "the page has no such file")
    content = files[name].read_bytes()
    return kept_bytes(
        request, content, _TYPES[PurePath(name).suffix], hashlib.sha256(content).hexdigest()[:32]
    )
