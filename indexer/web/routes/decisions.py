"""Decisions: what two contents are to each other, one by one or many at once, and what was decided so far."""

from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field
from starlette.responses import Response

from indexer.decide_pairs import Change, Judgement, decide_pairs, preview
from indexer.decisions import NOTE_CHARACTERS, DecisionVerdict, checked_note, checked_pair
from indexer.web.documents import Decided, DecidedInBulk, Decisions
from indexer.web.items import items_by_content, require_views
from indexer.web.ledger_page import count_decisions, decisions_below
from indexer.web.paging import LARGEST_ID, Cursor, Limit, cursor_of, place_of
from indexer.web.responses import Json
from indexer.web.service import Service, Serving
from indexer.web.writing import patiently

router = APIRouter(tags=["decisions"])

_SOURCE = "web"
_FIRST_PAGE = (LARGEST_ID,)
_AT_ONCE = 10_000
_ItemId = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class Wish(BaseModel):
    """What two contents are to each other; null takes back what was decided."""

    a: _ItemId
    b: _ItemId
    verdict: DecisionVerdict | None
    note: str = Field("", max_length=NOTE_CHARACTERS)


class Wishes(BaseModel):
    """Many decisions at once."""

    decisions: list[Wish] = Field(max_length=_AT_ONCE)
    dry_run: bool = False


@router.get("/decisions", response_model=Decisions)
def decisions(service: Serving, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List the ledger, newest first; rows are only ever added."""
    (before,) = place_of(cursor, _FIRST_PAGE)
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        rows = decisions_below(connection, gallery.store, before, limit + 1)
        total = count_decisions(connection)
    following = cursor_of(rows[limit - 1]["id"]) if len(rows) > limit else None
    return Json({"decisions": rows[:limit], "next": following, "total": total})


@router.post("/decisions", response_model=Decided)
def decide(
    service: Serving,
    wish: Wish,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, description="The same key gives the same answer, and decides once."),
    ] = None,
) -> Response:
    """Decide what two contents are to each other. What is decided so already adds nothing."""

    def once() -> dict[str, Any]:
        (judgement,) = _judgements(service, [wish])
        (change,) = patiently(lambda: decide_pairs(service.store, [judgement], _SOURCE))
        return {
            "a": wish.a,
            "b": wish.b,
            "verdict": wish.verdict,
            "before": change.before,
            "added": change.added,
        }

    return Json(service.answered.once(idempotency_key, wish.model_dump_json(), once))


@router.post("/decisions/bulk", response_model=DecidedInBulk)
def decide_many(service: Serving, wishes: Wishes) -> Response:
    """Decide all of them or none; with `dry_run`, say what that would do.

    `contradictions` are pairs decided `different` that a chain of `same` would join.
    """
    judgements = _judgements(service, wishes.decisions)
    changes, contradictions = preview(service.store, judgements, _SOURCE)
    if not wishes.dry_run:
        changes = patiently(lambda: decide_pairs(service.store, judgements, _SOURCE))
    with service.store.database.reading() as connection:
        ids = items_by_content(connection, {sha256 for pair in contradictions for sha256 in pair})
    return Json(
        _counted(changes)
        | {
            "contradictions": [
                {"first_sha256": a.hex(), "second_sha256": b.hex(), "first": ids.get(a), "second": ids.get(b)}
                for a, b in contradictions
            ],
            "dry_run": wishes.dry_run,
        }
    )


def _counted(changes: list[Change]) -> dict[str, int]:
    added = sum(change.added for change in changes)
    return {"added": added, "unchanged": len(changes) - added}


def _judgements(service: Service, wishes: list[Wish]) -> list[Judgement]:
    ids = [id_ for wish in wishes for id_ in (wish.a, wish.b)]
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        views = require_views(connection, ids)
    return [
        Judgement(
            checked_pair(views[wish.a].sha256, views[wish.b].sha256), wish.verdict, checked_note(wish.note)
        )
        for wish in wishes
    ]
