"""`index query --verify`: the best candidates, verified against the query; those that show it come first."""

from dataclasses import replace
from typing import Any

from indexer.candidates import Candidate, Judged, judge_candidates
from indexer.compared import COMPARED, known_scores, unpadded
from indexer.decoding.sandbox import Sandbox
from indexer.images import read_images
from indexer.lookup import Match
from retrieval.encoder import EncoderSpec
from retrieval.metric import Metric


def reranked(
    matches: list[Match],
    image: Any,
    count: int,
    sandbox: Sandbox,
    *,
    spec: EncoderSpec,
    space: str,
    metric: Metric,
) -> list[Match]:
    """Verify the first ``count`` matches of a query; scores stay as they are.

    The same bytes come first, then copies and altered ones by what speaks for them (`Evidence.support`); all others
    keep their order. A candidate that cannot be decoded any more has no verdict, and a reason for that.
    """
    if not matches:
        return []
    query = read_images([image], COMPARED, sandbox)[0]
    if query.picture is None:
        why = f"not verified: {query.name}: {query.reason}: {query.message}"
        return [replace(match, verdict=None, reason=why) for match in matches[:count]] + matches[count:]
    candidates = [
        Candidate(
            match.path,
            known_scores(spec, {space: match.score} if metric is Metric.COSINE else {}),
        )
        for match in matches[:count]
    ]
    judged = judge_candidates(unpadded(query.picture).pixels, candidates, sandbox, sha256=query.sha256)
    ordered = sorted(zip(matches[:count], judged, strict=True), key=lambda pair: _order(pair[1]))
    found = [_named(match, result) for match, result in ordered] + matches[count:]
    return [replace(match, rank=rank) for rank, match in enumerate(found, start=1)]


def _order(judged: Judged) -> tuple[bool, bool, float]:
    if not judged.shows_it:
        return True, True, 0.0
    return False, not judged.is_identical, -judged.evidence.support


def _named(match: Match, judged: Judged) -> Match:
    if judged.verdict is None:
        return replace(match, verdict=None, reason=f"not verified: {judged.failure}")
    return replace(match, verdict=str(judged.verdict.kind), reason=judged.verdict.reason)
