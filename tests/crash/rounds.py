"""One round of a soak: a build that is killed at a random moment, perhaps again while it recovers, and the oracle.

Everything random is drawn from (seed, iteration), so that a round can be played again; what a kill hits also depends
on the machine's speed, so a round that failed may need several replays.
"""

import random
import signal
import time
from dataclasses import dataclass, field

from tests.crash.oracle import database_copy
from tests.crash.server import Ended
from tests.crash.stage import FIRST, INCREMENTAL, REJECTED, Case, Stage

INTERRUPTED = 130
LATEST = 1.1  # of an uninterrupted build's duration: some signals come too late


@dataclass
class Round:
    """What happened: which build, and in which phase each signal hit it."""

    iteration: int
    kind: str
    phases: list[str] = field(default_factory=list)


def play_round(stage: Stage, seed: int, iteration: int, number: int = signal.SIGKILL) -> Round:
    """Kill a first or an incremental build, in turns, and hold the store to the oracle after every kill.

    SIGKILL goes to the whole process group; any other signal only to the build itself, which must end by its own
    rules.
    """
    draw = random.Random(f"{seed} {iteration}")
    case = stage.case((FIRST, INCREMENTAL)[iteration % 2])
    played = Round(iteration, case.kind)
    for _ in range(1 + draw.choice([0, 0, 1, 2, 3])):
        running = case.start()
        time.sleep(draw.uniform(0, LATEST) * stage.seconds[case.kind])
        if number == signal.SIGKILL:
            running.kill_all()
        else:
            running.kill(number)
        ended = case.note(running.wait())
        expected = {-number, REJECTED, INTERRUPTED} if number != signal.SIGKILL else {-number, REJECTED}
        assert ended.code in expected, f"exit code {ended.code}: {ended.err}"
        assert "Traceback" not in ended.err, ended.err
        played.phases.append(phase(case, ended))
        case.assert_sound()
    case.assert_recovers()
    return played


def phase(case: Case, ended: Ended) -> str:
    """Tell from what lies in the store how far a build had come."""
    if ended.code == REJECTED:
        return "finished"
    if not (case.store / "catalog.db").exists():
        return "before the database"
    with database_copy(case.store) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        if "generations" not in tables:
            return "creating the tables"
        newest = connection.execute("SELECT max(id) FROM generations").fetchone()[0] or 0
        named = {row[0] for row in connection.execute("SELECT sha256 FROM faiss_files")}
    after = case.stage.states[case.kind][1]
    if after is not None and newest >= after.generation:
        return "after the commit"
    if any(path.stem not in named for path in (case.store / "faiss").glob("*")):
        return "writing FAISS files"
    missing = case.missing()
    if missing == case.missing_at_start():
        return "before the first checkpoint"
    return "between checkpoints" if missing else "after the last checkpoint"
