"""The decisions that count, kept in memory and read on from where they were last read: rows are only ever added."""

import threading

from sqlalchemy import Connection, func, select

from indexer.decisions import DecisionVerdict, Entry, Pair, pair_of, read_entries
from indexer.tables import Decision


class Ledger:
    """What was decided of each pair, as far as it was read. May be used from any number of threads."""

    def __init__(self) -> None:
        self._newest: dict[Pair, Entry] = {}
        self._reading = threading.Lock()
        self._changed: list[Pair] = []
        self._last_id = 0  # of the rows that were read

    def follow(self, connection: Connection) -> None:
        """Read what a snapshot has beyond what was read.

        Raises:
            StoreDamaged: a row is not what was written.
        """
        with self._reading:
            last = connection.execute(select(func.max(Decision.id))).scalar() or 0
            if last <= self._last_id:
                return
            for entry in read_entries(connection, Decision.id > self._last_id):
                self.take(entry)
            self._last_id = last

    def take(self, entry: Entry) -> None:
        """Take a row that was added."""
        known = self._newest.get(entry.pair)
        if known is None or known.decided_at <= entry.decided_at:
            self._newest[entry.pair] = entry
            self._changed.append(entry.pair)

    def changed_since(self, count: int) -> list[Pair]:
        """Return the pairs of the rows that were read after the first ``count``."""
        return self._changed[count:]

    def verdict(self, sha_a: bytes, sha_b: bytes) -> DecisionVerdict | None:
        """Return what was decided of two contents, in either order, or None."""
        entry = self._newest.get(pair_of(sha_a, sha_b))
        return entry.verdict if entry else None

    def __len__(self) -> int:
        """How many pairs are decided."""
        return sum(entry.verdict is not None for entry in list(self._newest.values()))
