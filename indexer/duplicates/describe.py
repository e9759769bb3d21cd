"""Groups and what links them in words: paths as the user can open them, verdicts and reasons."""

import os
from collections.abc import Sequence

import numpy as np

from indexer.calibrations import Calibration
from indexer.decisions import Decisions, DecisionVerdict
from indexer.duplicates.candidates import Candidates
from indexer.duplicates.grouping import Group, Link
from indexer.duplicates.pixels import Judged
from indexer.duplicates.places import Place, why_kept
from indexer.duplicates.report import Bridge, DedupeReport, DuplicateGroup, Member
from indexer.lookup import IDENTICAL
from indexer.remote import is_remote
from indexer.store import Store
from retrieval.alignment.verdict import Kind

# What verification says of (the item that is kept, a member's item).
Verdicts = dict[frozenset[int], Judged]  # by the two items
NO_COPY = frozenset({Kind.SAME_OBJECT, Kind.DIFFERENT})


def describe(
    report: DedupeReport,
    store: Store,
    groups: Sequence[Group],
    links: Sequence[Link],
    candidates: Candidates,
    decisions: Decisions,
    judged: Verdicts,
    calibration: Calibration | None,
) -> None:
    """Put groups and links into words."""
    ids = {}
    for number, group in enumerate(groups, start=1):
        ids[id(group)] = number
        keep, on_disk = group.keep, {_inode(store, group.keep)}
        members = []
        for place, score in group.members:
            inode = _inode(store, place)
            is_link = inode is not None and inode in on_disk
            on_disk.add(inode)
            report.wasted_bytes += 0 if is_link else place.size_bytes
            verdict, reason = _why(keep, place, score, report.threshold, candidates, decisions, judged)
            if is_link:
                reason += ", by a hard link that takes up nothing"
            shown = store.shown_path(place.path)
            probability = _probability(score, verdict, calibration)
            members.append(Member(shown, score, probability, verdict, reason, place.sha256.hex()))
        why = why_kept(keep, [place for place, _ in group.members])
        low = candidates.min_score(sorted(group.items))
        report.groups.append(
            DuplicateGroup(number, store.shown_path(keep.path), why, keep.sha256.hex(), members, low)
        )
    report.bridges = [
        Bridge(
            store.shown_path(link.place.path),
            [ids[id(group)] for group, _ in link.groups],
            [score for _, score in link.groups],
        )
        for link in links
    ]


def _why(
    keep: Place,
    place: Place,
    score: float,
    threshold: float,
    candidates: Candidates,
    decisions: Decisions,
    judged: Verdicts,
) -> tuple[str | None, str]:
    """Return a member's verdict, None where likeness alone speaks, and the reason."""
    if place.item == keep.item:
        return IDENTICAL, "the same bytes"
    decided = decisions.verdict(keep.sha256, place.sha256)
    if decided is DecisionVerdict.SAME:
        return Kind.COPY, f"decided {decided}"
    if decided is DecisionVerdict.FRAUD:
        return Kind.ALTERED, f"decided {decided}"
    if candidates.is_sure(keep.item, place.item):
        return Kind.COPY, "decided same as another copy of the kept file"
    found = judged.get(frozenset((keep.item, place.item)))
    if found is not None:
        return found.verdict, found.reason
    return None, f"score {score:.3f} >= {threshold:g}"


def _probability(score: float, verdict: str | None, calibration: Calibration | None) -> float | None:
    """P(same | score), where scores are calibrated; the same bytes need no score."""
    if verdict == IDENTICAL:
        return 1.0
    return float(calibration.probability(np.array([score]))[0]) if calibration else None


def _inode(store: Store, place: Place) -> tuple[int, int] | None:
    """What a file is on disk, whatever it is called; None if it is gone, or was never there."""
    if is_remote(place.path):
        return None
    try:
        status = os.lstat(store.absolute_path(place.path))
    except OSError:
        return None
    return status.st_dev, status.st_ino
