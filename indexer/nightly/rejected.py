"""Files that a build rejected, as findings: each is told once, until it changes."""

import hashlib
import os
from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.nightly.findings import REJECTED, Finding, unreported
from indexer.store import Store
from indexer.tables import Rejection


@dataclass(frozen=True)
class RejectedFile:
    """A file that is not in the index, as the user can open it, why, and the finding that says so."""

    path: str
    reason: str
    message: str
    finding: Finding

    def to_dict(self) -> dict[str, str]:
        """Return what a report says of it."""
        return {"path": self.path, "reason": self.reason, "message": self.message}


def newly_rejected(connection: Connection, store: Store) -> list[RejectedFile]:
    """Return the rejected files that no night told of, by path.

    Raises:
        StoreDamaged: a row of the ledger is not what was written.
    """
    files = {}
    for row in connection.execute(select(Rejection.__table__).order_by(Rejection.path)):
        # It has no content that could be trusted: its place, size and time of change stand for it.
        state = f"\0{row.size_bytes} {row.mtime_ns}".encode()
        key = hashlib.sha256(os.fsencode(row.path) + state).digest()
        finding = Finding(REJECTED, key, key, None, 0.0, None, row.reason)
        files[finding.key] = RejectedFile(store.shown_path(row.path), row.reason, row.message, finding)
    return [files[finding.key] for finding in unreported(connection, [f.finding for f in files.values()])]
