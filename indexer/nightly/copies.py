"""Pairs of copies as findings: those that `dedupe` groups, and bytes that lie in more than one place."""

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from indexer.decisions import pair_of
from indexer.duplicates.report import DedupeReport
from indexer.lookup import IDENTICAL
from indexer.nightly.findings import DUPLICATE, Finding
from indexer.tables import File, Item


def copies(report: DedupeReport) -> Iterator[Finding]:
    """Yield each member with the file that its group keeps, and each bridge with those of its other groups."""
    keeps = {group.id: bytes.fromhex(group.keep_sha256) for group in report.groups}
    members = {
        member.path: bytes.fromhex(member.sha256) for group in report.groups for member in group.members
    }
    for group in report.groups:
        for member in group.members:
            pair = pair_of(keeps[group.id], members[member.path])
            if pair[0] != pair[1]:
                yield Finding(
                    DUPLICATE,
                    *pair,
                    member.verdict,
                    member.score_to_keep,
                    member.probability,
                    member.reason,
                )
    for bridge in report.bridges:
        for number, score in list(zip(bridge.groups, bridge.scores, strict=True))[1:]:
            pair = pair_of(keeps[number], members[bridge.path])
            if pair[0] != pair[1]:
                yield Finding(DUPLICATE, *pair, None, score, None, "near the kept files of several groups")


def repeated_bytes(connection: Connection) -> Iterator[Finding]:
    """Yield each content that lies in more than one place: for `dedupe` a further file of it is nothing new."""
    places = select(File.item_id).group_by(File.item_id).having(func.count() > 1)
    for sha256 in connection.execute(
        select(Item.sha256).where(Item.id.in_(places)).order_by(Item.id)
    ).scalars():
        yield Finding(DUPLICATE, sha256, sha256, IDENTICAL, 1.0, None, "the same bytes")
