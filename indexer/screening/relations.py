"""What an image is to each content near it: by its bytes, by a decision, by pixels, or else by its score."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.candidates import Candidate, Judged, judge_candidates
from indexer.compared import COMPARED, Compared, known_scores, require_comparable, unpadded
from indexer.decisions import Decisions, DecisionVerdict
from indexer.decoding.sandbox import Sandbox
from indexer.duplicates.pixels import is_near_blank
from indexer.errors import UsageRefused
from indexer.images import read_images
from indexer.lookup import Gallery
from indexer.screening.facts import Basis, Case, Neighbour, Relation
from retrieval.alignment.verdict import Kind

_DECIDED = {
    DecisionVerdict.SAME: Kind.COPY,
    DecisionVerdict.FRAUD: Kind.ALTERED,
    DecisionVerdict.SAME_OBJECT: Kind.SAME_OBJECT,
    DecisionVerdict.DIFFERENT: Kind.DIFFERENT,
}


class Relations:
    """Judges pairs of an image and contents of the index. ``unverified`` says why pixels do not decide, if so."""

    def __init__(self, gallery: Gallery, sandbox: Sandbox, decisions: Decisions, *, verify: bool) -> None:
        self._gallery, self._sandbox, self._decisions = gallery, sandbox, decisions
        self.unverified: str | None = None if verify else "not asked to verify"
        if verify:
            try:
                require_comparable(gallery.generation.spec)
            except UsageRefused as error:
                self.unverified = f"{error}" + (f" ({error.hint})" if error.hint else "")

    def judge(
        self, case: Case, image: Any, neighbours: Sequence[Neighbour], least_copy: float
    ) -> list[Relation]:
        """Relate an image, as `read_images` takes it, to contents, in the order given.

        A near-blank image is no copy on its score, and a content that was decided ``cleared`` is judged as any other.
        """
        sure = {one.item: known for one in neighbours if (known := self._known(case, one)) is not None}
        open_ = [one for one in neighbours if one.item not in sure]
        if open_:
            sure |= self._looked_at(case, image, open_, least_copy)
        return [sure[one.item] for one in neighbours]

    def _known(self, case: Case, one: Neighbour) -> Relation | None:
        """What needs no look."""
        if case.sha256 is None:
            return None
        if case.sha256 == one.sha256:
            return Relation(one, Kind.IDENTICAL, Basis.BYTES, "the same bytes")
        decided = self._decisions.verdict(case.sha256, one.sha256)
        if decided is None or decided is DecisionVerdict.CLEARED:
            return None
        return Relation(one, _DECIDED[decided], Basis.DECISION, f"decided {decided}")

    def _looked_at(
        self, case: Case, image: Any, neighbours: Sequence[Neighbour], least: float
    ) -> Mapping[int, Relation]:
        picture, problem = self._pixels(case, image)
        if picture is None:
            return {one.item: _by_score(one, least, problem) for one in neighbours}
        if is_near_blank(picture.pixels):
            why = "the image is near-blank: likeness says nothing"
            return {one.item: Relation(one, None, Basis.SCORE, why) for one in neighbours}
        if self.unverified is not None:
            return {one.item: _by_score(one, least, self.unverified) for one in neighbours}
        judged = self._verify(case, picture.pixels, neighbours)
        return {
            one.item: _by_score(one, least, found.failure)
            if found.verdict is None
            else Relation(
                one, found.verdict.kind, Basis.PIXELS, found.verdict.reason, _changes(picture, found)
            )
            for one, found in zip(neighbours, judged, strict=True)
        }

    def _pixels(self, case: Case, image: Any) -> tuple[Compared | None, str | None]:
        """Decode the image as it is compared; or say why that cannot be. Sounds have no pixels to compare."""
        found = read_images([image], COMPARED, self._sandbox)[0]
        if found.picture is None:
            return None, self.unverified or f"{found.reason}: {found.message}"
        if case.sha256 is not None and found.sha256 not in {None, case.sha256}:
            return None, "the image changed meanwhile"
        return unpadded(found.picture), None

    def _verify(
        self, case: Case, pixels: npt.NDArray[np.uint8], neighbours: Sequence[Neighbour]
    ) -> list[Judged]:
        spec, store = self._gallery.generation.spec, self._gallery.store
        candidates = [
            Candidate(
                store.absolute_path(one.path), known_scores(spec, {one.space: one.score}), sha256=one.sha256
            )
            for one in neighbours
        ]
        return judge_candidates(pixels, candidates, self._sandbox, sha256=case.sha256)


def _changes(picture: Compared, found: Judged) -> list[dict[str, Any]]:
    if found.verdict is None or found.verdict.kind is not Kind.ALTERED:
        return []
    return [
        {"box": picture.in_file(change.box_a), "strength": change.strength}
        for change in found.evidence.changes
    ]


def _by_score(one: Neighbour, least: float, problem: str | None) -> Relation:
    near = one.score >= least
    why = f"score {one.score:.3f} {'>=' if near else '<'} {least:.3g}, not verified: {problem}"
    return Relation(one, Kind.COPY if near else None, Basis.SCORE, why)
