"""Not like the genuine ones: the image claims a label, and is farther from its pictures than genuine ones are.

Either from the nearest of them, or when held against the nearest picture of another label. These are two tests, so
each has half of the stated rate (Bonferroni): together they call no more genuine pictures not genuine.
"""

from typing import Any

from indexer.screening.facts import LIKENESS_RISK, Case, Facts
from indexer.screening.options import NOT_GENUINE
from indexer.screening.report import Reason


def judge(case: Case, facts: Facts) -> list[Reason]:  # noqa: ARG001  (as every rule)
    """Give a reason if at most the stated share of genuine pictures are as far; it is for review."""
    genuine = facts.genuine
    if genuine is None or genuine.nearest is None:
        return []
    near, fpr = genuine.nearest, facts.options.fpr
    rival = genuine.rival_at(fpr)
    if rival is not None:
        fpr /= 2
    evidence: dict[str, Any] = {
        "basis": "score",
        "label": genuine.label,
        "genuine": genuine.count,
        "threshold": genuine.scores.threshold(fpr),
    }
    why = f"the nearest of {genuine.count} genuine pictures scores {near.score:.3f}"
    p_value = genuine.scores.p_value(near.score)
    told = f"{why}; of genuine ones {p_value:.2%} score as little"
    if rival is not None:
        evidence["rival"] = {
            "label": rival.label,
            "path": facts.shown(rival.nearest.path),
            "score": rival.nearest.score,
            "margin": rival.margin,
            "margin_threshold": rival.margins.threshold(fpr),
        }
        beside = rival.margins.p_value(rival.margin)
        if beside < p_value:
            told = f"{why} and one of {rival.label} {rival.nearest.score:.3f}; {beside:.2%} of genuine ones are so near to others"
        p_value = min(p_value, beside)
    if p_value > fpr:
        return []
    return [
        Reason(
            NOT_GENUINE,
            facts.shown(near.path),
            near.sha256,
            near.score,
            None,
            LIKENESS_RISK,
            is_proven=False,
            evidence=evidence | {"why": told, "p_value": p_value},
        )
    ]
