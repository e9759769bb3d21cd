"""Decisions on many pairs of contents at once: all of them are written down, in one transaction, or none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from indexer.decisions import (
    Decisions,
    DecisionVerdict,
    Entry,
    Pair,
    add_entry,
    next_entry,
    of_pair,
    read_entries,
)
from indexer.store import Store


@dataclass(frozen=True)
class Judgement:
    """What somebody says of a pair, as `pair_of` orders it; a verdict of None takes back what was decided."""

    pair: Pair
    verdict: DecisionVerdict | None
    note: str = ""


@dataclass(frozen=True)
class Change:
    """What a judgement did: the verdict that counted before, and whether a row was added."""

    judgement: Judgement
    before: DecisionVerdict | None
    added: bool


def decide_pairs(store: Store, judgements: Sequence[Judgement], source: str) -> list[Change]:
    """Write judgements down, in the order given; what counts already adds nothing.

    A build that is at work meanwhile does not matter.

    Raises:
        StoreLocked: the database was not to be had for some seconds.
        StoreDamaged: an earlier decision is not what was written; nothing was added.
    """
    with store.adding() as connection:
        changes = []
        for change, entry in _changes(connection, judgements, source):
            if entry is not None:
                add_entry(connection, entry)
            changes.append(change)
    return changes


def preview(store: Store, judgements: Sequence[Judgement], source: str) -> tuple[list[Change], list[Pair]]:
    """Say what `decide_pairs` would do, and which pairs would contradict each other afterwards; nothing is written.

    Raises:
        StoreDamaged: a decision is not what was written.
    """
    with store.database.reading() as connection:
        found = list(_changes(connection, judgements, source))
        added = (entry for _, entry in found if entry is not None)
        after = Decisions.of([*read_entries(connection), *added])
    return [change for change, _ in found], after.contradictions()


def _changes(
    connection: Connection, judgements: Sequence[Judgement], source: str
) -> Iterator[tuple[Change, Entry | None]]:
    """Yield what each judgement does, with the row that it adds; a pair may come twice."""
    newest: dict[Pair, Entry | None] = {}
    for judgement in judgements:
        pair = judgement.pair
        if pair not in newest:
            newest[pair] = next(iter([*read_entries(connection, of_pair(*pair))][-1:]), None)
        before = newest[pair]
        entry = next_entry(before, pair, judgement.verdict, judgement.note, source)
        newest[pair] = entry or before
        yield Change(judgement, before.verdict if before else None, entry is not None), entry
