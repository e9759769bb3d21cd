"""A limit for each source: one that brings too much in a night is one line of the report, and waits in quarantine.

Quarantine is for what came that night: the next night a source starts anew, so that nothing is silenced for long.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.nightly.findings import Finding

DEFAULT_LIMIT = 100


@dataclass(frozen=True)
class Flood:
    """A source that brought more findings than the limit, and how many."""

    source: str
    findings: int


def held_back(findings: Sequence[Finding], limit: int) -> tuple[list[Finding], list[Finding], list[Flood]]:
    """Part findings into those for the queue and those for quarantine; name the sources of the latter, largest first."""
    counts = Counter(finding.source for finding in findings)
    floods = [Flood(source, count) for source, count in counts.items() if count > limit]
    sources = {flood.source for flood in floods}
    queue = [finding for finding in findings if finding.source not in sources]
    aside = [finding for finding in findings if finding.source in sources]
    return queue, aside, sorted(floods, key=lambda flood: (-flood.findings, flood.source))
