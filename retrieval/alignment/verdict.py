"""The word for a pair of pictures, and the reason for it."""

from dataclasses import dataclass
from enum import StrEnum

from retrieval.alignment.evidence import Evidence
from retrieval.alignment.homography import Alignment

LEAST_OVERLAP = 0.3  # of the picture that lies more in the other: a copy may be cropped, or framed
LEAST_SPREAD = 0.25  # of the shared area: a logo or a frame is found in few of its cells
LEAST_SHARE = 0.4  # of the texture that both cover: what is pasted over a copy leaves as much
# Of the largest piece that agrees: a screenshot's frame agrees around a picture that does not. Two photos in one frame,
# of which they fill two fifths or more, had 0.68 at least (48 pairs); of 80 copies under three edits that pass
# otherwise, one had more.
LARGEST_OTHER = 0.6
LARGEST_DEVIATION = (
    0.1  # standard deviations: another print of one design, or another photo of it, differs more
)


class Kind(StrEnum):
    """What two pictures are to each other, the nearest first."""

    IDENTICAL = "identical"  # the same bytes
    COPY = "copy"  # one picture, edited as a whole at most
    ALTERED = "altered"  # one picture, of which regions were changed
    SAME_OBJECT = "same-object"  # two pictures of one thing, or of one design
    DIFFERENT = "different"


@dataclass(frozen=True)
class Scores:
    """Cosines of a pair's vectors, and the least at which an encoder takes two pictures for one thing.

    A cosine that was not computed is None.
    """

    copy: float | None
    object: float | None
    least_copy: float
    least_object: float

    @property
    def alike(self) -> bool:
        """Whether either space takes the pair for one thing."""
        return (self.copy is not None and self.copy >= self.least_copy) or (
            self.object is not None and self.object >= self.least_object
        )

    def __str__(self) -> str:
        named = {"copy": self.copy, "object": self.object}
        return ", ".join(f"{name} score {score:.3f}" for name, score in named.items() if score is not None)


@dataclass(frozen=True)
class Verdict:
    """What a pair is, and why, in words."""

    kind: Kind
    reason: str


def judge(evidence: Evidence, *, same_bytes: bool = False, scores: Scores | None = None) -> Verdict:
    """Decide what two pictures are to each other.

    Pixels decide what is a copy; vectors, where there are any, only whether what is none shows the same thing.
    """
    if same_bytes:
        return Verdict(Kind.IDENTICAL, "the same bytes")
    alignment = evidence.alignment
    if alignment is None:
        return _by_likeness("nothing in one lies in the other by a plane map", scores)
    part = _only_a_part(alignment, evidence)
    if part:
        return _by_likeness(part, scores)
    deviation = evidence.agreement.deviation
    if deviation > LARGEST_DEVIATION:
        return Verdict(
            Kind.SAME_OBJECT,
            f"the same design lies in both, but luminance deviates by {deviation:.2f}, and a copy's by"
            f" {LARGEST_DEVIATION} at most",
        )
    if evidence.changes:
        strongest = evidence.changes[0]
        return Verdict(
            Kind.ALTERED,
            f"{_where(alignment)}; {_counted(len(evidence.changes), 'region')} changed, the strongest"
            f" {strongest.strength:.1f} times what is usual in this pair",
        )
    return Verdict(Kind.COPY, f"{_where(alignment)}; no region changed")


def _only_a_part(alignment: Alignment, evidence: Evidence) -> str | None:
    """Say why what is shared may be a logo, a caption or a frame; None if it is the picture."""
    overlap = max(alignment.overlap_a, alignment.overlap_b)
    if overlap < LEAST_OVERLAP:
        return f"they share {overlap:.0%} of a picture at most"
    if alignment.spread < LEAST_SPREAD:
        return f"points match in {alignment.spread:.0%} of what they would share"
    if evidence.agreement.share < LEAST_SHARE:
        return f"only {evidence.agreement.share:.0%} of what they would share agrees"
    same, other = evidence.agreement.same_piece, evidence.agreement.other_piece
    if other > LARGEST_OTHER * same:
        return f"a piece of {other:.0%} of what they would share differs, and the largest that agrees is {same:.0%}"
    return None


def _by_likeness(finding: str, scores: Scores | None) -> Verdict:
    if scores is None:
        return Verdict(Kind.DIFFERENT, finding)
    if scores.alike:
        return Verdict(Kind.SAME_OBJECT, f"{finding}, but they look alike: {scores}")
    return Verdict(Kind.DIFFERENT, f"{finding}, and they do not look alike: {scores}")


def _where(alignment: Alignment) -> str:
    mirrored = "mirrored, " if alignment.mirrored else ""
    return (
        f"{mirrored}{_counted(alignment.inliers, 'point')} in place, {alignment.overlap_a:.0%} of the first"
        f" and {alignment.overlap_b:.0%} of the second shared"
    )


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
