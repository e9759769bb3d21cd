"""Not like the genuine ones: the image claims to be of a label, and is farther from its pictures than genuine ones are."""

from indexer.screening.facts import LIKENESS_RISK, Case, Facts
from indexer.screening.options import NOT_GENUINE
from indexer.screening.report import Reason


def judge(case: Case, facts: Facts) -> list[Reason]:  # noqa: ARG001  (as every rule)
    """Give a reason if at most the stated share of genuine pictures are as far; it is for review."""
    genuine = facts.genuine
    if genuine is None or genuine.nearest is None:
        return []
    near = genuine.nearest
    p_value = genuine.scores.p_value(near.score)
    if p_value > facts.options.fpr:
        return []
    threshold = genuine.scores.threshold(facts.options.fpr)
    evidence = {
        "basis": "score",
        "why": f"the nearest of {genuine.count} genuine pictures scores {near.score:.3f}; of genuine ones"
        f" {p_value:.2%} score as little",
        "label": genuine.label,
        "genuine": genuine.count,
        "threshold": threshold,
        "p_value": p_value,
    }
    path = facts.shown(near.path)
    return [
        Reason(
            NOT_GENUINE,
            path,
            near.sha256,
            near.score,
            None,
            LIKENESS_RISK,
            is_proven=False,
            evidence=evidence,
        )
    ]
