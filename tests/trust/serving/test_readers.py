"""Eight who read and a server, while twenty builds commit; and readers that are broken on purpose, who are caught."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.crowd import Catalogue, assert_each_answer_is_one_generations, log_bounded, readers
from tests.crash.server import Server
from tests.web_slow.running import running

pytestmark = pytest.mark.timeout(1800)  # of a machine that has other things to do

BUILDS = 20
EIGHT = ("stay-open", "open-anew") * 4


def test_eight_readers_and_a_server_answer_by_one_generation_each_while_twenty_builds_commit(
    server: Server, open_folder: Path, tmp_path: Path
) -> None:
    catalogue = Catalogue(tmp_path, server)
    with (
        running(catalogue.store, tmp_path / "words", INDEX_ENCODER=str(open_folder / "encoder")) as serving,
        log_bounded(catalogue.store),
        readers(catalogue.store, tmp_path, [*EIGHT, "served"], url=serving.url) as told,
    ):
        for _ in range(BUILDS):
            catalogue.change()
            catalogue.build()
    seen = [assert_each_answer_is_one_generations(one, catalogue.states) for one in told]
    assert all(seen)
    assert len(set.union(*seen)) > BUILDS / 2, "the readers saw too few generations to tell"


@pytest.mark.parametrize("broken", ["mixing", "forgetful"])
def test_a_reader_that_mixes_generations_or_goes_back_is_caught(
    server: Server, tmp_path: Path, broken: str
) -> None:
    catalogue = Catalogue(tmp_path, server)
    with readers(catalogue.store, tmp_path, [broken]) as told:
        for _ in range(6):
            catalogue.change()
            catalogue.build()
    with pytest.raises(AssertionError, match=r"^atomic: "):
        assert_each_answer_is_one_generations(told[0], catalogue.states)


# In a process of its own: what else this one opens and closes of the file would end its locks.
NEVER_ENDS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM items").fetchone()
print("reading", flush=True)
sys.stdin.read()
"""


def build_beside_a_reader_who_never_ends(catalogue: Catalogue, most_bytes: int) -> None:
    command = [sys.executable, "-c", NEVER_ENDS, str(catalogue.store / "catalog.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline()
        with log_bounded(catalogue.store, most_bytes):
            for _ in range(8):
                catalogue.change()
                catalogue.build()


def test_a_log_that_grows_because_somebody_never_stops_reading_is_noticed(
    server: Server, tmp_path: Path
) -> None:
    catalogue = Catalogue(tmp_path, server)
    with pytest.raises(AssertionError, match=r"^bounded: "):
        build_beside_a_reader_who_never_ends(catalogue, most_bytes=1 << 18)
