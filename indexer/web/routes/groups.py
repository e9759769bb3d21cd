"""The queue of duplicate groups."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection
from starlette.responses import Response

from indexer.web.documents import Group as GroupDocument
from indexer.web.documents import Groups, State
from indexer.web.duplicate_groups import Group
from indexer.web.errors import ApiError, Code
from indexer.web.items import ItemView, items_by_content, read_views
from indexer.web.paging import LARGEST_ID, Cursor, Limit, cursor_of, place_of
from indexer.web.responses import Json
from indexer.web.service import Service, Serving

router = APIRouter(tags=["review"])


@router.get("/groups", response_model=Groups)
def groups(
    service: Serving,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: State = "open",
    threshold: Annotated[
        float | None,
        Query(ge=-1, le=1, description="Only groups with a member that scores this to the kept file."),
    ] = None,
) -> Response:
    """List the duplicate groups, best value first: by the bytes that they waste, then by their scores."""
    (start,) = place_of(cursor, (0,))
    finder = service.groups
    document: dict[str, Any] = {
        "threshold": None,
        "generation": None,
        "state": finder.state,
        "progress": 0.0 if finder.state == "computing" else 1.0,
        "problem": finder.problem,
    }
    found = finder.found
    if found is None:
        return Json(document | {"groups": [], "next": None, "total": 0, "open": 0, "decided": 0})
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        service.ledger.follow(connection)
        found.follow(service.ledger)
        page = found.page(state, threshold, start, limit + 1)
        described = _described(service, connection, [group for _, group in page[:limit]])
    counts = found.counts(threshold)
    return Json(
        document
        | {
            "threshold": found.threshold,
            "generation": found.generation,
            "groups": described,
            "next": cursor_of(page[limit][0]) if len(page) > limit else None,
            "total": counts[state],
            "open": counts["open"],
            "decided": counts["decided"],
        }
    )


@router.get("/groups/{group}", response_model=GroupDocument)
def one(service: Serving, group: Annotated[int, Path(ge=1, le=LARGEST_ID)]) -> Response:
    """Describe one group, by its id in the current generation."""
    found = service.groups.found
    wanted = found.group(group) if found is not None else None
    if wanted is None:
        raise ApiError(404, Code.NO_SUCH_GROUP, f"there is no group {group} in this generation")
    with service.galleries.taken() as gallery, gallery.store.database.reading() as connection:
        service.ledger.follow(connection)
        described = _described(service, connection, [wanted])
    if not described:
        raise ApiError(404, Code.NO_SUCH_GROUP, f"the index holds group {group} no more")
    return Json(described[0])


def _described(service: Service, connection: Connection, groups: list[Group]) -> list[dict[str, Any]]:
    """Put groups into words; what left the index since they were found is left out."""
    contents = {group.keep_sha256 for group in groups}
    contents |= {member.sha256 for group in groups for member in group.members}
    views = {
        view.sha256: view
        for view in read_views(connection, items_by_content(connection, contents).values()).values()
    }
    described = (_group(service, group, views) for group in groups if group.keep_sha256 in views)
    return [group for group in described if group["members"]]


def _group(service: Service, group: Group, views: dict[bytes, ItemView]) -> dict[str, Any]:
    def item(sha256: bytes, path: str) -> dict[str, Any]:
        return views[sha256].to_dict(service.store) | {"path": path}

    members = [
        item(member.sha256, member.path)
        | {
            "score_to_keep": member.score_to_keep,
            "probability": member.probability,
            "verdict": member.verdict,
            "reason": member.reason,
            "decision": service.ledger.verdict(group.keep_sha256, member.sha256),
        }
        for member in group.members
        if member.sha256 in views
    ]
    return {
        "id": group.id,
        "keep": item(group.keep_sha256, group.keep),
        "keep_reason": group.keep_reason,
        "members": members,
        "min_score": group.min_score,
        "wasted_bytes": group.wasted_bytes,
        "state": group.state(service.ledger),
    }
