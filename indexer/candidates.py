"""One picture against several files: which of them show it, edited or not, and on what evidence."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.compared import COMPARED, unpadded
from indexer.decoding.sandbox import Job, Outcome, Sandbox
from retrieval.alignment.evidence import Evidence, compare
from retrieval.alignment.features import Features, extract
from retrieval.alignment.verdict import Kind, Scores, Verdict, judge

_SHOW_IT = frozenset({Kind.IDENTICAL, Kind.COPY, Kind.ALTERED})
_NOTHING = Evidence(None)
_WINDOW = 4  # pictures in memory beside the one that is at work


@dataclass(frozen=True)
class Candidate:
    """A file that may show the picture, and the pair's cosines as far as they are known.

    With ``sha256`` only that content is judged: a file that has become another one has no verdict.
    """

    path: str | os.PathLike[str]
    scores: Scores | None = None
    sha256: bytes | None = None


@dataclass(frozen=True)
class Judged:
    """What the picture is to a candidate; ``failure`` says why there is no verdict."""

    verdict: Verdict | None = None
    evidence: Evidence = _NOTHING
    failure: str | None = None

    @property
    def shows_it(self) -> bool:
        """Whether the candidate is the picture itself, a copy, or one that was altered."""
        return self.verdict is not None and self.verdict.kind in _SHOW_IT

    @property
    def is_identical(self) -> bool:
        """Whether it has the same bytes."""
        return self.verdict is not None and self.verdict.kind is Kind.IDENTICAL


def judge_candidates(
    pixels: npt.NDArray[np.uint8],
    candidates: Sequence[Candidate],
    sandbox: Sandbox,
    *,
    sha256: bytes | None = None,
) -> list[Judged]:
    """Verify each candidate, as its file is now, against a (height, width, 3) picture; in the order given.

    Files are decoded in the sandbox, and the picture's own features are found once. ``sha256`` is the picture's own
    content's, so that the same bytes are named identical.

    Raises:
        LibraryMissing: OpenCV is not installed.
    """
    features = extract(pixels)
    jobs = [Job(key, path=os.fspath(candidate.path)) for key, candidate in enumerate(candidates)]
    outcomes = sandbox.run(jobs, size=COMPARED.size, fit=COMPARED.fit, window=_WINDOW)
    judged = {
        outcome.key: _judged(pixels, features, outcome, sha256, candidates[outcome.key])
        for outcome in outcomes
    }
    return [judged[key] for key in range(len(candidates))]


def _judged(
    pixels: npt.NDArray[np.uint8],
    features: Features,
    outcome: Outcome,
    sha256: bytes | None,
    candidate: Candidate,
) -> Judged:
    if candidate.sha256 is not None and outcome.sha256 not in {None, candidate.sha256}:
        return Judged(failure="changed since it was indexed")
    if outcome.picture is None:
        failure = outcome.failure
        return Judged(failure=f"{failure.reason}: {failure.message}" if failure else "it gave no picture")
    evidence = compare(pixels, unpadded(outcome.picture).pixels, features_a=features)
    same_bytes = sha256 is not None and outcome.sha256 == sha256
    return Judged(judge(evidence, same_bytes=same_bytes, scores=candidate.scores), evidence)
