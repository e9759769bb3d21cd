"""The ledger of what was reported: a kind and two contents come once, whatever becomes of the files.

It is keyed on SHA-256, so that moves, rebuilds, other encoders, and files that leave and come back change nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update

from indexer.checksums import finding_checksum
from indexer.database import REPAIR_HINT
from indexer.errors import StoreDamaged
from indexer.tables import Finding as FindingRow

DUPLICATE, REJECTED = "duplicate", "rejected"
REPORTED, QUARANTINED = "reported", "quarantined"
_KEYS_AT_ONCE = 500
_FACTS = ("night", "kind", "state", "source", "verdict", "score", "probability", "wasted_bytes", "reason")

Key = tuple[bytes, bytes, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth a look at two contents, the smaller SHA-256 first, or at one, which then stands twice.

    ``kind`` is ``duplicate``, ``rejected`` or the name of a rule of `index screen`. ``source`` brought the later of
    the two, and ``wasted_bytes`` is what could be freed.
    """

    kind: str
    first_sha256: bytes
    second_sha256: bytes
    verdict: str | None
    score: float
    probability: float | None
    reason: str
    source: str = ""
    wasted_bytes: int = 0

    @property
    def key(self) -> Key:
        """What comes only once."""
        return (self.first_sha256, self.second_sha256, self.kind)

    @property
    def contents(self) -> set[bytes]:
        """The SHA-256 of what it is about, one or two."""
        return {self.first_sha256, self.second_sha256}


def unreported(connection: Connection, findings: Iterable[Finding]) -> list[Finding]:
    """Return what the ledger does not hold, each key once, in the order given.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    fresh = {finding.key: finding for finding in findings}
    firsts = sorted({first for first, _, _ in fresh})
    for start in range(0, len(firsts), _KEYS_AT_ONCE):
        part = firsts[start : start + _KEYS_AT_ONCE]
        for row in _sound_rows(connection, FindingRow.first_sha256.in_(part)):
            fresh.pop((row.first_sha256, row.second_sha256, row.kind), None)
    return list(fresh.values())


def add_findings(connection: Connection, night: int, state: str, findings: Sequence[Finding]) -> None:
    """Write findings down, as reported or in quarantine."""
    rows = [asdict(finding) | {"night": night, "state": state} for finding in findings]
    if rows:
        connection.execute(insert(FindingRow), [row | {"checksum": _checksum(row)} for row in rows])


def quarantined(connection: Connection) -> list[Finding]:
    """Return what is kept in quarantine.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    names = Finding.__slots__
    rows = _sound_rows(connection, FindingRow.state == QUARANTINED)
    return [Finding(**{name: getattr(row, name) for name in names}) for row in rows]


def release(connection: Connection, findings: Iterable[Finding]) -> None:
    """Make findings in quarantine reported ones."""
    for finding in findings:
        first, second, kind = finding.key
        condition = (FindingRow.first_sha256 == first) & (FindingRow.second_sha256 == second)
        for row in _sound_rows(connection, condition & (FindingRow.kind == kind)):
            changed = dict(row._mapping) | {"state": REPORTED}  # noqa: SLF001  (SQLAlchemy's own public name)
            values = {"state": REPORTED, "checksum": _checksum(changed)}
            connection.execute(update(FindingRow).where(FindingRow.id == row.id).values(values))


def is_sound(row: Any) -> bool:
    """Tell whether a row of the table is what was written."""
    return bool(row.checksum == _checksum(row._mapping))  # noqa: SLF001  (as above)


def _sound_rows(connection: Connection, condition: ColumnElement[bool]) -> Iterator[Any]:
    for row in connection.execute(
        select(FindingRow.__table__).where(condition).order_by(FindingRow.id)
    ).all():
        if not is_sound(row):
            raise StoreDamaged(f"row {row.id} of table findings is not what was written", REPAIR_HINT)
        yield row


def _checksum(row: Any) -> bytes:
    return finding_checksum(row["first_sha256"], row["second_sha256"], *(row[name] for name in _FACTS))
