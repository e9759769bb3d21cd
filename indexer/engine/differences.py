"""What an engine holds beside what the database has: every id and every value, batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

import numpy as np

from retrieval.similarity import Float32, Int64

Rows = Iterator[tuple[Int64, Float32]]


@dataclass
class Differences:
    """Ids that the engine lacks, that only it has, and whose vectors are not the same; false where there are none."""

    missing: int = 0
    orphans: int = 0
    stale: int = 0

    def __bool__(self) -> bool:
        return bool(self.missing or self.orphans or self.stale)

    def __str__(self) -> str:
        return f"{self.missing} vectors missing, {self.orphans} too many, {self.stale} not the same"


class _Stream:
    """Rows by ascending id, taken up to any id."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._ids, self._vectors = np.empty(0, np.int64), np.empty((0, 0), np.float32)
        self._read()

    def _read(self) -> None:
        while not len(self._ids) and (batch := next(self._rows, None)) is not None:
            self._ids, self._vectors = batch

    @property
    def last(self) -> float:
        """The largest id that is at hand; infinity at the end."""
        return int(self._ids[-1]) if len(self._ids) else inf

    def take(self, last: float) -> tuple[Int64, Float32]:
        """Return what is at hand of up to that id."""
        cut = int(np.searchsorted(self._ids, last, "right")) if last != inf else len(self._ids)
        ids, vectors = self._ids[:cut], self._vectors[:cut]
        self._ids, self._vectors = self._ids[cut:], self._vectors[cut:]
        self._read()
        return ids, vectors


def differences(expected: Rows, actual: Rows) -> Differences:
    """Compare two streams of ((m,) int64, (m, dim) float32), both by ascending id, the vectors to the last bit."""
    found = Differences()
    ours, theirs = _Stream(expected), _Stream(actual)
    while (last := min(ours.last, theirs.last)) != inf:
        our_ids, our_vectors = ours.take(last)
        their_ids, their_vectors = theirs.take(last)
        both, at_ours, at_theirs = np.intersect1d(our_ids, their_ids, assume_unique=True, return_indices=True)
        found.missing += len(our_ids) - len(both)
        found.orphans += len(their_ids) - len(both)
        if len(both):
            found.stale += int((our_vectors[at_ours] != their_vectors[at_theirs]).any(axis=1).sum())
    return found
