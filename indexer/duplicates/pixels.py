"""What a look at the pixels of candidates says: which have next to nothing in them, and which pairs are copies."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.candidates import Candidate, judge_candidates
from indexer.compared import COMPARED, unpadded
from indexer.decoding.picture import Picture
from indexer.decoding.sandbox import Job, Sandbox
from retrieval.preprocess import PreprocessSpec
from retrieval.view import Fit, View

# A picture whose luma deviates by less, at 64 x 64 pixels and of 255, is near-blank. The plainest of 2,900 photos and
# signatures (Caltech-101, BSDS500, BHSig260) deviates by 10; scans of empty paper with noise, shading or 20 specks by
# 3.4 at most.
LEAST_DEVIATION = 5.0
_SMALL = PreprocessSpec(64, Fit.STRETCH)
_LUMA = np.array([0.299, 0.587, 0.114])
_WINDOW = 4  # pictures in memory at once, beside the one that is kept


def is_near_blank(pixels: npt.NDArray[np.uint8]) -> bool:
    """Tell whether a (height, width, 3) picture, averaged over 64 x 64 cells if it has more, is near-blank."""
    luma = pixels @ _LUMA
    for axis, side in enumerate(luma.shape):
        if side > _SMALL.size:
            edges = np.arange(_SMALL.size) * side // _SMALL.size
            widths = np.diff(edges, append=side)
            sums = np.add.reduceat(luma, edges, axis=axis)
            luma = sums / (widths[:, np.newaxis] if axis == 0 else widths)
    return bool(luma.std() < LEAST_DEVIATION)


@dataclass(frozen=True)
class Judged:
    """What verification says of a pair; the verdict is None where a picture could not be seen."""

    verdict: str | None
    reason: str


class Pixels:
    """The pictures of contents. ``paths`` has where each lies, ``sha256s`` the content that has to be there."""

    def __init__(
        self, sandbox: Sandbox, paths: Mapping[int, str], sha256s: Mapping[int, bytes], view: View
    ) -> None:
        self._sandbox, self._paths, self._sha256s = sandbox, paths, sha256s
        # Sounds have no colours, and drawings are as blank as their paper.
        self._view = view if view is View.SPECTRUM else View.COLOUR

    def near_blank(self, items: Collection[int]) -> set[int]:
        """Return the items whose pictures have too little in them to be told apart; what cannot be read is none."""
        return {
            item
            for item, picture, _ in self._pictures(items, _SMALL)
            if picture is not None and is_near_blank(picture.pixels)
        }

    def judge(self, keep: int, members: Collection[int]) -> dict[int, Judged]:
        """Verify pictures against the one that is kept, each decoded once, a few of them in memory at a time."""
        _, kept, problem = next(iter(self._pictures([keep], COMPARED)))
        if kept is None:
            return dict.fromkeys(members, Judged(None, f"not verified: the kept file is {problem}"))
        candidates = [Candidate(self._paths[item], sha256=self._sha256s[item]) for item in members]
        judged = judge_candidates(unpadded(kept).pixels, candidates, self._sandbox)
        return {
            item: Judged(None, f"not verified: {found.failure}")
            if found.verdict is None
            else Judged(str(found.verdict.kind), found.verdict.reason)
            for item, found in zip(members, judged, strict=True)
        }

    def _pictures(
        self, items: Collection[int], shape: PreprocessSpec
    ) -> Iterator[tuple[int, Picture | None, str]]:
        """Yield each item with its picture, or with why there is none, as they come."""
        jobs = [Job(item, path=self._paths[item]) for item in items]
        if not jobs:
            return  # a sandbox that is not needed is not started
        for outcome in self._sandbox.run(
            jobs, size=shape.size, fit=shape.fit, view=self._view, window=_WINDOW
        ):
            if outcome.sha256 is not None and outcome.sha256 != self._sha256s[outcome.key]:
                yield outcome.key, None, "changed since it was indexed"
            elif outcome.failure is not None:
                yield outcome.key, None, f"{outcome.failure.reason}: {outcome.failure.message}"
            else:
                yield outcome.key, outcome.picture, ""
