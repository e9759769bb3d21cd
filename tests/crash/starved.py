"""Commands in a process that may have only so much memory: done, or refused in words, and the store is sound."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.crash.jobs import JOBS, Command
from tests.crash.server import ROOT
from tests.crash.stopped import ANSWERS, Play

MIB = 2**20
BUILDS = ("first build", "incremental build")
DONE, NO_INDEX, NO_MEMORY = (0, 3), 10, 14
# A library may die before anything of ours could be told, as ONNX Runtime and OpenBLAS do: that must harm nothing either.
_SIGNALS = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGTRAP}
_LAST_WORDS = (
    "OpenBLAS error",
    "thread-local data: ABORT",
    "Fatal Python error",
    "error while loading shared",
)


def can_limit() -> bool:
    return shutil.which("prlimit") is not None


def starve(play: Play, name: str, mib: int, twin: str | None = None) -> list[str]:
    """Run a job and a query with so many MiB of address space; say how both ended."""
    case = play.begin(name)
    built = limited(play, case, JOBS[name].command, mib, twin)
    asked = limited(play, case, ANSWERS, mib, twin)
    play.hold(name, case, is_done=built in DONE)
    subprocess.run(["rm", "-r", case], check=True)
    return [f"{name}: {told(built)}", f"query: {told(asked)}"]


def limited(play: Play, case: Path, command: Command, mib: int, twin: str | None) -> int:
    """Run a command in a process of its own; return its exit code, which must be one that was said in words."""
    program = ("indexer",) if twin is None else ("tests.crash.twin", twin)
    start = ["prlimit", f"--as={mib * MIB}", sys.executable, "-m", *program, *map(str, command)]
    environment = play.server.environment | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        start, cwd=case, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    code, err = ended.returncode, ended.stderr
    if code in _SIGNALS or any(words in err for words in _LAST_WORDS):
        return code
    assert "Traceback" not in err, f"never silently wrong: {mib} MiB: {err}"
    assert code in {*DONE, NO_INDEX, NO_MEMORY}, f"told: {mib} MiB: exit {code}: {err}"
    return code


def told(code: int) -> str:
    known = {NO_INDEX: "no index", NO_MEMORY: "refused in words"}
    return "done" if code in DONE else known.get(code, "a library died of it")
