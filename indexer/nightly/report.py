"""What a night reports: counts, what is new, the queue, floods, and what each step took."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from indexer.nightly.findings import DUPLICATE, Finding
from indexer.nightly.flood import Flood
from indexer.nightly.pictures import Picture


@dataclass(frozen=True)
class Entry:
    """A finding in words. ``path`` is the picture that came later, ``with`` the earlier, None where there is none.

    Paths are as the user can open them; SHA-256 in hex, in the order of the paths.
    """

    kind: str
    path: str
    other: str | None
    verdict: str | None
    score: float
    probability: float | None
    wasted_bytes: int
    reason: str
    source: str
    sha256: str
    other_sha256: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as plain values."""
        document = asdict(self)
        return document | {"with": document.pop("other"), "with_sha256": document.pop("other_sha256")}


@dataclass
class NightReport:
    """One night. ``new`` are the contents that came since the last one and ``removed`` how many left.

    ``found``, ``duplicates`` and ``alerts`` count findings that no night told of before, those in quarantine included;
    ``queue`` has the others, the most valuable first, and ``flood`` the sources of those in quarantine.
    ``in_quarantine`` counts what waits there from all nights. ``seconds`` has each step and ``total``.
    """

    night: int
    finished_at: str
    folder: str
    generation: int
    pictures: int
    new: list[dict[str, str]] = field(default_factory=list)
    removed: int = 0
    rejected: list[dict[str, str]] = field(default_factory=list)
    duplicates: int = 0
    alerts: int = 0
    queue: list[Entry] = field(default_factory=list)
    flood: list[Flood] = field(default_factory=list)
    in_quarantine: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def found(self) -> int:
        """How many findings there are."""
        return self.duplicates + self.alerts

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        queue = [entry.to_dict() for entry in self.queue]
        return asdict(self) | {"found": self.found, "queue": queue}

    def line(self) -> str:
        """Say it in one line, for a log."""
        told = [
            f"{len(self.new)} new",
            f"{self.removed} removed",
            f"{len(self.rejected)} rejected",
            _counted(self.duplicates, "new duplicate pair"),
            _counted(self.alerts, "alert"),
        ]
        if self.flood:
            told.append(f"{sum(flood.findings for flood in self.flood)} of them in quarantine")
        told.append(f"{self.seconds.get('total', 0.0):.1f} s")
        return f"{self.finished_at} night {self.night}: {', '.join(told)}"

    def count(self, findings: Iterable[Finding]) -> None:
        """Count findings by their kind."""
        kinds = [finding.kind for finding in findings]
        self.duplicates = kinds.count(DUPLICATE)
        self.alerts = len(kinds) - self.duplicates


def described(finding: Finding, pictures: Mapping[bytes, Picture]) -> Entry:
    """Put a finding into words: the later picture first, or the places of a content that lies twice."""
    later, *earlier = sorted((pictures[sha256] for sha256 in finding.contents), key=lambda p: -p.item)
    others = earlier[0].paths if earlier else later.paths[1:]
    other_sha256 = (earlier[0] if earlier else later).sha256.hex()
    return Entry(
        finding.kind,
        later.paths[0],
        others[0] if others else None,
        finding.verdict,
        finding.score,
        finding.probability,
        finding.wasted_bytes,
        finding.reason,
        finding.source,
        later.sha256.hex(),
        other_sha256 if others else None,
    )


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
