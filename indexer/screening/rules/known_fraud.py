"""Known fraud: a picture on the fraud list, a copy of one, or near one; or one of a pair that was decided to be fraud."""

from indexer.decisions import DecisionVerdict
from indexer.listings import ListName
from indexer.screening.facts import LIKENESS_RISK, Basis, Case, Facts, Relation
from indexer.screening.options import KNOWN_FRAUD
from indexer.screening.report import Reason


def judge(case: Case, facts: Facts) -> list[Reason]:
    """Give a reason for each content that is known fraud and near; of a decided pair either may be the genuine one."""
    reasons = []
    for relation in facts.relations:
        sha256, path = relation.neighbour.sha256, facts.shown(relation.neighbour.path)
        listed = facts.on(ListName.FRAUD, sha256)
        if _decided(case, facts, sha256):
            reasons.append(relation.reason(KNOWN_FRAUD, path, {"decided": "fraud"}, risk=1.0, is_proven=True))
        elif listed is not None and (relation.shows_it or _is_near(relation, facts)):
            told: dict[str, object] = {"listing": listed.id, "note": listed.note}
            if relation.shows_it:
                reasons.append(relation.reason(KNOWN_FRAUD, path, told))
            else:
                reasons.append(relation.reason(KNOWN_FRAUD, path, told, risk=LIKENESS_RISK, is_proven=False))
        elif sha256 in facts.fraud_pairs and relation.shows_it:
            told = {"decided": "fraud, with another picture"}
            reasons.append(relation.reason(KNOWN_FRAUD, path, told, risk=LIKENESS_RISK, is_proven=False))
    return reasons


def _decided(case: Case, facts: Facts, sha256: bytes) -> bool:
    return case.sha256 is not None and facts.decisions.verdict(case.sha256, sha256) is DecisionVerdict.FRAUD


def _is_near(relation: Relation, facts: Facts) -> bool:
    """Whether its score alone would make it a copy, though pixels did not; what somebody took apart is not near."""
    return relation.basis is Basis.PIXELS and relation.neighbour.score >= facts.least_copy
