"""The catalogue at a glance: the map, the nights, what scores mean, and the encoder."""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from indexer.encoders import BUILTIN, model_card
from indexer.errors import StoreDamaged
from indexer.nightly.folder import REPORT_FILE, night_folder
from indexer.store import Store
from indexer.web.documents import Encoder, Map, Nights
from indexer.web.errors import ApiError, Code
from indexer.web.paging import Limit
from indexer.web.responses import Json
from indexer.web.service import Serving
from retrieval.encoder import spec_document

router = APIRouter(tags=["overview"])

_LARGEST_NIGHT = 10**9


@router.get("/map", response_model=Map)
def map_of_vectors(
    service: Serving,
    space: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=20_000, description="Contents, evenly spread.")] = 5000,
) -> Response:
    """Place contents in a plane by the principal components of their vectors."""
    with service.galleries.taken() as gallery:
        chosen = gallery.generation.space(space)
        found = service.maps.of(gallery, chosen, limit)
        total = gallery.generation.item_count
    return Json(
        {
            "points": [point.to_dict() for point in found.points],
            "explained": found.explained,
            "space": chosen.name,
            "total": total,
        }
    )


@router.get("/nights", response_model=Nights)
def nights(service: Serving, limit: Limit = 50) -> Response:
    """List the nights whose reports are kept, the newest first."""
    folder = night_folder(service.store, 0).parent
    numbers = sorted(
        (int(p.name) for p in folder.glob("*") if re.fullmatch(r"\d{6,9}", p.name)), reverse=True
    )
    return Json({"nights": list(_summaries(service.store, numbers, limit))})


@router.get("/nights/{night}")
def one_night(service: Serving, night: Annotated[int, Path(ge=0, le=_LARGEST_NIGHT)]) -> Response:
    """Return a night's report, as it was written."""
    report = _report(service.store, night)
    if report is None:
        raise ApiError(404, Code.NO_SUCH_NIGHT, f"there is no report of a night {night}")
    return Json(report)


@router.get("/calibrations/{space}")
def calibration(service: Serving, space: Annotated[str, Path(max_length=64)]) -> Response:
    """Return what scores of a space mean, as it was last calibrated."""
    with service.galleries.taken() as gallery:
        known = gallery.calibrations(space)
    if not known:
        raise ApiError(404, Code.NOT_CALIBRATED, f"space {space!r} is not calibrated: see `index calibrate`")
    return Json(known[0].to_dict())


@router.get("/encoder", response_model=Encoder)
def encoder(service: Serving) -> Response:
    """Describe the encoder that the index was made with."""
    with service.galleries.taken() as gallery:
        generation = gallery.generation
        source = generation.encoder_source
        if source != BUILTIN:
            source = gallery.store.absolute_path(source)
    return Json(
        {
            "name": generation.spec.name,
            "version": generation.spec.version,
            "spec": spec_document(generation.spec),
            "fingerprint": generation.fingerprint,
            "source": source,
            "card": model_card(source),
        }
    )


def _summaries(store: Store, numbers: list[int], limit: int) -> Iterator[dict[str, Any]]:
    """Sum up the newest nights; one that never ended has no report, and is left out."""
    left = limit
    for number in numbers:
        report = _report(store, number) if left else None
        if report is None:
            continue
        left -= 1
        counted = {name: len(report[name]) for name in ("new", "rejected")}
        kept = (
            "night",
            "finished_at",
            "generation",
            "pictures",
            "removed",
            "duplicates",
            "alerts",
            "found",
            "in_quarantine",
        )
        yield {name: report[name] for name in kept} | counted | {"seconds": report["seconds"]["total"]}


def _report(store: Store, night: int) -> dict[str, Any] | None:
    path = night_folder(store, night) / REPORT_FILE
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return None
    except ValueError as error:
        raise StoreDamaged(f"{path} cannot be read: {error}") from error
    return dict(report)
