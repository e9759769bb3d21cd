"""The order of system calls: what must be on the disk before the next step may begin, seen with strace.

A kill cannot show a missing fsync: the system still writes what a dead process left. A power cut can.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.oracle import database_copy
from tests.crash.server import ROOT
from tests.crash.stage import noise

CALLS = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2"
_LINE = re.compile(r"^(\d+)\s+(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>.*)$")
_PATHS = re.compile(r'<(/[^>]*)>|"((?:[^"\\]|\\.)*)"')


def can_trace() -> bool:
    probe = ["strace", "-f", "-qq", "-e", "trace=fsync", "true"]
    return (
        shutil.which("strace") is not None
        and subprocess.run(probe, capture_output=True, check=False).returncode == 0
    )


needs_strace = pytest.mark.skipif(not can_trace(), reason="SKIPPED HERE: strace or ptrace is not to be had")


@dataclass(frozen=True)
class Call:
    """One system call: its name, and the paths that it names, the first being what it works on."""

    name: str
    paths: tuple[str, ...]


def calls(trace: Path) -> list[Call]:
    """Read a trace; calls are in the order in which they ended, writes in that in which they began."""
    done: list[Call] = []
    begun: dict[str, Call] = {}
    for line in trace.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        process, name, rest, resumed = match.groups()
        if resumed is not None:
            if process in begun:
                done.append(begun.pop(process))
            continue
        call = Call(name, tuple(a or b for a, b in _PATHS.findall(rest)))
        if rest.endswith("<unfinished ...>") and name != "write":
            begun[process] = call
        else:
            done.append(call)
    return done


def traced_build(folder: Path, encoder: Path, program: str = "sound") -> list[Call]:
    """Build ``folder``/pictures under strace."""
    trace = folder / "trace"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INDEX_")}
    environment |= {"INDEX_ENCODER": str(encoder), "INDEX_JOBS": "1", "PYTHONPATH": str(ROOT)}
    command = ["strace", "-f", "-y", "-qq", "-s", "0", "-e", f"trace={CALLS}", "-o", str(trace)]
    command += [sys.executable, "-m", "tests.crash.twin", program, "build", "pictures", "--json"]
    with (folder / "stdout").open("wb") as out:
        subprocess.run(command, cwd=folder, env=environment, stdout=out, check=True)
    return calls(trace)


def assert_durable_order(folder: Path, seen: list[Call]) -> None:
    """Hold the calls of a build to: fsync, rename, fsync of the folder, commit in the log, line on stdout."""
    store = folder / ".index"
    with database_copy(store) as connection:
        newest = "SELECT sha256 FROM faiss_files WHERE generation_id = (SELECT max(id) FROM generations)"
        names = [str(store / f"faiss/{row[0]}.faiss") for row in connection.execute(newest)]
    assert len(names) == 2
    log = str(store / "catalog.db-wal")

    def places(kind: tuple[str, ...], path: str) -> list[int]:
        return [i for i, call in enumerate(seen) if call.name in kind and call.paths[:1] == (path,)]

    log_writes, log_syncs = places(("pwrite64",), log), places(("fsync", "fdatasync"), log)
    told = places(("write",), str(folder / "stdout"))[0]
    for name in names:
        renamed = next(i for i, c in enumerate(seen) if c.name.startswith("rename") and c.paths[-1] == name)
        temporary = next(path for path in seen[renamed].paths if path.endswith(".tmp"))
        written = [i for i in places(("write",), temporary) if i < renamed]
        synced = [i for i in places(("fsync", "fdatasync"), temporary) if written[-1] < i < renamed]
        assert synced, f"{name} was renamed before its bytes were durable"
        folder_synced = [i for i in places(("fsync",), str(store / "faiss")) if i > renamed]
        assert folder_synced, f"the rename to {name} was never made durable"
        ready = folder_synced[0]
        early = [i for i in log_syncs if written[0] < i < ready]
        assert not early, f"something was committed while {name} was not durable"
        commit = [i for i in log_syncs if i > ready and any(ready < w < i for w in log_writes)]
        assert commit, f"nothing was committed after {name} was durable"
        assert commit[0] < told, f"the generation was reported before it was committed with {name}"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for i in range(5):
        noise(tmp_path / f"pictures/{i}.png", i)
    return tmp_path


@needs_strace
def test_files_are_durable_before_the_commit_and_the_commit_before_the_report(
    pictures: Path, tiny_encoder: Path
) -> None:
    assert_durable_order(pictures, traced_build(pictures, tiny_encoder))
    noise(pictures / "pictures/new.png", 99)
    assert_durable_order(pictures, traced_build(pictures, tiny_encoder))


@needs_strace
@pytest.mark.parametrize(
    ("twin", "broken"),
    [
        ("files_not_synced", "before its bytes were durable"),
        ("folder_not_synced", "was never made durable"),
        ("rows_before_files", "nothing was committed after"),
        ("told_before_it_is_committed", "was reported before it was committed"),
    ],
)
def test_a_build_in_another_order_is_caught(
    pictures: Path, tiny_encoder: Path, twin: str, broken: str
) -> None:
    with pytest.raises(AssertionError, match=broken):
        assert_durable_order(pictures, traced_build(pictures, tiny_encoder, twin))
