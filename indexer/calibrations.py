"""What scores of a space mean on this catalogue, as it was last calibrated: rows written, and read back proven."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from indexer.checksums import calibration_checksum
from indexer.durable import failpoint
from indexer.errors import StoreDamaged
from indexer.store import Store
from indexer.tables import Calibration as CalibrationRow
from retrieval.calibration import EQUAL_ODDS, ProbabilityMap
from retrieval.similarity import Float64

_AGAIN_HINT = "run `index calibrate` again: its result takes the place of this one"


@dataclass(frozen=True)
class Calibration:
    """The calibration in force of one space; ``document`` is what `index calibrate` measured."""

    space: str
    source: str
    calibrated_at: str
    document: Mapping[str, Any]

    @property
    def threshold(self) -> float:
        """The score that at most the stated share of different pairs reach."""
        return float(self.document["threshold"])

    def probability(self, scores: Float64, prior: float = EQUAL_ODDS) -> Float64:
        """Return P(same | score), as `ProbabilityMap.probability` does; scores are by the space's own metric."""
        return ProbabilityMap.from_list(self.document["knots"]).probability(scores, prior)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        head = {"space": self.space, "source": self.source, "calibrated_at": self.calibrated_at}
        return head | dict(self.document)

    def summary(self) -> dict[str, Any]:
        """Return the few values that name it."""
        names = ("space", "source", "calibrated_at", "threshold", "fpr")
        return {name: value for name, value in self.to_dict().items() if name in names}


def current_calibration(connection: Connection, fingerprint: str, space: str) -> Calibration | None:
    """Return the newest calibration of a space of the encoder with that ``fingerprint``, or None.

    Raises:
        StoreDamaged: its row is not what was written.
    """
    statement = (
        select(CalibrationRow.__table__)
        .where(CalibrationRow.fingerprint == fingerprint, CalibrationRow.space == space)
        .order_by(CalibrationRow.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).first()
    if row is None:
        return None
    if not is_sound(row):
        raise StoreDamaged(f"row {row.id} of table calibrations is not what was written", _AGAIN_HINT)
    return Calibration(row.space, row.source, row.calibrated_at, row.document)


def is_sound(row: Any) -> bool:
    """Tell whether a row of the table is what was written."""
    return bool(row.checksum == calibration_checksum(row.fingerprint, row.space, row.source, row.document))


def current_calibrations(
    connection: Connection, fingerprint: str, spaces: Iterable[str]
) -> list[Calibration]:
    """Return those of the spaces that are calibrated.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    found = (current_calibration(connection, fingerprint, space) for space in spaces)
    return [calibration for calibration in found if calibration is not None]


def write_calibration(
    store: Store, fingerprint: str, space: str, source: str, document: Mapping[str, Any]
) -> None:
    """Put a calibration in force, in one transaction; the earlier ones stay in the table."""
    checksum = calibration_checksum(fingerprint, space, source, document)
    with store.writing(), store.database.writing() as connection:
        values = {"fingerprint": fingerprint, "space": space, "source": source, "document": dict(document)}
        connection.execute(insert(CalibrationRow).values(**values, checksum=checksum))
        failpoint("calibration.before_commit")
