"""Killed wherever it may hurt, a build on PostgreSQL is as if it had not been, or as if it had ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.pictures import save
from tests.postgres.server import Server

POINTS = (
    "lock.taken:1",
    "migrate.before_commit:1",
    "embed.mid_batch:1",
    "checkpoint.before_commit:1",
    "checkpoint.after_commit:1",
    "generation.rows_changed:1",
    "file.half_written:1",
    "file.before_rename:2",
    "generation.before_commit:1",
    "transaction.before_commit:1",
    "transaction.before_commit:2",
    "transaction.after_commit:1",
    "generation.after_commit:1",
)


def build(catalogue: Path, point: str = "") -> int:
    environment = {**os.environ, "INDEX_FAILPOINT": f"{point}:kill"} if point else dict(os.environ)
    command = [sys.executable, "-m", "indexer", "build", str(catalogue), "-q"]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def sound(index: Command) -> dict[str, object]:
    answer = index("check", "--json")
    assert answer.code == 0, answer.out
    return index("status", "--json").json()  # type: ignore[no-any-return]


@pytest.mark.parametrize("point", POINTS)
def test_a_first_build_that_is_killed_is_finished_by_the_next(
    point: str, index: Command, on_postgres: str, catalogue: Path
) -> None:
    assert build(catalogue, point) == -signal.SIGKILL
    assert build(catalogue) == 0
    assert sound(index)["files"] == 24


@pytest.mark.parametrize("point", [point for point in POINTS if not point.startswith("migrate")])
def test_a_later_build_that_is_killed_leaves_one_generation_or_the_other(
    point: str, index: Command, on_postgres: str, catalogue: Path
) -> None:
    assert build(catalogue) == 0
    save(catalogue / "cup/new.jpg", 900)
    (catalogue / "cup/00.jpg").unlink()
    (catalogue / "cup/01.jpg").unlink()
    assert build(catalogue, point) == -signal.SIGKILL
    files = index("status", "--json").json()["files"]
    assert files == (23 if point == "generation.after_commit:1" else 24)
    assert index("query", catalogue / "cup/02.jpg").code == 0
    assert build(catalogue) == 0
    assert sound(index)["files"] == 23


def test_what_was_committed_survives_a_crash_of_the_server(
    server: Server, index: Command, on_postgres: str, catalogue: Path
) -> None:
    assert index("build", catalogue).code == 0
    assert index("decide", catalogue / "cup/00.jpg", catalogue / "cup/01.jpg", "different").code == 0
    server.stop("immediate")
    assert index("status").code == 17
    server.start()
    status = sound(index)
    assert (status["files"], status["decisions"]) == (24, 1)
