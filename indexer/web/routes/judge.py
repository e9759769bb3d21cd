"""Incoming pictures judged by what the index holds: by its labels, and by the rules of screening."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.responses import Response

from indexer.classify import classify
from indexer.decoding.sandbox import Sandbox
from indexer.lookup import Gallery
from indexer.screening.options import ScreenOptions
from indexer.screening.screen import screen
from indexer.web.documents import Classified, HeadName, Screened
from indexer.web.items import require_views
from indexer.web.parameters import FormItems, FormKey, FormSpace, key_values
from indexer.web.pictures import named_content
from indexer.web.responses import Json
from indexer.web.service import Service, Serving
from indexer.web.uploads import Images, Upload, require_any, taken

router = APIRouter(tags=["search"])


@router.post("/classify", response_model=Classified)
async def classes(
    service: Serving,
    image: Images = [],  # noqa: B006  (FastAPI copies it, and those below)
    item: FormItems = [],  # noqa: B006
    n: Annotated[int, Form(ge=1, le=100, description="How many labels.")] = 5,
    head: Annotated[HeadName, Form()] = "knn",
    space: FormSpace = None,
) -> Response:
    """Say which of the index's labels each picture belongs to, and how probably, or that it belongs to none."""
    require_any(len(image) + len(item))
    uploads = taken(image)

    def work(sandbox: Sandbox) -> dict[str, Any]:
        with service.galleries.taken() as gallery:
            pictures = _read(service, gallery, uploads, item)
            contents = [content for _, content in pictures]
            report = classify(gallery, contents, sandbox, n=n, head=head, space=space)
        return _named(report.to_dict(), [name for name, _ in pictures])

    return Json(await service.decoding.run(work))


@router.post("/screen", response_model=Screened)
async def screened(
    service: Serving,
    image: Images = [],  # noqa: B006
    claim: Annotated[
        list[str], Form(max_length=20, description="`KEY=VALUE`: what is said of the pictures.")
    ] = [],  # noqa: B006
    owner: FormKey = None,
    key: FormKey = None,
) -> Response:
    """Judge incoming pictures: reused, altered, not genuine, contradicting, known fraud, cleared."""
    require_any(len(image))
    uploads, said = taken(image), key_values(claim)
    options = ScreenOptions.of(service.settings, {"owner": owner, "key": key})

    def work(sandbox: Sandbox) -> dict[str, Any]:
        with service.galleries.taken() as gallery:
            pictures = _read(service, gallery, uploads, [])
            report = screen(
                gallery, [content for _, content in pictures], sandbox, options, [said] * len(pictures)
            )
        return _named(report.to_dict(), [name for name, _ in pictures])

    return Json(await service.decoding.run(work))


def _read(
    service: Service, gallery: Gallery, uploads: list[Upload], items: list[int]
) -> list[tuple[str, bytes]]:
    """Return the pictures' names and bytes, those that came first."""
    with gallery.store.database.reading() as connection:
        views = require_views(connection, items)
    known = [named_content(gallery.store, views[id_], service.settings.limits) for id_ in items]
    return [(upload.name, upload.read()) for upload in uploads] + known


def _named(document: dict[str, Any], names: list[str]) -> dict[str, Any]:
    for image, name in zip(document["images"], names, strict=True):
        image["image"] = name
    return document
