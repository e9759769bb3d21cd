"""What a screening is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from indexer.errors import UsageRefused
from indexer.settings import Settings

REUSED, ALTERED, NOT_GENUINE = "reused", "altered", "not-genuine"
CONTRADICTION, KNOWN_FRAUD, CLEARED = "contradiction", "known-fraud", "cleared"
RULE_NAMES = (REUSED, ALTERED, NOT_GENUINE, CONTRADICTION, KNOWN_FRAUD, CLEARED)
DEFAULT_FPR = 0.01


@dataclass(frozen=True)
class ScreenOptions:
    """``owner`` and ``key`` are attributes (or ``label``): whom a picture belongs to, and what names a thing.

    ``fpr`` is the share of genuine pictures that may be called not genuine; ``off`` are rules that do not judge;
    with ``verify`` pixels decide where OpenCV is installed.

    Raises:
        UsageRefused: a rate that is none, or a rule that is not known.
    """

    owner: str | None = None
    key: str | None = None
    fpr: float = DEFAULT_FPR
    off: frozenset[str] = frozenset()
    verify: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.fpr < 1:
            raise UsageRefused(f"a rate of {self.fpr:g} false alarms is not between 0 and 1", "try 0.01")
        unknown = sorted(self.off - set(RULE_NAMES))
        if unknown:
            raise UsageRefused(f"there is no rule {unknown[0]!r}", f"known: {', '.join(RULE_NAMES)}")

    @classmethod
    def of(cls, settings: Settings, flags: Mapping[str, Any]) -> Self:
        """Take the settings of an index; flags that are not None beat them."""
        rules = (name.strip() for name in settings.screen_off.split(","))
        values: dict[str, Any] = {
            "owner": settings.screen_owner,
            "key": settings.screen_key,
            "fpr": settings.screen_fpr,
            "off": frozenset(name for name in rules if name),
        }
        return cls(**values | {name: value for name, value in flags.items() if value is not None})
