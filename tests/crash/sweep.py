"""Faults at the n-th system call: strace kills a run, or has the call fail, wherever it works on the run's folder."""

import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import StoreDamaged
from tests.crash.jobs import JOBS, REPAIR
from tests.crash.server import Ended, Running
from tests.crash.stopped import Play

CALLS = (
    *("write", "pwrite64", "fsync", "fdatasync", "openat", "ftruncate"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "mkdir"),
)
KILL, ERRORS = "SIGKILL", ("EIO", "ENOSPC", "EINTR")
# Done, rejected; damaged (a disk that fails), no space, and what SQLite says of a file that cannot be opened.
_MAY_EXIT = {0, 3, 12, 14, 15}
_CALL = re.compile(r"^(\w+)\((.*)")


@dataclass(frozen=True)
class Place:
    """The ``nth`` call of that name by a job's main thread, the only one that writes."""

    call: str
    nth: int
    text: str


def can_trace() -> bool:
    probe = ["strace", "-qq", "-e", "trace=fsync", "true"]
    return (
        shutil.which("strace") is not None
        and subprocess.run(probe, capture_output=True, check=False).returncode == 0
    )


def places(play: Play, name: str, log: Path) -> list[Place]:
    """Run a job to its end; return the calls that worked on its folder, the reading of pictures left out."""
    case = play.begin(name)
    ended = traced(play, name, case, ["-y", "-s", "0", "-e", f"trace={','.join(CALLS)}", "-o", str(log)])
    assert ended.code in {0, 3}, ended.err
    counts: Counter[str] = Counter()
    found = []
    for line in log.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        counts[match[1]] += 1
        if str(case) in line and not ("O_RDONLY" in line and "O_CREAT" not in line):
            found.append(Place(match[1], counts[match[1]], match[2].replace(str(case), "")))
    subprocess.run(["rm", "-r", case], check=True)
    return found


def strike(play: Play, name: str, place: Place, fault: str, twin: str | None = None) -> str:
    """Have one call of a job fail, or kill the job there, and hold it to everything; say how it ended."""
    case = play.begin(name)
    how = f"signal={KILL}" if fault == KILL else f"error={fault}"
    inject = f"inject={place.call}:{how}:when={place.nth}"
    ended = traced(play, name, case, ["-e", f"trace={place.call}", "-e", inject, "-o", "/dev/null"], twin)
    where = f"{fault} at {place.call} {place.nth} {place.text}"
    assert "Traceback" not in ended.err, f"never silently wrong: {where}: {ended.err}"
    assert ended.code == -signal.SIGKILL if fault == KILL else ended.code in _MAY_EXIT, (
        f"told: {where}: exit {ended.code}: {ended.err}"
    )
    in_findings = JOBS[name].command == REPAIR and ended.code == StoreDamaged.exit_code
    assert ended.code in {0, 3, -signal.SIGKILL} or in_findings or ended.err.startswith("error: "), (
        f"told: {where}: exit {ended.code}: {ended.err}"
    )
    try:
        play.hold(name, case, is_done=ended.code in {0, 3} and not JOBS[name].refused, twin=twin)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{where}, exit {ended.code}: {ended.err}") from error
    subprocess.run(["rm", "-r", case], check=True)
    return f"{fault}: exit {ended.code}"


def traced(play: Play, name: str, case: Path, options: list[str], twin: str | None = None) -> Ended:
    """Run a job with strace attached to it from its first step on."""
    running = play.server.start(*JOBS[name].command, cwd=case, stopped=True, twin=twin)
    _wait_for(running, "State:\tT")
    tracing = subprocess.Popen(["strace", "-qq", *options, "-p", str(running.pid)], stderr=subprocess.PIPE)
    try:
        _wait_for(running, "TracerPid:\t[1-9]")
        running.kill(signal.SIGCONT)
        return running.wait()
    finally:
        running.kill_all()
        tracing.communicate()


def _wait_for(running: Running, pattern: str) -> None:
    until = time.monotonic() + 60
    while not re.search(pattern, Path(f"/proc/{running.pid}/status").read_text()):
        assert time.monotonic() < until, f"the run is not seen to be {pattern}"
        time.sleep(0.001)
