"""The ledger of decisions: what somebody said of two contents. Rows are only added; the newest of a pair counts.

A decision is on contents, known by their SHA-256, and needs no index that holds them: it survives moves, copies,
other encoders, and files that leave the index. The order of the two does not matter.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, insert, select

from indexer.checksums import decision_checksum
from indexer.contents import content_at
from indexer.database import REPAIR_HINT
from indexer.durable import failpoint
from indexer.errors import StoreDamaged, UsageRefused
from indexer.remote import Place
from indexer.store import Store
from indexer.tables import Decision, now
from retrieval.connected import connected

NOTE_CHARACTERS = 10_000
Pair = tuple[bytes, bytes]


class DecisionVerdict(StrEnum):
    """What can be decided of two contents."""

    SAME = "same"  # one picture, whatever was done to it
    SAME_OBJECT = "same-object"  # one thing, photographed twice
    DIFFERENT = "different"
    FRAUD = "fraud"  # one was made from the other to deceive
    CLEARED = "cleared"  # looked into, and in order


_VERDICTS = frozenset(DecisionVerdict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger. A ``verdict`` of None takes back what was decided before; times are UTC, ISO 8601."""

    first_sha256: bytes
    second_sha256: bytes
    verdict: DecisionVerdict | None
    note: str
    source: str
    decided_at: str

    @property
    def pair(self) -> Pair:
        """The two contents, the smaller SHA-256 first."""
        return (self.first_sha256, self.second_sha256)


@dataclass(frozen=True)
class Decisions:
    """What counts now. ``verdicts`` has the pairs as `pair_of` orders them."""

    verdicts: Mapping[Pair, DecisionVerdict]

    @classmethod
    def read(cls, connection: Connection) -> Self:
        """Read them all, in the connection's snapshot.

        Raises:
            StoreDamaged: a row is not what was written.
        """
        return cls.of(read_entries(connection))

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """Take the newest of each pair from entries, oldest first."""
        newest = {entry.pair: entry.verdict for entry in entries}
        return cls({pair: verdict for pair, verdict in newest.items() if verdict is not None})

    def __len__(self) -> int:
        """How many pairs are decided."""
        return len(self.verdicts)

    def verdict(self, sha_a: bytes, sha_b: bytes) -> DecisionVerdict | None:
        """Return what was decided of two contents, in either order, or None."""
        return self.verdicts.get(pair_of(sha_a, sha_b))

    def pairs(self) -> Iterator[tuple[bytes, bytes, DecisionVerdict]]:
        """Yield (smaller SHA-256, larger SHA-256, verdict)."""
        for (first, second), verdict in self.verdicts.items():
            yield first, second, verdict

    def closure_same(self) -> list[list[bytes]]:
        """Return the groups of contents, two or more each, that chains of ``same`` join; all sorted."""
        same = ((first, second) for first, second, verdict in self.pairs() if verdict is DecisionVerdict.SAME)
        return connected(same)

    def contradictions(self) -> list[Pair]:
        """Return the pairs decided ``different`` that a chain of ``same`` joins, sorted."""
        group_of = {sha256: number for number, group in enumerate(self.closure_same()) for sha256 in group}
        return sorted(
            (first, second)
            for first, second, verdict in self.pairs()
            if verdict is DecisionVerdict.DIFFERENT and first in group_of
            if group_of[first] == group_of.get(second)
        )


@dataclass(frozen=True)
class Decided:
    """What `decide` did: the pair (hex), what counts now and counted before; ``added`` is False if that was so."""

    a: str
    b: str
    first_sha256: str
    second_sha256: str
    verdict: str | None
    before: str | None
    added: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def decide(
    store: Store, a: Place, b: Place, verdict: str | None, note: str = "", source: str = "cli"
) -> Decided:
    """Write down what the contents of two files are to each other; None takes back what was decided.

    Deciding again what counts already adds nothing, unless the note is new.

    Raises:
        UsageRefused: a missing file, twice the same content, an unknown verdict, or a note that cannot be kept.
        StoreDamaged: an earlier decision of the pair is not what was written.
    """
    wanted = None if verdict is None else parse_verdict(verdict)
    note = checked_note(note)
    with store.database.reading() as connection:
        pair = checked_pair(*(content_at(connection, store, path) for path in (a, b)))
    with store.writing():
        with store.database.writing() as connection:
            entries = list(read_entries(connection, of_pair(*pair)))
            before = entries[-1] if entries else None
            entry = next_entry(before, pair, wanted, note, source)
            if entry is not None:
                add_entry(connection, entry)
            failpoint("decision.before_commit")
        failpoint("decision.after_commit")
    earlier = before.verdict if before else None
    return Decided(str(a), str(b), pair[0].hex(), pair[1].hex(), wanted, earlier, entry is not None)


def next_entry(
    before: Entry | None, pair: Pair, verdict: DecisionVerdict | None, note: str, source: str
) -> Entry | None:
    """Return the row that a decision adds after ``before``, or None where it says nothing new.

    It is never dated before ``before``, so that it counts even where the clock was set back.
    """
    if before is None:
        return None if verdict is None else Entry(*pair, verdict, note, source, now())
    if verdict == before.verdict and (verdict is None or note in {"", before.note}):
        return None
    return Entry(*pair, verdict, note, source, max(now(), before.decided_at))


def add_entry(connection: Connection, entry: Entry) -> None:
    """Add one row to the ledger."""
    connection.execute(insert(Decision).values(**asdict(entry), checksum=decision_checksum(**asdict(entry))))


def read_entries(connection: Connection, *conditions: ColumnElement[bool]) -> Iterator[Entry]:
    """Yield the rows that meet the conditions, oldest first, each held to its checksum.

    Raises:
        StoreDamaged: a row is not what was written; the message names it and its database.
    """
    statement = select(Decision.__table__).where(*conditions).order_by(Decision.decided_at, Decision.id)
    for row in connection.execute(statement):
        if not is_sound(row):
            where = connection.get_execution_options()["where"]
            raise StoreDamaged(
                f"row {row.id} of table decisions in {where} is not what was written", REPAIR_HINT
            )
        verdict = None if row.verdict is None else DecisionVerdict(row.verdict)
        yield Entry(row.first_sha256, row.second_sha256, verdict, row.note, row.source, row.decided_at)


def of_pair(first: bytes, second: bytes) -> ColumnElement[bool]:
    """Condition for the rows of one pair, the smaller SHA-256 first."""
    return (Decision.first_sha256 == first) & (Decision.second_sha256 == second)


def is_sound(row: Any) -> bool:
    """Tell whether a row of the table is what was written."""
    facts = (row.verdict, row.note, row.source, row.decided_at)
    sound = row.checksum == decision_checksum(row.first_sha256, row.second_sha256, *facts)
    return bool(sound and (row.verdict is None or row.verdict in _VERDICTS))


def pair_of(sha_a: bytes, sha_b: bytes) -> Pair:
    """Order two contents as the ledger does."""
    return (sha_a, sha_b) if sha_a <= sha_b else (sha_b, sha_a)


def checked_pair(sha_a: bytes, sha_b: bytes) -> Pair:
    """Order two contents.

    Raises:
        UsageRefused: they are one.
    """
    if sha_a == sha_b:
        raise UsageRefused("both are the same bytes: there is nothing to decide", "name two different files")
    return pair_of(sha_a, sha_b)


def parse_verdict(verdict: str) -> DecisionVerdict:
    """Read a verdict.

    Raises:
        UsageRefused: it is none of those known.
    """
    try:
        return DecisionVerdict(verdict)
    except ValueError as error:
        raise UsageRefused(
            f"{verdict!r} is no verdict", f"use one of {', '.join(DecisionVerdict)}"
        ) from error


def checked_note(note: str) -> str:
    """Return a note without the space around it.

    Raises:
        UsageRefused: longer than `NOTE_CHARACTERS`, or no text.
    """
    note = note.strip()
    if len(note) > NOTE_CHARACTERS:
        raise UsageRefused(f"the note has {len(note)} characters, more than {NOTE_CHARACTERS}", "shorten it")
    if any("\ud800" <= character <= "\udfff" for character in note):
        raise UsageRefused("the note is not text in UTF-8", "write it in UTF-8")
    return note
