"""Doing something with the members of groups, so that a kill at any moment loses no file and all can be undone.

A group at a time: the kept file and its members are held to their SHA-256, a row for each member is committed as
``planned``, the files are moved or become links, and the rows are committed as ``done``.

=====================================  ================================================================
a kill                                 leaves
=====================================  ================================================================
before a file is moved                 a planned row, the file where it was
between a move and ``done``            a planned row, the file in the trash
while a link is put in a file's place  a planned row, the file as it was, perhaps a ``.index-*.tmp`` link
=====================================  ================================================================

`indexer.duplicates.undo` reads off the disk which it is.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from indexer import durable
from indexer.duplicates.policy import Policy, Skipped, Step, sort_out, touchable
from indexer.duplicates.report import DedupeReport, DuplicateGroup
from indexer.duplicates.undo import DONE, PLANNED, Disposed, settled, temporary_of, write_states
from indexer.errors import StoreDamaged, UsageRefused
from indexer.remote import is_remote
from indexer.store import Store
from indexer.tables import Catalogue, Disposal

TRASH_FOLDER = "trash"


@dataclass
class Disposals:
    """What was done, or with ``dry_run`` would be: each file with where it is now, and the files that were left alone.

    ``to`` is the file in the trash, or the kept file that a link is of.
    """

    policy: Policy
    run: str
    dry_run: bool
    disposed: list[dict[str, str]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def dispose(
    store: Store, report: DedupeReport, policy: Policy, *, trash: Path | None = None, dry_run: bool = False
) -> Disposals:
    """Move the members of the report's groups to the trash, or make them links of the kept files.

    The trash is ``.index/trash``, or the folder ``trash``. With ``dry_run`` nothing is touched. What was done is
    written into ``report.run`` too.

    Raises:
        UsageRefused: the trash is on another file system than a member, or inside a catalogue.
        StoreLocked, NoSpace, PermissionRefused: groups that were done before stay done, and can be undone.
    """
    root = trash_root(store, report, policy, trash)
    if dry_run:
        done = Disposals(policy, new_run(), dry_run)
        for group in report.groups:
            steps, skipped = sort_out(group, policy)
            done.skipped += skipped
            done.disposed += [
                _shown(store, step.path, target_of(step, policy, root, done.run)) for step in steps
            ]
        return done
    with store.writing():
        with store.database.reading() as connection:
            done = Disposals(policy, _free_run(connection), dry_run)
        for group in report.groups:
            _dispose_group(store, group, policy, root, done)
    report.run = done.run if done.disposed else None
    return done


def trash_root(store: Store, report: DedupeReport, policy: Policy, trash: Path | None) -> str:
    """Return the trash's absolute path.

    Raises:
        UsageRefused: files could not be moved there in one step, or would be indexed there again.
    """
    root = os.path.realpath(trash) if trash is not None else str(store.path / TRASH_FOLDER)
    with store.database.reading() as connection:
        catalogues = [
            store.absolute_path(path) for path in connection.execute(select(Catalogue.path)).scalars()
        ]
    for catalogue in catalogues if trash is not None else ():
        if (root + os.sep).startswith(catalogue.rstrip(os.sep) + os.sep):
            raise UsageRefused(
                f"the trash {root} lies inside the catalogue {catalogue}", "name a folder beside it"
            )
    if policy is Policy.HARDLINK:
        return root
    existing = next(path for path in (Path(root), *Path(root).parents) if path.exists())
    device = existing.stat().st_dev
    for path in touchable(report.groups, policy):
        if not is_remote(path) and os.path.lexists(path) and os.lstat(path).st_dev != device:
            raise UsageRefused(
                f"{path} lies on another file system than the trash {root}: nothing was touched",
                "name a folder on the same one with --trash DIR",
            )
    return root


def new_run() -> str:
    """Name a run by the present moment, in UTC."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S")


def target_of(step: Step, policy: Policy, root: str, run: str) -> str:
    """Where a member goes: below the run's folder by its own path, so that it could be put back by hand."""
    return step.keep if policy is Policy.HARDLINK else os.path.join(root, run, step.path.lstrip(os.sep))


def _free_run(connection: Connection) -> str:
    name, number = new_run(), 1
    while connection.execute(select(Disposal.id).where(Disposal.run == name)).first():
        number += 1
        name = f"{new_run()}-{number}"
    return name


def _dispose_group(store: Store, group: DuplicateGroup, policy: Policy, root: str, done: Disposals) -> None:
    steps, skipped = sort_out(group, policy)
    done.skipped += skipped
    if not steps:
        return
    rows = _write_down(store, steps, policy, root, done.run)
    durable.failpoint("dispose.planned")
    states = {}
    for row, step in zip(rows, steps, strict=True):
        problem = _do(row, step, policy)
        # Whatever was reported, it is the disk that says what became of the file.
        states[row.id] = settled(row)
        if states[row.id] == DONE:
            done.disposed.append(_shown(store, row.path, target_of(step, policy, root, done.run)))
        else:
            done.skipped.append(Skipped(store.shown_path(row.path), problem))
        durable.failpoint("dispose.touched")
    write_states(store, states)
    durable.failpoint("dispose.done")


def _write_down(store: Store, steps: Sequence[Step], policy: Policy, root: str, run: str) -> list[Disposed]:
    """Commit what is going to be done."""
    rows = []
    with store.database.writing() as connection:
        for step in steps:
            target = None if policy is Policy.HARDLINK else target_of(step, policy, root, run)
            sha256 = bytes.fromhex(step.sha256)
            values = {
                "run": run,
                "action": policy.value,
                "state": PLANNED,
                "path": store.stored_path(step.path),
                "keep_path": store.stored_path(step.keep),
                "trash_path": store.stored_path(target) if target is not None else None,
                "sha256": sha256,
            }
            id_ = connection.execute(insert(Disposal).values(values).returning(Disposal.id)).scalar_one()
            rows.append(Disposed(id_, PLANNED, step.path, step.keep, target, sha256))
    return rows


def _do(row: Disposed, step: Step, policy: Policy) -> str:
    """Move or link one file; return what went wrong, if anything did."""
    path = Path(row.path)
    try:
        if policy is Policy.HARDLINK:
            durable.replace_by_link(Path(row.keep_path), path, temporary_of(row), step.sha256)
        else:
            durable.move_away(path, Path(row.trash_path or ""))
    except (OSError, StoreDamaged) as error:
        return f"the system refused: {error}"
    return ""


def _shown(store: Store, path: str, to: str) -> dict[str, str]:
    return {"path": store.shown_path(path), "to": store.shown_path(to)}
