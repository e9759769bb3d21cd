"""Reused: a copy of a picture that belongs to another owner; where no owner is named, of any other file."""

from indexer.screening.facts import Case, Facts, Relation
from indexer.screening.options import REUSED
from indexer.screening.report import Reason


def judge(case: Case, facts: Facts) -> list[Reason]:
    """Give a reason for each content that the image is a copy of and that another owner has."""
    reasons = []
    for relation in facts.relations:
        if not relation.is_copy:
            continue
        owner = facts.options.owner
        if owner is not None:
            others = other_owners(case, relation, owner)
            if others:
                path, names = next(iter(others.values())), sorted(others)
                reasons.append(relation.reason(REUSED, facts.shown(path), {"owners": names}))
        elif relation.neighbour.files:
            path = relation.neighbour.files[0].path
            reasons.append(relation.reason(REUSED, facts.shown(path)))
    return reasons


def other_owners(case: Case, relation: Relation, owner: str) -> dict[str, str]:
    """Return {owner: a path, as stored} of those who have the content, but for who sent the image.

    Empty where it is not known who sent it.
    """
    mine = case.claim.get(owner)
    if mine is None:
        return {}
    return {value: file.path for file, value in relation.neighbour.values(owner) if value != mine}
