"""Decisions from a CSV file: an export of another ledger, or what somebody wrote by hand. All of it or nothing."""

import csv
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from indexer.contents import content_at
from indexer.decision_export import TAKEN_BACK, as_written
from indexer.decisions import (
    DecisionVerdict,
    Entry,
    Pair,
    add_entry,
    checked_note,
    checked_pair,
    next_entry,
    parse_verdict,
    read_entries,
)
from indexer.durable import failpoint
from indexer.errors import UsageRefused, os_errors
from indexer.remote import is_remote
from indexer.store import Store

_SOURCE = "import"
_SOURCE_CHARACTERS = 16


@dataclass(frozen=True)
class Imported:
    """How many rows a file has, how many were added, and how many the ledger held already."""

    file: str
    rows: int
    added: int
    known: int


@dataclass(frozen=True)
class _Row:
    """A line that was read; ``decided_at`` is None where somebody wrote it by hand, and means now."""

    line: int
    pair: Pair
    verdict: DecisionVerdict | None
    note: str
    source: str
    decided_at: str | None


def import_decisions(store: Store, source: Path) -> Imported:
    """Add a CSV file's rows to the ledger, all or none.

    A row of an export keeps its date and is added once, however often it is imported: the newest of a pair counts,
    wherever it was decided. A row without a date is decided now. A content is given by its SHA-256, or by a path,
    which is looked for beside the file and then in the working directory.

    Raises:
        UsageRefused: a row that cannot be meant, with its line; nothing is imported then.
        StoreDamaged: the ledger holds a row that is not what was written.
    """
    lines = _read_lines(source)
    with store.database.reading() as connection:
        rows = []
        for line, cells in lines:
            try:
                rows.append(_read_row(connection, store, source, line, cells))
            except UsageRefused as error:
                raise UsageRefused(f"{source}, line {line}: {error}", error.hint) from error
    _refuse_contradictions(source, rows)
    with store.writing():
        with store.database.writing() as connection:
            added = _add_rows(connection, rows)
            failpoint("decision.before_commit")
        failpoint("decision.after_commit")
    return Imported(str(source), len(rows), added, len(rows) - added)


def _read_lines(source: Path) -> list[tuple[int, dict[str, str]]]:
    """Read a file as (number of a row's last line, its cells by column)."""
    with os_errors(f"reading {source}"):
        if not os.path.isfile(source):
            raise UsageRefused(f"{source} is not a file", "check the spelling")
        # A path need not be UTF-8; a note is held to it later.
        with source.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            try:
                names = reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
                _require_columns(source, names)
                return [(reader.line_num, cells) for cells in reader]
            except csv.Error as error:
                raise UsageRefused(f"{source}, line {reader.reader.line_num}: {error}") from error


def _require_columns(source: Path, names: list[str]) -> None:
    has = f"it has {', '.join(names) or 'none'}"
    for side in ("first", "second"):
        if not {f"{side}_sha256", f"{side}_path"} & set(names):
            raise UsageRefused(
                f"{source} has no column `{side}_sha256` or `{side}_path`; {has}",
                "separate the columns by commas",
            )
    if "verdict" not in names:
        raise UsageRefused(f"{source} has no column `verdict`; {has}", "separate the columns by commas")


def _read_row(
    connection: Connection, store: Store, source: Path, line: int, cells: Mapping[str, str]
) -> _Row:
    if None in cells:
        raise UsageRefused("more values than columns", "put a text that holds a comma in quotes")
    texts = {name: as_written(value.strip()) for name, value in cells.items()}
    pair = checked_pair(*(_content(connection, store, source, side, texts) for side in ("first", "second")))
    verdict = None if texts["verdict"] == TAKEN_BACK else parse_verdict(texts["verdict"])
    by = texts.get("source") or _SOURCE
    if len(by) > _SOURCE_CHARACTERS or not by.isprintable():
        raise UsageRefused(f"{by!r} is no source", f"use at most {_SOURCE_CHARACTERS} printable characters")
    date = texts.get("decided_at")
    return _Row(line, pair, verdict, checked_note(texts.get("note", "")), by, _moment(date) if date else None)


def _content(
    connection: Connection, store: Store, source: Path, side: str, texts: Mapping[str, str]
) -> bytes:
    digits, name = texts.get(f"{side}_sha256", ""), texts.get(f"{side}_path", "")
    if digits:
        try:
            sha256 = bytes.fromhex(digits)
        except ValueError:
            sha256 = b""
        if len(sha256) != 32:
            raise UsageRefused(f"{side}_sha256 is not 64 hexadecimal digits: {digits!r}")
        return sha256
    if not name:
        raise UsageRefused(f"neither {side}_sha256 nor {side}_path is given")
    if is_remote(name):
        return content_at(connection, store, name)
    try:
        return content_at(connection, store, source.parent / name)
    except UsageRefused:
        return content_at(connection, store, Path(name))


def _moment(text: str) -> str:
    """Read a moment with its time zone; return it as the ledger writes it."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        pass
    raise UsageRefused(
        f"decided_at is no moment with a time zone: {text!r}", "as in 2026-01-31T12:00:00+00:00"
    )


def _refuse_contradictions(source: Path, rows: list[_Row]) -> None:
    """Refuse a file that decides a pair twice at once: which of the two was meant?"""
    seen: dict[Pair, _Row] = {}
    for row in rows:
        if row.decided_at is None and (other := seen.setdefault(row.pair, row)).verdict != row.verdict:
            raise UsageRefused(
                f"{source}, line {row.line}: line {other.line} decides the same pair otherwise",
                "keep one of the two",
            )


def _add_rows(connection: Connection, rows: list[_Row]) -> int:
    """Add what the ledger lacks. A row may rightly be in it twice: somebody changed his mind and back."""
    entries = list(read_entries(connection))
    known, newest = Counter(entries), {entry.pair: entry for entry in entries}
    added = 0
    for row in rows:
        before = newest.get(row.pair)
        if row.decided_at is None:
            entry = next_entry(before, row.pair, row.verdict, row.note, row.source)
        else:
            entry = Entry(*row.pair, row.verdict, row.note, row.source, row.decided_at)
            if known[entry]:
                known[entry] -= 1
                continue
        if entry is None:
            continue
        add_entry(connection, entry)
        added += 1
        if before is None or entry.decided_at >= before.decided_at:
            newest[row.pair] = entry
    return added
