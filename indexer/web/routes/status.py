"""What the index holds, in numbers; nothing is checked and nothing is read from disk."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection, func, select
from starlette.responses import Response

from indexer import __version__
from indexer.compared import is_comparable
from indexer.lookup import Gallery
from indexer.store import Store
from indexer.tables import Catalogue, File, Rejection
from indexer.web.documents import Status
from indexer.web.responses import Json
from indexer.web.service import Serving

router = APIRouter(tags=["index"])


@router.get("/status", response_model=Status)
def status(service: Serving) -> Response:
    """Say what the index holds."""
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        service.ledger.follow(connection)
        spec = gallery.generation.spec
        document = {
            "store": gallery.store.shown_path(str(gallery.store.path)),
            "version": __version__,
            "generation": gallery.generation.id,
            "committed_at": gallery.generation.created_at,
            "encoder": {
                "name": spec.name,
                "version": spec.version,
                "fingerprint": gallery.generation.fingerprint,
                "spaces": [space.name for space in spec.spaces],
                "default_space": spec.default_space,
            },
            "metric": gallery.generation.metric,
            "counts": _counts(connection, gallery) | {"decisions": len(service.ledger)},
            "catalogues": _catalogues(connection, gallery.store),
            "calibrations": [one.summary() for one in gallery.calibrations()],
            "verify_available": is_comparable(spec),
            "job": next((job.id for job in service.builds.all() if job.state == "running"), None),
        }
    return Json(document)


def _counts(connection: Connection, gallery: Gallery) -> dict[str, int]:
    return {
        "items": gallery.generation.item_count,
        "files": gallery.generation.file_count,
        "labels": connection.execute(select(func.count(File.label.distinct()))).scalar_one(),
        "rejected": connection.execute(select(func.count()).select_from(Rejection)).scalar_one(),
    }


def _catalogues(connection: Connection, store: Store) -> list[dict[str, Any]]:
    per_catalogue = select(File.catalogue_id, func.count()).group_by(File.catalogue_id)
    files = {row[0]: row[1] for row in connection.execute(per_catalogue)}
    rows = connection.execute(select(Catalogue.__table__).order_by(Catalogue.id))
    return [
        {"path": store.shown_path(row.path), "kind": row.kind, "files": files.get(row.id, 0)} for row in rows
    ]
