"""Cleared: what the benign list or a decision says of a picture takes reasons of reuse and alteration away."""

from collections.abc import Sequence

from indexer.decisions import DecisionVerdict
from indexer.listings import ListName
from indexer.screening.facts import Case, Facts
from indexer.screening.options import ALTERED, CLEARED, REUSED
from indexer.screening.report import Reason


def clear(reasons: Sequence[Reason], case: Case, facts: Facts) -> tuple[list[Reason], list[Reason]]:
    """Part reasons into those that stay and those that are cleared.

    A reason is cleared if its picture is on the benign list or was decided ``cleared`` with the image. An unaltered
    copy of a benign picture may be a copy of anything: what it is a copy of is then benign too.
    """
    if CLEARED in facts.options.off:
        return list(reasons), []
    is_benign = any(
        relation.is_copy and facts.on(ListName.BENIGN, relation.neighbour.sha256)
        for relation in facts.relations
    )
    cleared = [
        reason
        for reason in reasons
        if reason.rule in {REUSED, ALTERED}
        if (is_benign and reason.rule == REUSED) or _is_cleared(case, facts, reason.sha256)
    ]
    return [reason for reason in reasons if reason not in cleared], cleared


def _is_cleared(case: Case, facts: Facts, sha256: bytes) -> bool:
    if facts.on(ListName.BENIGN, sha256):
        return True
    if case.sha256 is None:
        return False
    return facts.decisions.verdict(case.sha256, sha256) is DecisionVerdict.CLEARED
