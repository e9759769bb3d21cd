"""The order of the queue: what is most worth a look comes first."""

from collections.abc import Iterable

from indexer.nightly.findings import Finding

# The verdict on an alert, or on a pair of copies; a pair without one, or with another, comes last.
MOST_SEVERE_FIRST = ("reject", "review", "altered", "identical", "copy")


def in_order_of_value(findings: Iterable[Finding]) -> list[Finding]:
    """Sort by severity, then by probability or else score, then by the bytes that could be freed."""
    return sorted(findings, key=_rank)


def _rank(finding: Finding) -> tuple[int, float, int, bytes, bytes, str]:
    severity = len(MOST_SEVERE_FIRST)
    if finding.verdict in MOST_SEVERE_FIRST:
        severity = MOST_SEVERE_FIRST.index(finding.verdict)
    likely = finding.score if finding.probability is None else finding.probability
    return (severity, -likely, -finding.wasted_bytes, *finding.key)
