"""What nights reported, to be looked at and decided."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import ColumnElement, Connection, Select, case, func, select, tuple_
from starlette.responses import Response

from indexer.database import REPAIR_HINT
from indexer.errors import StoreDamaged
from indexer.nightly.findings import REJECTED, REPORTED, is_sound
from indexer.nightly.order import MOST_SEVERE_FIRST
from indexer.tables import Decision, Finding
from indexer.web.documents import Alerts, State
from indexer.web.items import items_by_content, read_views
from indexer.web.paging import Cursor, Limit, cursor_of, place_of
from indexer.web.responses import Json
from indexer.web.service import Service, Serving

router = APIRouter(tags=["review"])


@router.get("/alerts", response_model=Alerts)
def alerts(service: Serving, limit: Limit = 50, cursor: Cursor = None, state: State = "open") -> Response:
    """List what nights reported: the newest night first, and of each what is most worth a look."""
    (last,) = place_of(cursor, (0,))
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        service.ledger.follow(connection)
        counts = {name: _count(connection, name) for name in ("open", "decided")}
        rows = connection.execute(_after(connection, last, _of_state(state)).limit(limit + 1)).all()
        described = _described(service, connection, list(rows[:limit]))
        total = _count(connection, state)
    following = cursor_of(rows[limit - 1].id) if len(rows) > limit else None
    return Json({"alerts": described, "next": following, "total": total} | counts)


def _count(connection: Connection, state: State) -> int:
    return int(connection.execute(_of_state(state).with_only_columns(func.count())).scalar_one())


def _of_state(state: State) -> Select[Any]:
    statement = select(Finding.__table__).where(Finding.state == REPORTED, Finding.kind != REJECTED)
    if state == "all":
        return statement
    statement = statement.where(
        Finding.first_sha256 != Finding.second_sha256
    )  # else there is no pair to decide
    return statement.where(_is_decided() if state == "decided" else ~_is_decided())


def _is_decided() -> ColumnElement[bool]:
    newest = (
        select(Decision.verdict)
        .where(Decision.first_sha256 == Finding.first_sha256, Decision.second_sha256 == Finding.second_sha256)
        .order_by(Decision.decided_at.desc(), Decision.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return newest.is_not(None)


def _after(connection: Connection, last: int, statement: Select[Any]) -> Select[Any]:
    """Sort as a night's queue is sorted, by `in_order_of_value`, from behind the row ``last`` on.

    What is decided while somebody pages leaves the list, and moves nothing that is still to come.
    """
    severity = case(
        {verdict: place for place, verdict in enumerate(MOST_SEVERE_FIRST)},
        value=Finding.verdict,
        else_=len(MOST_SEVERE_FIRST),
    )
    likely = func.coalesce(Finding.probability, Finding.score)
    order = (-Finding.night, severity, -likely, -Finding.wasted_bytes, Finding.id)
    place = connection.execute(select(*order).where(Finding.id == last)).first()
    if place is not None:
        statement = statement.where(tuple_(*order) > tuple_(*place))
    return statement.order_by(*order)


def _described(service: Service, connection: Connection, rows: list[Any]) -> list[dict[str, Any]]:
    for row in rows:
        if not is_sound(row):
            raise StoreDamaged(f"row {row.id} of table findings is not what was written", REPAIR_HINT)
    contents = {sha256 for row in rows for sha256 in (row.first_sha256, row.second_sha256)}
    views = read_views(connection, items_by_content(connection, contents).values()).values()
    known = {view.sha256: view.to_dict(service.store) for view in views}
    facts = ("id", "night", "kind", "verdict", "score", "probability", "reason", "wasted_bytes", "source")
    return [
        {name: getattr(row, name) for name in facts}
        | {
            "first": known.get(row.first_sha256),
            "second": known.get(row.second_sha256) if row.second_sha256 != row.first_sha256 else None,
            "decision": service.ledger.verdict(row.first_sha256, row.second_sha256),
        }
        for row in rows
    ]
