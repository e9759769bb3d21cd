"""Contradiction: one key with another look, or one look under another key, such as a serial number or an SKU."""

from indexer.screening.facts import LIKENESS_RISK, Case, Facts
from indexer.screening.options import CONTRADICTION
from indexer.screening.report import Reason
from retrieval.alignment.verdict import Kind


def judge(case: Case, facts: Facts) -> list[Reason]:
    """Give a reason for each copy under another key, and one if even the nearest picture of the key looks different."""
    key = facts.options.key
    claimed = case.claim.get(key) if key is not None else None
    if key is None or claimed is None:
        return []
    return _other_key(facts, key, claimed) + _other_look(facts, key, claimed)


def _other_key(facts: Facts, key: str, claimed: str) -> list[Reason]:
    reasons = []
    for relation in facts.relations:
        keys = {value: file.path for file, value in relation.neighbour.values(key)}
        if relation.is_copy and keys and claimed not in keys:
            path = next(iter(keys.values()))
            told = {"key": key, "claimed": claimed, "found": sorted(keys)}
            reasons.append(relation.reason(CONTRADICTION, facts.shown(path), told))
    return reasons


def _other_look(facts: Facts, key: str, claimed: str) -> list[Reason]:
    relation = facts.namesake
    if relation is None or relation.neighbour.score >= facts.least_object:
        return []
    # Where pixels, bytes or somebody judged the two, they have to have been found different.
    if relation.is_proven and relation.kind is not Kind.DIFFERENT:
        return []
    told = {"key": key, "claimed": claimed, "least_score": facts.least_object}
    path = facts.shown(relation.neighbour.path)
    found = relation.reason(CONTRADICTION, path, told, risk=LIKENESS_RISK, is_proven=False)
    return [found]
