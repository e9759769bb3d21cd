"""Contents of the index: lists of them, one of them, its pictures, its label."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask
from starlette.responses import Response

from indexer.decoding.sandbox import Sandbox
from indexer.ledger import assign_label
from indexer.lookup import Gallery
from indexer.web.decoding import WAITING_PICTURES
from indexer.web.documents import Items, ItemWithDecisions, Labelled
from indexer.web.items import ItemFilter, ItemView, read_views, require_view
from indexer.web.ledger_page import decisions_about
from indexer.web.paging import Cursor, Limit, cursor_of, place_of
from indexer.web.parameters import ItemId, Where, key_values
from indexer.web.pictures import LARGEST_SIDE, SIDES, content_of, shown, thumbnail_side
from indexer.web.responses import Json, has_already, kept_bytes
from indexer.web.service import Service, Serving
from indexer.web.writing import patiently

router = APIRouter(tags=["items"])

_JPEG = "image/jpeg"
_NAMED = 12  # digits of a SHA-256 that name a content well enough
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {_JPEG: {}}, "description": "A JPEG without metadata."},
    304: {"description": "Unchanged."},
}


@router.get("/items", response_model=Items)
def items(
    service: Serving,
    label: Annotated[str | None, Query(max_length=1000)] = None,
    where: Where = [],  # noqa: B006  (FastAPI copies it)
    path: Annotated[str | None, Query(max_length=1000, description="Text in the path.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List contents, by id."""
    wanted = ItemFilter(label, key_values(where), path)
    (after,) = place_of(cursor, (0,))
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        ids = wanted.ids(connection, after, limit + 1)
        views = read_views(connection, ids[:limit])
        total = wanted.count(connection)
    page = [views[id_].to_dict(gallery.store) for id_ in ids[:limit]]
    following = cursor_of(ids[limit - 1]) if len(ids) > limit else None
    return Json({"items": page, "next": following, "total": total})


@router.get("/items/{item}", response_model=ItemWithDecisions)
def one(service: Serving, item: ItemId) -> Response:
    """Describe a content, with what was decided of it."""
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        view = require_view(connection, item)
        decisions = decisions_about(connection, gallery.store, view.sha256)
    return Json(view.to_dict(gallery.store) | {"decisions": decisions})


@router.get("/items/{item}/thumbnail", response_class=Response, responses=_PICTURE)
async def thumbnail(
    service: Serving,
    request: Request,
    item: ItemId,
    side: Annotated[int, Query(ge=SIDES[0], le=SIDES[-1], description="Pixels, at most.")] = 256,
    v: Annotated[
        str | None,
        Query(
            max_length=64,
            description="The first 12 digits of `sha256`: the answer may then be kept for ever.",
        ),
    ] = None,
) -> Response:
    """Show a content in small. It is made once, and kept."""
    return await _picture(service, request, item, thumbnail_side(side), v, keep=True)


@router.get("/items/{item}/picture", response_class=Response, responses=_PICTURE)
async def picture(service: Serving, request: Request, item: ItemId) -> Response:
    """Show a content, at most 2,048 pixels on its longer side."""
    return await _picture(service, request, item, LARGEST_SIDE, None, keep=False)


class NewLabel(BaseModel):
    """A label for a content."""

    label: str = Field(min_length=1, max_length=1000)


@router.put("/items/{item}/label", response_model=Labelled)
def label(service: Serving, item: ItemId, given: NewLabel) -> Response:
    """Give a content a label, which it keeps through moves, copies and rebuilds."""
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        path = service.store.absolute_path(require_view(connection, item).stored_paths[0])
    return Json({"paths": patiently(lambda: assign_label(service.store, path, given.label))})


async def _picture(
    service: Service, request: Request, item: int, side: int, named: str | None, *, keep: bool
) -> Response:
    view, gallery, known = await to_thread.run_sync(_known, service, item, side if keep else None)
    etag = f"{view.sha256.hex()[:32]}-{side}"
    immutable = named is not None and len(named) >= _NAMED and view.sha256.hex().startswith(named)
    if known is not None or has_already(request, etag):
        return kept_bytes(request, known or b"", _JPEG, etag, immutable=immutable)

    def decode(sandbox: Sandbox) -> bytes:
        content = content_of(service.store, view, service.settings.limits)
        return shown(content, view, side, sandbox, gallery.generation.spec.preprocess.view)

    made = await service.decoding.run(decode, WAITING_PICTURES)
    response = kept_bytes(request, made, _JPEG, etag, immutable=immutable)
    if keep:
        response.background = BackgroundTask(service.thumbnails.keep, view.sha256, side, made)
    return response


def _known(service: Service, item: int, side: int | None) -> tuple[ItemView, Gallery, bytes | None]:
    """Look a content up, and its thumbnail of that side if there is one."""
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        view = require_view(connection, item)
    return view, gallery, None if side is None else service.thumbnails.read(view.sha256, side)
