"""What `dedupe` found, as scripts read it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from indexer.duplicates.joining import EXACTLY, How


@dataclass(frozen=True)
class Member:
    """A file that its group could do without; ``probability`` is that of a copy, by its score, once it is calibrated.

    ``verdict`` is None where likeness alone speaks; ``sha256`` is that of the bytes that were compared, in hex.
    """

    path: str
    score_to_keep: float
    probability: float | None
    verdict: str | None
    reason: str
    sha256: str


@dataclass(frozen=True)
class DuplicateGroup:
    """A file to keep and the files that are its copies; ``min_score`` is the lowest between any two of them."""

    id: int
    keep: str
    keep_reason: str
    keep_sha256: str
    members: list[Member]
    min_score: float


@dataclass(frozen=True)
class Bridge:
    """A file that is near the kept files of several groups, and a member of the first: ``groups`` are their ids."""

    path: str
    groups: list[int]
    scores: list[float]


@dataclass
class DedupeReport:
    """All groups.

    ``pairs`` counts pairs of files that were compared and reach the threshold, ``wasted_bytes`` what the members take
    up on disk (a hard link takes up nothing). ``near_blank`` counts pictures with too little in them to be grouped on
    likeness, ``rejected_by_verification`` and ``unverified`` pairs that verification took apart or could not see, and
    ``proposed`` those below the threshold that it confirmed.
    ``join`` says how the pairs were found, and which share of them that finds.
    ``calibrated`` says whether scores of the space are; ``newest_item`` is the largest item id that was there. ``run`` names what was done, if anything was.
    """

    space: str
    threshold: float
    groups: list[DuplicateGroup] = field(default_factory=list)
    bridges: list[Bridge] = field(default_factory=list)
    pairs: int = 0
    wasted_bytes: int = 0
    near_blank: int = 0
    verified: bool = False
    calibrated: bool = False
    rejected_by_verification: int = 0
    unverified: int = 0
    proposed: int = 0
    join: How = EXACTLY
    newest_item: int = 0
    run: str | None = None
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)
