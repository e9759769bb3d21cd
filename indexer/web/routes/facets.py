"""What the files of the index are filed under: labels and attributes; and what could not be indexed."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import Text, cast, func, select
from starlette.responses import Response

from indexer.tables import File, Rejection
from indexer.web.documents import Attributes, Labels, Rejections
from indexer.web.paging import Cursor, Limit, cursor_of, place_of
from indexer.web.responses import Json
from indexer.web.service import Serving

router = APIRouter(tags=["index"])

_MOST_VALUES = 50


@router.get("/labels", response_model=Labels)
def labels(service: Serving) -> Response:
    """List all labels, with how many contents have each."""
    statement = (
        select(File.label, func.count(File.item_id.distinct()))
        .where(File.label.is_not(None))
        .group_by(File.label)
        .order_by(File.label)
    )
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        rows = connection.execute(statement).all()
    return Json({"labels": [{"label": label, "items": count} for label, count in rows]})


@router.get("/attributes", response_model=Attributes)
def attributes(service: Serving) -> Response:
    """List the attributes of files, each with its 50 most frequent values."""
    facts = func.json_each(File.attributes).table_valued("key", "value")
    value = cast(facts.c.value, Text)
    counted = (
        select(
            facts.c.key,
            value.label("value"),
            func.count().label("files"),
            func.row_number()
            .over(partition_by=facts.c.key, order_by=[func.count().desc(), value])
            .label("place"),
        )
        .select_from(File)
        .join(facts, onclause=File.id == File.id)
        .group_by(facts.c.key, value)
        .subquery()
    )
    statement = (
        select(counted).where(counted.c.place <= _MOST_VALUES).order_by(counted.c.key, counted.c.place)
    )
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        rows = connection.execute(statement).all()
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.key, []).append({"value": row.value, "files": row.files})
    return Json({"attributes": [{"key": key, "values": values} for key, values in found.items()]})


@router.get("/rejections", response_model=Rejections)
def rejections(service: Serving, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List the files that could not be indexed, and why, by path."""
    (start,) = place_of(cursor, (0,))
    statement = select(Rejection.path, Rejection.reason, Rejection.message).order_by(Rejection.path)
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        rows = connection.execute(statement.offset(start).limit(limit + 1)).all()
        total = connection.execute(select(func.count()).select_from(Rejection)).scalar_one()
        shown = gallery.store.shown_path
    page = [{"path": shown(row.path), "reason": row.reason, "message": row.message} for row in rows[:limit]]
    following = cursor_of(start + limit) if len(rows) > limit else None
    return Json({"rejections": page, "next": following, "total": total})
