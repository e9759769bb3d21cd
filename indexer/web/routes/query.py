"""Queries: pictures that come, or contents of the index, against the index."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Form
from starlette.responses import Response

from indexer.decoding.sandbox import Sandbox
from indexer.lookup import Gallery
from indexer.query import QueryAnswer, query
from indexer.query_items import query_items
from indexer.query_parts import Window
from indexer.web.crops import cropped, parse_crop
from indexer.web.documents import Queries
from indexer.web.items import ItemView, read_views, require_views
from indexer.web.parameters import FormItems, FormSpace, FormWhere, key_values
from indexer.web.pictures import named_content
from indexer.web.responses import Json
from indexer.web.service import Service, Serving
from indexer.web.uploads import Images, Upload, require_any, taken
from retrieval.metric import Metric

router = APIRouter(tags=["search"])

_MOST_RESULTS = 1000
_MOST_VERIFIED = 100


@dataclass(frozen=True)
class _Asked:
    """What is asked with, and how; ``how`` are the keywords that `query` and `query_items` share."""

    uploads: list[Upload]
    items: list[int]
    crop: Window | None
    parts: bool
    how: dict[str, Any]

    @property
    def decodes(self) -> bool:
        """Whether it takes a look at pixels."""
        return bool(self.uploads or self.crop or self.how["verify"])


@router.post("/query", response_model=Queries)
async def ask(
    service: Serving,
    image: Images = [],  # noqa: B006  (FastAPI copies it, and those below)
    item: FormItems = [],  # noqa: B006
    k: Annotated[int, Form(ge=1, le=_MOST_RESULTS)] = 10,
    space: FormSpace = None,
    metric: Annotated[Metric | None, Form()] = None,
    threshold: Annotated[float | None, Form(allow_inf_nan=False)] = None,
    where: FormWhere = [],  # noqa: B006
    verify: Annotated[
        int | None, Form(ge=1, le=_MOST_VERIFIED, description="So many candidates are held against pixels.")
    ] = None,
    parts: Annotated[
        bool, Form(description="Look for parts too where nothing stands out for the whole.")
    ] = True,
    crop: Annotated[
        str | None, Form(max_length=200, description="`left,top,right,bottom`, shares from 0 to 1.")
    ] = None,
) -> Response:
    """Rank the index for each picture, best first."""
    require_any(len(image) + len(item))
    how = {
        "k": k,
        "space": space,
        "metric": metric,
        "threshold": threshold,
        "where": key_values(where),
        "verify": verify,
    }
    asked = _Asked(taken(image), item, None if crop is None else parse_crop(crop), parts, how)
    if asked.decodes:
        return Json(await service.decoding.run(lambda sandbox: _answer(service, asked, sandbox)))
    return Json(await to_thread.run_sync(_without_pixels, service, asked))


def _without_pixels(service: Service, asked: _Asked) -> dict[str, Any]:
    with Sandbox(
        limits=service.settings.limits, workers=1
    ) as idle:  # no worker is started unless it is needed
        return _answer(service, asked, idle)


def _answer(service: Service, asked: _Asked, sandbox: Sandbox) -> dict[str, Any]:
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        views = require_views(connection, asked.items)
        contents = [(upload.name, upload.read()) for upload in asked.uploads]
        if asked.crop is not None:
            limits = service.settings.limits
            contents += [named_content(gallery.store, views[id_], limits) for id_ in asked.items]
        answers = _of_images(gallery, contents, asked, sandbox) if contents else []
        if asked.crop is None and asked.items:
            answers += query_items(gallery, asked.items, sandbox, **asked.how)
        found = {match.item for answer in answers for match in answer.results if match.item is not None}
        views |= read_views(connection, found - set(views))
    return {"queries": [_described(answer, views) for answer in answers]}


def _of_images(
    gallery: Gallery, contents: list[tuple[str, bytes]], asked: _Asked, sandbox: Sandbox
) -> list[QueryAnswer]:
    images: list[Any] = [content for _, content in contents]
    if asked.crop is not None:
        images = [cropped(content, asked.crop, sandbox) for content in images]
    answers = query(gallery, images, sandbox, parts=asked.parts, **asked.how)
    return [replace(answer, query=name) for answer, (name, _) in zip(answers, contents, strict=True)]


def _described(answer: QueryAnswer, views: dict[int, ItemView]) -> dict[str, Any]:
    """Return the command line's document, with each result's SHA-256 and size in pixels."""
    document = answer.to_dict()
    for match in document["results"]:
        view = views[match["item"]]
        match |= {"sha256": view.sha256.hex(), "width": view.width, "height": view.height}
    return document
