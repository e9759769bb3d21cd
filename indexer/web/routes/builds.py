"""Builds: bringing the index up to date, and watching it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response, StreamingResponse

from indexer.web.builds import Job
from indexer.web.documents import Build, Builds, Started
from indexer.web.responses import Json, json_text
from indexer.web.service import Serving

router = APIRouter(tags=["builds"])

_LOOK_EVERY_S = 0.1
_SAY_SOMETHING_EVERY_S = 15.0  # so that nobody in between takes the connection for dead
_EVENT = {
    "type": "object",
    "properties": {"event": {"enum": ["progress", "done", "failed"]}, "data": {"type": "string"}},
    "required": ["event", "data"],
}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {"schema": _EVENT}},
        "description": "`progress` events, then `done` or `failed`; each has the build's state as its data.",
    }
}
_JobId = Annotated[str, Path(max_length=64)]


class NoOptions(BaseModel):
    """A build takes none: it goes over the catalogues that the index remembers."""

    model_config = ConfigDict(extra="forbid")


@router.post("/builds", response_model=Started, status_code=202)
def start(service: Serving, _options: NoOptions) -> Response:
    """Start to bring the index up to date with the catalogues that it remembers."""
    return Json({"job": service.builds.start().id}, 202)


@router.get("/builds", response_model=Builds)
def builds(service: Serving) -> Response:
    """List the builds that this server started, the newest first."""
    return Json({"builds": [job.to_dict() for job in service.builds.all()]})


@router.get("/builds/{job}", response_model=Build)
def build(service: Serving, job: _JobId) -> Response:
    """Say how far a build is."""
    return Json(service.builds.job(job).to_dict())


@router.get("/builds/{job}/events", response_class=StreamingResponse, responses=_EVENTS)
async def events(service: Serving, job: _JobId) -> Response:
    """Watch a build, by server-sent events."""
    watched = service.builds.job(job)
    return StreamingResponse(_events(watched), media_type="text/event-stream")


async def _events(job: Job) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    seen, said = -1, loop.time()
    while True:
        version, document = job.version, job.to_dict()
        if version != seen:
            seen, said = version, loop.time()
            name = "progress" if document["state"] == "running" else document["state"]
            yield f"event: {name}\ndata: {json_text(document)}\n\n"
        if document["state"] != "running":
            return
        if loop.time() - said > _SAY_SOMETHING_EVERY_S:
            said = loop.time()
            yield ": still at it\n\n"
        await asyncio.sleep(_LOOK_EVERY_S)
