"""Killed wherever it may hurt, an index and its engine agree after the next build: none missing, too many or stale."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.engines.conftest import Engine
from tests.engines.held import assert_engine_holds_the_index, collections, on_engine, rows
from tests.engines.test_index_on_engine import found
from tests.pictures import save

FILLING = ("engine.registered", "engine.part_written", "engine.filled", "generation.rows_changed")
FOLLOWING = ("generation.before_commit", "generation.after_commit", "engine.part_sent", "engine.sent")
KILLED, BEHIND = -signal.SIGKILL, "engine-behind"


@pytest.fixture
def shared_url(engine: Engine, url: str) -> str:
    """Where vectors lie that this process asks, and one that is killed writes."""
    if engine.name == "milvus+lite":
        pytest.skip("milvus-lite belongs to one process at a time")
    return url


def started(*arguments: object, point: str = "") -> "subprocess.Popen[bytes]":
    environment = os.environ | ({"INDEX_FAILPOINT": point} if point else {})
    command = [sys.executable, "-m", "indexer", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed(*arguments: object, point: str) -> int:
    return started(*arguments, point=f"{point}:kill").wait()


def changed(pictures: Path, turn: int) -> Path:
    """One picture comes, and the one that came in the turn before goes."""
    (pictures / f"cup/turn{turn - 1}.jpg").unlink(missing_ok=True)
    save(pictures / f"cup/turn{turn}.jpg", 1000 + turn)
    return pictures / f"cup/turn{turn}.jpg"


def test_a_move_that_is_killed_leaves_answers_where_they_were_and_nothing_on_the_engine_in_the_end(
    index: Command, pictures: Path, url: str
) -> None:
    index("build", pictures)
    asked = ("query", pictures / "cup/00.jpg", "-k", 5, "--json")
    before = found(index(*asked))
    for point in (*FILLING, "generation.before_commit"):
        for hit in (1, 2) if point.startswith("engine") else (1,):
            assert killed("copy", "--to", url, point=f"{point}:{hit}") == KILLED, point
            assert collections() == {}
            assert found(index(*asked)) == before
            checked = index("check")
            assert (checked.code, "no generation names" in checked.out) == (0, True)
    assert killed("copy", "--to", url, point="generation.after_commit:1") == KILLED
    assert found(index(*asked)) == before
    assert index("build").code == 0
    assert_engine_holds_the_index(url)


def test_a_build_that_is_killed_answers_right_before_the_engine_has_caught_up(
    index: Command, pictures: Path, shared_url: str
) -> None:
    index("build", pictures, "--vectors", shared_url)
    first, turn = collections(), 0
    for point in FOLLOWING:
        for hit in (1, 2) if point.startswith("engine") else (1,):
            turn += 1
            new = changed(pictures, turn)
            assert killed("build", point=f"{point}:{hit}") == KILLED, point
            answer = found(index("query", new, "-k", 40, "--json"))
            is_committed = point != "generation.before_commit"
            assert (len(answer), answer[0] == (f"catalogue/cup/{new.name}", 1)) == (
                25 if turn > 1 or is_committed else 24,
                is_committed,
            )
            assert (BEHIND in index("check").out) is is_committed
            assert index("check").code in (0, 3)
            assert index("build").code == 0
            assert collections() == first
            assert_engine_holds_the_index(shared_url)


def test_kills_at_any_moment_leave_nothing_missing_too_much_or_stale(
    index: Command, pictures: Path, shared_url: str
) -> None:
    index("build", pictures, "--vectors", shared_url)
    chance = random.Random(7)
    for turn in range(1, 7):
        changed(pictures, turn)
        arguments = ("build",) if turn % 3 else ("check", "--repair")
        process = started(*arguments)
        time.sleep(chance.uniform(0.2, 1.6))
        process.kill()
        process.wait()
        assert index("query", pictures / "cup/00.jpg").code == 0
        assert index("check").code in (0, 3)
    assert index("build").code == 0
    assert_engine_holds_the_index(shared_url)
    assert len(on_engine(shared_url)) == len(rows("SELECT name FROM vector_collections"))


@pytest.mark.parametrize("mend", [("build",), ("check", "--repair")])
def test_a_repair_that_is_killed_is_run_again(
    mend: tuple[str, ...], index: Command, pictures: Path, shared_url: str
) -> None:
    index("build", pictures, "--vectors", shared_url)
    rows("UPDATE embeddings SET vector = zeroblob(96) WHERE item_id = 3")
    rows("UPDATE items SET width = 1 WHERE id = 4")
    assert killed("check", "--repair", point="engine.filled:1") == KILLED
    assert index(*mend).code == 0
    assert index("build").code == 0
    assert_engine_holds_the_index(shared_url)
