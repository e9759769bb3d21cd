"""Resubmitted altered: a picture of the index, whosever it is, of which regions were changed. Only pixels can say so."""

from indexer.screening.facts import CHANGED_RISK, Basis, Case, Facts
from indexer.screening.options import ALTERED
from indexer.screening.report import Reason
from retrieval.alignment.verdict import Kind


def judge(case: Case, facts: Facts) -> list[Reason]:
    """Give a reason, with the boxes that were changed, for each content that the image is an altered copy of.

    It is for review: untouched pictures that were captured anew have a box now and then. Where it is a plain copy of
    another content, what differs from others differs between pictures of the index: two shots of one thing, most often.
    That the index holds the image itself says nothing of the kind: an altered one may be there by now.
    """
    if any(
        relation.is_copy and relation.is_proven and relation.neighbour.sha256 != case.sha256
        for relation in facts.relations
    ):
        return []
    return [
        relation.reason(
            ALTERED,
            facts.shown(relation.neighbour.path),
            {"changes": list(relation.changes)},
            risk=CHANGED_RISK,
            is_proven=False,
        )
        for relation in facts.relations
        if relation.kind is Kind.ALTERED and relation.basis is Basis.PIXELS
    ]
