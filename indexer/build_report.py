"""What `index build` answers."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class BuildReport:
    """What a build did: ``found`` = indexed + unchanged + moved + rejected files.

    ``encoded`` counts the pictures that the encoder saw: fewer than ``indexed`` where files share a content, or
    where a killed build had got further. ``search`` says per space how it is searched, and with which recall.
    """

    store: str
    encoder: str
    generation: int
    found: int = 0
    indexed: int = 0
    unchanged: int = 0
    moved: int = 0
    removed: int = 0
    rejected: list[dict[str, str]] = field(default_factory=list)
    encoded: int = 0
    unmatched_labels: int = 0
    search: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)
