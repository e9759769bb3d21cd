"""What came of a screening: each image's verdict, risk and reasons, and the rings of those who share pictures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from retrieval.connected import connected


class ScreenVerdict(StrEnum):
    """What is to be done with an image."""

    CLEAR = "clear"  # no rule has a reason
    REVIEW = "review"  # a reason that rests on likeness: somebody should look
    REJECT = "reject"  # a reason that rests on the same bytes, on pixels laid on each other, or on a decision


@dataclass(frozen=True)
class Reason:
    """Why a rule speaks against an image. ``path`` and ``sha256`` are of the picture that it was held against.

    ``score`` is a cosine; ``probability`` that of the two being one picture at equal odds, None where the space is not
    calibrated. ``risk`` is from 0 to 1, and ``is_proven`` says that it rests on more than likeness.
    """

    rule: str
    path: str
    sha256: bytes
    score: float
    probability: float | None
    risk: float
    is_proven: bool
    evidence: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the reason as plain values."""
        return {
            "rule": self.rule,
            "with": self.path,
            "sha256": self.sha256.hex(),
            "score": self.score,
            "probability": self.probability,
            "risk": self.risk,
            "evidence": self.evidence,
        }


@dataclass(frozen=True)
class ScreenedImage:
    """One image. ``cleared`` are the reasons that the benign list or a decision took away.

    ``notes`` say what could not be judged. ``reason`` and ``message`` are why the image cannot be used; it has no
    verdict then. ``owner`` is what was claimed, and ``owners`` who else has the picture.
    """

    image: str
    reasons: list[Reason] = field(default_factory=list)
    cleared: list[Reason] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    claim: dict[str, str] = field(default_factory=dict)
    owner: str | None = None
    owners: list[str] = field(default_factory=list)
    reason: str | None = None
    message: str | None = None

    @property
    def verdict(self) -> ScreenVerdict | None:
        """What is to be done; None for an image that cannot be used."""
        if self.reason is not None:
            return None
        if not self.reasons:
            return ScreenVerdict.CLEAR
        is_proven = any(reason.is_proven for reason in self.reasons)
        return ScreenVerdict.REJECT if is_proven else ScreenVerdict.REVIEW

    @property
    def is_flagged(self) -> bool:
        """Whether a rule speaks against it."""
        return bool(self.reasons)

    @property
    def risk(self) -> float | None:
        """The largest risk of a reason, 0 without any; None for an image that cannot be used."""
        if self.reason is not None:
            return None
        return max((reason.risk for reason in self.reasons), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the image as plain values."""
        document: dict[str, Any] = {
            "image": self.image,
            "verdict": self.verdict,
            "risk": self.risk,
            "reasons": [reason.to_dict() for reason in self.reasons],
            "cleared": [reason.to_dict() for reason in self.cleared],
            "notes": self.notes,
            "claim": self.claim,
        }
        if self.reason is not None:
            document |= {"reason": self.reason, "message": self.message}
        return document


@dataclass(frozen=True)
class Ring:
    """Owners that shared pictures connect, and the images that two or more of them have."""

    owners: list[str]
    links: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return the ring as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class ScreenReport:
    """All images, in the order given."""

    images: list[ScreenedImage]

    def rings(self) -> list[Ring]:
        """Return the rings among the owners of the images and of the pictures that they are copies of."""
        return rings_of(self.images)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "images": [image.to_dict() for image in self.images],
            "rings": [ring.to_dict() for ring in self.rings()],
        }


def rings_of(images: Sequence[ScreenedImage]) -> list[Ring]:
    """Return the rings among images whose owner was claimed; ``links`` have the two owners and their images."""
    shared: dict[tuple[str, str], list[str]] = {}
    for image in images:
        for other in image.owners:
            if image.owner is not None:
                first, second = sorted((image.owner, other))
                shared.setdefault((first, second), []).append(image.image)
    names = sorted({name for pair in shared for name in pair})
    number = {name: place for place, name in enumerate(names)}
    rings = []
    for ring in connected((number[a], number[b]) for a, b in shared):
        owners = [names[place] for place in ring]
        links = [{"a": a, "b": b, "images": found} for (a, b), found in sorted(shared.items()) if a in owners]
        rings.append(Ring(owners, links))
    return rings
