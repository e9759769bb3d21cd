"""What the rules judge by: the image as it came in, and what the index holds near it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from indexer.decisions import Decisions
from indexer.duplicates.scope import value_of
from indexer.listings import Listed, ListName
from indexer.screening.options import ScreenOptions
from indexer.screening.report import Reason
from indexer.sound_rows import FileFacts
from retrieval.alignment.verdict import Kind
from retrieval.detection.genuine import GenuineScores
from retrieval.similarity import Float32


class Basis(StrEnum):
    """What a relation rests on, the strongest first."""

    BYTES = "bytes"
    DECISION = "decision"
    PIXELS = "pixels"
    SCORE = "score"


# Levels by rule, and no probabilities: they order reasons where no calibration does.
LIKENESS_RISK, CHANGED_RISK = 0.5, 0.75
_RISKS = {Basis.BYTES: 1.0, Basis.DECISION: 1.0, Basis.PIXELS: 0.95, Basis.SCORE: LIKENESS_RISK}


@dataclass(frozen=True)
class Case:
    """An image to be judged. ``vectors`` has its (dim,) vector by space; ``own_path`` is as the index stores it."""

    name: str
    sha256: bytes | None
    claim: Mapping[str, str]
    vectors: Mapping[str, Float32]
    own_path: str | None = None


@dataclass(frozen=True)
class Neighbour:
    """A content of the index, seen from an image; ``path`` is where it lies, as stored.

    ``files`` are its places but the image's own. ``score`` is a cosine in ``space``, ``probability`` what it means if
    that is calibrated.
    """

    item: int
    sha256: bytes
    path: str
    files: Sequence[FileFacts]
    space: str
    score: float
    probability: float | None

    def values(self, key: str) -> Iterator[tuple[FileFacts, str]]:
        """Yield the files that have a value of an attribute, or of ``label``, with it."""
        for file in self.files:
            value = value_of(key, file.label, file.attributes)
            if value is not None:
                yield file, value


@dataclass(frozen=True)
class Relation:
    """What an image is to a neighbour, by what, and why in words; ``kind`` is None where likeness says nothing.

    ``changes`` has ``box``, in pixels of the image, and ``strength`` of what was altered.
    """

    neighbour: Neighbour
    kind: Kind | None
    basis: Basis
    why: str
    changes: Sequence[dict[str, Any]] = ()

    @property
    def is_copy(self) -> bool:
        """Whether it is the same picture, unaltered."""
        return self.kind in {Kind.IDENTICAL, Kind.COPY}

    @property
    def shows_it(self) -> bool:
        """Whether it is the same picture, altered or not."""
        return self.is_copy or self.kind is Kind.ALTERED

    @property
    def is_proven(self) -> bool:
        """Whether more than likeness says so."""
        return self.basis is not Basis.SCORE

    @property
    def risk(self) -> float:
        """How much a reason that rests on it weighs: its probability where only a calibrated score speaks."""
        if self.basis is Basis.SCORE and self.neighbour.probability is not None:
            return self.neighbour.probability
        return _RISKS[self.basis]

    def reason(
        self,
        rule: str,
        path: str,
        evidence: Mapping[str, Any] | None = None,
        *,
        risk: float | None = None,
        is_proven: bool | None = None,
    ) -> Reason:
        """Make a rule's reason of it, with the picture at ``path`` and what else speaks for it."""
        told = {"basis": str(self.basis), "verdict": self.kind and str(self.kind), "why": self.why}
        return Reason(
            rule=rule,
            path=path,
            sha256=self.neighbour.sha256,
            score=self.neighbour.score,
            probability=self.neighbour.probability,
            risk=self.risk if risk is None else risk,
            is_proven=self.is_proven if is_proven is None else is_proven,
            evidence=told | dict(evidence or {}),
        )


@dataclass(frozen=True)
class Rival:
    """The nearest picture of another label: by how much (``margin``) the claimed one's is nearer, and genuine ones' are."""

    label: str
    nearest: Neighbour
    margin: float
    margins: GenuineScores


@dataclass(frozen=True)
class Genuine:
    """What a claimed label's genuine pictures say: how many, the nearest of them, and what genuine ones score."""

    label: str
    count: int
    nearest: Neighbour | None
    scores: GenuineScores
    rival: Rival | None

    def rival_at(self, fpr: float) -> Rival | None:
        """Return the rival, if there are pictures enough to judge by it as well: two tests have half the rate each."""
        rival, half = self.rival, fpr / 2
        can_show = rival is not None and None not in {
            self.scores.threshold(half),
            rival.margins.threshold(half),
        }
        return rival if can_show else None


@dataclass(frozen=True)
class Facts:
    """What the index holds that bears on one image.

    ``relations`` are to the contents that are near as copies, are listed as fraud and near, or were decided with it.
    ``namesake`` is the nearest by look of those with the same key, and ``genuine`` what its label's pictures say.
    """

    options: ScreenOptions
    decisions: Decisions
    fraud_pairs: frozenset[bytes]  # contents of which a pair was decided to be fraud
    listed: Mapping[ListName, Mapping[bytes, Listed]]
    relations: Sequence[Relation]
    namesake: Relation | None
    genuine: Genuine | None
    least_copy: float
    least_object: float
    shown: Callable[[str], str]  # from a path as stored to one that the user can open

    def on(self, name: ListName, sha256: bytes) -> Listed | None:
        """Return a content's listing, if it is on."""
        return self.listed[name].get(sha256)
