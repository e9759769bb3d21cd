"""What became of disposed files, read off the disk, and bringing them back.

A row says what was meant to happen; after a kill only the disk says what did. So nothing is concluded from a row
alone, and whatever was interrupted, an undo included, is simply run again.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, select, update

from indexer import durable
from indexer.errors import StoreDamaged, UsageRefused
from indexer.store import Store
from indexer.tables import Disposal

PLANNED, DONE, UNDONE = "planned", "done", "undone"
LAST = "last"


@dataclass(frozen=True)
class Disposed:
    """A row of `disposals`, its paths absolute; ``trash_path`` is None where the file became a link."""

    id: int
    state: str
    path: str
    keep_path: str
    trash_path: str | None
    sha256: bytes


@dataclass
class Undone:
    """Which files of a run are back, and which are not, each with its reason."""

    run: str
    restored: list[str] = field(default_factory=list)
    left: list[dict[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return dict(vars(self))


def undo(store: Store, run: str = LAST) -> Undone:
    """Bring back what a run disposed of: files from the trash to their places, links as files of their own.

    What came to be at a file's place meanwhile is never written over; such a file stays in the trash.

    Raises:
        UsageRefused: there is no such run, or it was undone.
        StoreLocked: another process is writing.
    """
    with store.writing():
        with store.database.reading() as connection:
            name = _newest_run(connection) if run == LAST else run
            rows = _rows(connection, store, Disposal.run == name, Disposal.state != UNDONE)
        if not rows:
            raise UsageRefused(
                "no run is left to be undone" if run == LAST else f"no run {run} is left to be undone",
                "runs are named where they are reported: `index dedupe --policy trash`",
            )
        report = Undone(name or "")
        for row in reversed(rows):
            problem = _bring_back(row)
            shown = store.shown_path(row.path)
            if problem:
                report.left.append({"path": shown, "reason": problem})
                continue
            durable.failpoint("undo.back")
            write_states(store, {row.id: UNDONE})
            report.restored.append(shown)
            _remove_empty_folders(row, report.run)
    return report


def unfinished(connection: Connection, store: Store) -> list[Disposed]:
    """Return the rows that a killed run left as planned; none where the schema is too old to have any."""
    if not inspect(connection).has_table(Disposal.__tablename__):
        return []
    return _rows(connection, store, Disposal.state == PLANNED)


def finish(store: Store) -> list[str]:
    """Let the disk say what became of planned rows; say what was written down. Call it under the writer's lock."""
    with store.database.reading() as connection:
        rows = unfinished(connection, store)
    states = {row.id: settled(row) for row in rows}
    write_states(store, states)
    told = {DONE: "was moved or linked", UNDONE: "is where it was"}
    return [f"{store.shown_path(row.path)} {told[states[row.id]]}" for row in rows]


def settled(row: Disposed) -> str:
    """Tell from the disk whether a file was disposed of, and remove a link that was only half put in place."""
    temporary_of(row).unlink(missing_ok=True)
    if row.trash_path is not None:
        return DONE if os.path.lexists(row.trash_path) else UNDONE
    return DONE if _is_one_file(row.path, row.keep_path) else UNDONE


def temporary_of(row: Disposed) -> Path:
    """The name beside a file under which its replacement is made."""
    return Path(row.path).with_name(f".index-{row.id}{durable.TEMPORARY_SUFFIX}")


def write_states(store: Store, states: dict[int, str]) -> None:
    """Commit what became of rows."""
    with store.database.writing() as connection:
        for id_, state in states.items():
            connection.execute(update(Disposal).where(Disposal.id == id_).values(state=state))


def _newest_run(connection: Connection) -> str | None:
    statement = select(Disposal.run).where(Disposal.state != UNDONE).order_by(Disposal.id.desc()).limit(1)
    return connection.execute(statement).scalar()


def _rows(connection: Connection, store: Store, *conditions: Any) -> list[Disposed]:
    try:
        rows = connection.execute(select(Disposal.__table__).where(*conditions).order_by(Disposal.id))
        return [
            Disposed(
                row.id,
                row.state,
                store.absolute_path(row.path),
                store.absolute_path(row.keep_path),
                store.absolute_path(row.trash_path) if row.trash_path is not None else None,
                row.sha256,
            )
            for row in rows
        ]
    except (AttributeError, TypeError, ValueError) as error:
        raise StoreDamaged(
            f"a row of table disposals is not what was written: {error}",
            "what was moved lies in the trash, each file below its run by its own path",
        ) from error


def _bring_back(row: Disposed) -> str | None:
    """Bring one file back; return why it is not, or None."""
    temporary_of(row).unlink(missing_ok=True)
    try:
        return _separate(row) if row.trash_path is None else _untrash(row, row.trash_path)
    except OSError as error:
        return f"the system refused: {error}"


def _untrash(row: Disposed, trashed: str) -> str | None:
    if not os.path.lexists(trashed):
        if os.path.lexists(row.path) and (row.state == PLANNED or _has_content(row.path, row.sha256)):
            return None  # it never went, or came back already
        return f"it is not in the trash any more, at {trashed}"
    if _is_one_file(row.path, trashed) and os.lstat(trashed).st_nlink > 1:
        durable.unlink(Path(trashed))  # an undo was killed between its two steps
        return None
    if os.path.lexists(row.path):
        return f"something else came to be at its place; it stays in the trash, at {trashed}"
    if not _has_content(trashed, row.sha256):
        return f"what lies in the trash, at {trashed}, is not what was moved there"
    durable.bring_back(Path(trashed), Path(row.path))
    return None


def _separate(row: Disposed) -> str | None:
    if not os.path.lexists(row.path):
        return "the link is gone"
    if os.lstat(row.path).st_nlink == 1:
        return None  # it never became one, or is a file of its own already
    if not _has_content(row.path, row.sha256):
        return "it was changed since it became a link, and the kept file with it"
    durable.separate(Path(row.path), temporary_of(row))
    return None


def _is_one_file(a: str, b: str) -> bool:
    """Tell whether two names are of one file, neither of them a symbolic link."""
    try:
        return os.path.samestat(os.lstat(a), os.lstat(b))
    except OSError:
        return False


def _has_content(path: str, sha256: bytes) -> bool:
    return os.path.isfile(path) and bytes.fromhex(durable.sha256_of(Path(path))) == sha256


def _remove_empty_folders(row: Disposed, run: str) -> None:
    """Remove the folders of the trash that an undone file was the last one in, up to the run's own."""
    if row.trash_path is None:
        return
    for folder in Path(row.trash_path).parents:
        with suppress(OSError):
            folder.rmdir()
        if folder.name == run or folder.exists():
            return
