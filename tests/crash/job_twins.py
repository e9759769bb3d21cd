"""Broken twins, as in `tests.crash.twin`, of jobs other than builds, of what is durable, and of what is said."""

from typing import Any


def decisions_one_by_one() -> None:
    """Commit every row of a list of decisions by itself."""
    from indexer import decision_import

    add = decision_import.add_entry

    def commit_and_add(connection: Any, entry: Any) -> Any:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return add(connection, entry)

    decision_import.add_entry = commit_and_add  # type: ignore[attr-defined]


def moved_before_it_is_written_down() -> None:
    """Move files to the trash, and write the rows afterwards, by which they could be brought back."""
    from indexer.duplicates import disposal

    write_down = disposal._write_down

    def move_first(store: Any, steps: Any, policy: Any, root: str, run: str) -> Any:
        from indexer.durable import move_away

        for step in steps:
            move_away(disposal.Path(step.path), disposal.Path(disposal.target_of(step, policy, root, run)))
        return write_down(store, steps, policy, root, run)

    disposal._write_down = move_first


def disk_errors_unnamed() -> None:
    """Take what a failing disk says for a bug."""
    from indexer import cli, errors

    for module in (cli, errors):
        module.from_os_error = lambda error, doing: None  # type: ignore[attr-defined]


def half_a_migration() -> None:
    """Commit a migration's tables before the revision that names them."""
    from alembic.operations import Operations

    create = Operations.create_table

    def create_and_commit(self: Any, *arguments: Any, **options: Any) -> Any:
        table = create(self, *arguments, **options)
        self.get_bind().exec_driver_sql("COMMIT")
        self.get_bind().exec_driver_sql("BEGIN")
        return table

    Operations.create_table = create_and_commit  # type: ignore[method-assign]


def repair_drops_what_was_decided() -> None:
    """Drop damaged decisions without setting them aside."""
    from indexer import repair

    def drop(connection: Any, folder: Any, ids: Any) -> str:
        for id_ in ids:
            connection.exec_driver_sql("DELETE FROM decisions WHERE id = ?", (id_,))
        return "dropped"

    repair.set_aside_decisions = drop


def commits_not_synced() -> None:
    """Leave it to the system when what SQLite commits comes to the disk."""
    from indexer.sqlite import SqliteDatabase

    open_database = SqliteDatabase._open

    def carelessly(self: Any, mode: str, *statements: str) -> Any:
        return open_database(
            self, mode, *(s.replace("synchronous=FULL", "synchronous=OFF") for s in statements)
        )

    SqliteDatabase._open = carelessly  # type: ignore[method-assign]


def memory_errors_unnamed() -> None:
    """Take what is said of full memory for a bug."""
    from indexer import cli

    cli.from_memory_error = lambda error, doing: None


JOB_TWINS = (
    decisions_one_by_one,
    moved_before_it_is_written_down,
    disk_errors_unnamed,
    half_a_migration,
    repair_drops_what_was_decided,
    commits_not_synced,
    memory_errors_unnamed,
)
