"""Two pictures against each other: what they are to each other, and the one laid on the other."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import Field
from starlette.responses import Response

from indexer.decoding.encode import jpeg_url
from indexer.decoding.sandbox import Sandbox
from indexer.encoders import COPY_SPACE
from indexer.errors import UsageRefused
from indexer.images import name_of
from indexer.lookup import Gallery
from indexer.overlay import read_overlay
from indexer.verify import Unusable, Verification, verify
from indexer.web.documents import Verified
from indexer.web.items import require_view
from indexer.web.paging import LARGEST_ID
from indexer.web.pictures import named_content
from indexer.web.responses import Json
from indexer.web.service import Service, Serving
from indexer.web.uploads import Upload, taken

router = APIRouter(tags=["search"])

_SIDE = 960  # pixels of the longer side of A, as it is shown
_Picture = Annotated[UploadFile | None, File()]
_Item = Annotated[Annotated[int, Field(ge=1, le=LARGEST_ID)] | None, Form()]


@dataclass(frozen=True)
class _Side:
    """One of the two: a picture that came, or a content of the index."""

    upload: Upload | None
    item: int | None


@router.post("/verify", response_model=Verified)
async def compare(
    service: Serving, a: _Picture = None, b: _Picture = None, a_item: _Item = None, b_item: _Item = None
) -> Response:
    """Judge whether two pictures are one, edited or altered, and what was changed."""
    sides = _side("a", a, a_item), _side("b", b, b_item)
    return Json(await service.decoding.run(lambda sandbox: _compared(service, *sides, sandbox)))


def _side(name: str, file: UploadFile | None, item: int | None) -> _Side:
    if (file is None) is (item is None):
        raise UsageRefused(f"give a file as `{name}`, or the id of one of the index as `{name}_item`")
    return _Side(taken([file])[0] if file is not None else None, item)


def _compared(service: Service, a: _Side, b: _Side, sandbox: Sandbox) -> dict[str, Any]:
    with service.galleries.taken() as gallery:
        (name_a, first), (name_b, second) = (_read(service, gallery, side) for side in (a, b))
        encoder = gallery.network()
        has_copy = any(space.name == COPY_SPACE for space in encoder.spec.spaces)
        known = gallery.calibrations(COPY_SPACE) if has_copy else []
    try:
        found = verify(first, second, encoder, sandbox, known[0] if known else None)
    except Unusable as error:  # which knows them by their bytes
        raise Unusable(_by_name(str(error), {name_a: first, name_b: second})) from error
    found = replace(found, a=name_a, b=name_b)
    return found.to_dict() | _shown(found, first, second, sandbox)


def _read(service: Service, gallery: Gallery, side: _Side) -> tuple[str, bytes]:
    if side.upload is not None:
        return side.upload.name, side.upload.read()
    with gallery.store.database.reading() as connection:
        view = require_view(connection, side.item or 0)
    return named_content(gallery.store, view, service.settings.limits)


def _by_name(message: str, contents: Mapping[str, bytes]) -> str:
    for name, content in contents.items():
        message = message.replace(name_of(content), name)
    return message


def _shown(found: Verification, a: bytes, b: bytes, sandbox: Sandbox) -> dict[str, Any]:
    """Show B as it lies in A, and what differs; null where there is no alignment."""
    pair = read_overlay(a, b, found, _SIDE, sandbox)
    return {
        "overlay": None if pair.laid is None else jpeg_url(pair.laid),
        "difference": None if pair.difference is None else jpeg_url(pair.difference),
        "a_size": found.size_a,
        "b_size": found.size_b,
    }
