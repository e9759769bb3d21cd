"""The ledger of decisions with the paths that the index knows: listed, and exported to CSV."""

import csv
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexer.contents import decided_paths
from indexer.decisions import Decisions, read_entries
from indexer.durable import replace_file
from indexer.store import Store

_COLUMNS = (
    "first_sha256",
    "second_sha256",
    "verdict",
    "note",
    "source",
    "decided_at",
    "first_path",
    "second_path",
)
# What a file says where a decision was taken back: an empty cell is more likely one that was forgotten.
TAKEN_BACK = "undo"
_RUN_OR_QUOTED = ("=", "+", "-", "@", "\t", "\r", "'")


@dataclass(frozen=True)
class Listed:
    """A row of the ledger, SHA-256 in hex; a path is None where the index knows none.

    ``counts`` is False where it was decided again since, and where it takes back what was decided.
    """

    first_sha256: str
    second_sha256: str
    first_path: str | None
    second_path: str | None
    verdict: str | None
    note: str
    source: str
    decided_at: str
    counts: bool


@dataclass(frozen=True)
class Contradiction:
    """A pair decided ``different`` that a chain of ``same`` joins."""

    first_sha256: str
    second_sha256: str
    first_path: str | None
    second_path: str | None


@dataclass(frozen=True)
class Listing:
    """The ledger, newest first, and its contradictions."""

    decisions: list[Listed]
    contradictions: list[Contradiction]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def list_decisions(store: Store) -> Listing:
    """Read the whole ledger.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    with store.database.reading() as connection:
        entries = list(read_entries(connection))
        paths = decided_paths(connection, store)
    newest = {entry.pair: i for i, entry in enumerate(entries)}
    rows = [
        Listed(
            first_sha256=entry.first_sha256.hex(),
            second_sha256=entry.second_sha256.hex(),
            first_path=paths.get(entry.first_sha256),
            second_path=paths.get(entry.second_sha256),
            verdict=entry.verdict,
            note=entry.note,
            source=entry.source,
            decided_at=entry.decided_at,
            counts=newest[entry.pair] == i and entry.verdict is not None,
        )
        for i, entry in enumerate(entries)
    ]
    contradictions = [
        Contradiction(first.hex(), second.hex(), paths.get(first), paths.get(second))
        for first, second in Decisions.of(entries).contradictions()
    ]
    return Listing(rows[::-1], contradictions)


def export_decisions(store: Store, target: Path) -> int:
    """Write the whole ledger to a CSV file, oldest row first; return how many rows.

    The SHA-256s say what was decided on; the paths are there for people.

    Raises:
        StoreDamaged: a row is not what was written; nothing is exported then.
        UsageRefused, NoSpace, PermissionRefused: the file cannot be written; an older one is untouched.
    """
    rows = list_decisions(store).decisions[::-1]
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, _COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        cells = asdict(row) | {"verdict": row.verdict or TAKEN_BACK}
        for name in ("note", "source", "first_path", "second_path"):
            cells[name] = inert(cells[name] or "")
        writer.writerow(cells)
    replace_file(target, buffer.getvalue().encode("utf-8", "surrogateescape"))
    return len(rows)


def inert(text: str) -> str:
    """Keep a spreadsheet from running a text as a formula, by an apostrophe that `as_written` takes off again."""
    return f"'{text}" if text.startswith(_RUN_OR_QUOTED) else text


def as_written(text: str) -> str:
    """Undo `inert`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_RUN_OR_QUOTED) else text
