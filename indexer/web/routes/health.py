"""What service managers ask: is it alive, can it answer, and how is it doing."""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from indexer.web.responses import Json
from indexer.web.service import Serving

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez() -> Response:
    """Answer as long as the server runs."""
    return Json({"status": "alive"})


@router.get("/readyz")
def readyz(service: Serving) -> Response:
    """Answer with 200 as soon as there is a generation that can be asked."""
    with service.galleries.taken() as gallery:
        return Json({"status": "ready", "generation": gallery.generation.id})


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Answer in Prometheus's text format."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
