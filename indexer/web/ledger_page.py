"""Rows of the ledger of decisions as clients see them, with the contents that they are about."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.orm import aliased

from indexer.database import REPAIR_HINT
from indexer.decisions import is_sound
from indexer.errors import StoreDamaged
from indexer.store import Store
from indexer.tables import Decision
from indexer.web.items import items_by_content, read_views

_FIRST = 2**63 - 1


def count_decisions(connection: Connection) -> int:
    """Count the rows."""
    return connection.execute(select(func.count()).select_from(Decision)).scalar_one()


def decisions_below(
    connection: Connection, store: Store, id_: int | None, limit: int
) -> list[dict[str, Any]]:
    """Return rows with smaller ids than ``id_``, the newest first.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    return _described(connection, store, Decision.id < (_FIRST if id_ is None else id_), limit)


def decisions_about(connection: Connection, store: Store, sha256: bytes) -> list[dict[str, Any]]:
    """Return what was ever decided of a content and others, the newest first.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    either = (Decision.first_sha256 == sha256) | (Decision.second_sha256 == sha256)
    return _described(connection, store, either, None)


def _described(
    connection: Connection, store: Store, condition: ColumnElement[bool], limit: int | None
) -> list[dict[str, Any]]:
    other = aliased(Decision)
    newest = (
        select(other.id)
        .where(other.first_sha256 == Decision.first_sha256, other.second_sha256 == Decision.second_sha256)
        .order_by(other.decided_at.desc(), other.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    statement = select(*Decision.__table__.columns, newest.label("newest")).where(condition)
    rows = connection.execute(statement.order_by(Decision.id.desc()).limit(limit)).all()
    views = _views(connection, store, rows)
    return [
        {
            "id": row.id,
            "first_sha256": row.first_sha256.hex(),
            "second_sha256": row.second_sha256.hex(),
            "first": views.get(row.first_sha256),
            "second": views.get(row.second_sha256),
            "verdict": row.verdict,
            "note": row.note,
            "source": row.source,
            "decided_at": row.decided_at,
            "counts": row.verdict is not None and row.id == row.newest,
        }
        for row in rows
    ]


def _views(connection: Connection, store: Store, rows: Sequence[Any]) -> dict[bytes, dict[str, Any]]:
    """Describe the contents that rows are about and that the index holds."""
    for row in rows:
        if not is_sound(row):
            raise StoreDamaged(f"row {row.id} of table decisions is not what was written", REPAIR_HINT)
    contents = {sha256 for row in rows for sha256 in (row.first_sha256, row.second_sha256)}
    views = read_views(connection, items_by_content(connection, contents).values())
    return {view.sha256: view.to_dict(store) for view in views.values()}
