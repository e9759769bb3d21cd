"""Run `index ...` in processes of its own, a hundred of them in seconds.

A server process imports the command line once and forks for every run. What runs is the whole program, from
`indexer.cli.main` on, in a session of its own: it can be killed, stopped, starved and stripped of its rights like any
other process, and nothing of it is shared with the test but its files.
"""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
PRELOADED = (
    "alembic.command",
    "alembic.config",
    "faiss",
    "indexer.api",
    "indexer.cli",
    "indexer.commands.build",
    "indexer.commands.check",
    "indexer.commands.output",
    "indexer.commands.query",
    "retrieval.onnx_encoder",
    "tests.crash.twin",
)


_CAPABILITY_VERSION, _PR_CAPBSET_DROP = 0x20080522, 24
_PASS_MODES = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@dataclass(frozen=True)
class Ended:
    """How a run ended: ``code`` is its exit code, or minus the signal that killed it."""

    code: int
    out: str
    err: str
    seconds: float

    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def acknowledged(self) -> int:
        """The generation that a build said it committed, 0 if it said nothing."""
        try:
            return int(self.json()["generation"])
        except ValueError:  # killed before, or while it was told
            return 0


class Running:
    """A run that has started."""

    def __init__(self, connection: socket.socket, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._connection, self._folder = connection, folder
        self._replies = connection.makefile("r")
        self.pid: int = json.loads(self._replies.readline())["pid"]
        self._started = time.monotonic()

    def kill_all(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the run and to all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self, number: int) -> None:
        """Send a signal to the run's first process alone, as a service manager may."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    @property
    def has_ended(self) -> bool:
        """Whether it ended, as far as it is known."""
        return bool(select.select([self._connection], [], [], 0)[0])

    def wait(self, timeout_s: float = 300) -> Ended:
        self._connection.settimeout(timeout_s)
        try:
            code = json.loads(self._replies.readline())["code"]
        except TimeoutError:
            self.kill_all()
            raise
        seconds = time.monotonic() - self._started
        texts = [(Path(self._folder.name) / name).read_text(errors="replace") for name in ("out", "err")]
        self._replies.close()
        self._connection.close()
        self._folder.cleanup()
        return Ended(code, *texts, seconds)


class Server:
    """The client's end of the server; ``environment`` is what every run sees, with INDEX_* taken out."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("INDEX_")} | environment
        self._folder = tempfile.TemporaryDirectory(prefix="index-crash-")
        self._address = str(Path(self._folder.name) / "socket")
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # a fork takes one thread along
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.server", self._address],
            cwd=ROOT,
            env=self.environment | one_thread,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the server did not start"

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(120)
        self._process.stdout.close()
        self._folder.cleanup()

    def start(
        self,
        *arguments: object,
        cwd: Path,
        failpoint: str | None = None,
        twin: str | None = None,
        unprivileged: bool = False,
        stopped: bool = False,
        **environment: str,
    ) -> Running:
        """Start `index ...` in ``cwd``.

        ``twin`` breaks it on purpose, ``unprivileged`` holds it to files' modes; ``stopped`` lets it wait for SIGCONT.
        """
        folder = tempfile.TemporaryDirectory(prefix="index-run-")
        for name in ("out", "err"):  # the run may be killed before it would make them
            (Path(folder.name) / name).touch()
        environment = self.environment | environment
        if failpoint is not None:
            environment["INDEX_FAILPOINT"] = failpoint
        request = {
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd),
            "environment": environment,
            "folder": folder.name,
            "twin": twin,
            "unprivileged": unprivileged,
            "stopped": stopped,
        }
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        connection.sendall(json.dumps(request).encode() + b"\n")
        return Running(connection, folder)

    def run(self, *arguments: object, **options: Any) -> Ended:
        """Run `index ...` to its end; options as for `start`."""
        return self.start(*arguments, **options).wait()


def serve(address: str) -> None:
    """Answer requests until stdin closes."""
    import importlib

    from retrieval.onnx_runtime import onnx_runtime

    for name in PRELOADED:
        importlib.import_module(name)
    onnx_runtime()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system buries those who watched a run
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, listener], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _watch(connection)
        connection.close()


def _watch(connection: socket.socket) -> None:
    """Start one run, tell its pid, wait for its end and tell its code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection, connection.makefile("rw") as stream:
        request = json.loads(stream.readline())
        pid = os.fork()
        if pid == 0:
            connection.detach()
            _become(request)
        stream.write(json.dumps({"pid": pid}) + "\n")
        stream.flush()
        _, status = os.waitpid(pid, 0)
        with suppress(BrokenPipeError):
            stream.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}) + "\n")
            stream.flush()
    os._exit(0)


def _become(request: dict[str, Any]) -> None:
    """Turn this process into the run."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{request['folder']}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["cwd"])
        if request["unprivileged"]:
            obey_modes()
        if request["stopped"]:
            os.kill(os.getpid(), signal.SIGSTOP)
        _run(request)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(70)


def obey_modes() -> None:
    """Let this process and its children be stopped by files' modes, as users are and root is not."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable; then the same for numbers above 31
    failed = libc.capget(header, sets)
    for capability in _PASS_MODES:
        failed = failed or libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        for i in range(3):
            sets[i] &= ~(1 << capability)
    if failed or libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "cannot give up root's rights")


def _run(request: dict[str, Any]) -> NoReturn:
    from indexer.cli import main
    from tests.crash.twin import TWINS

    if request["twin"] is not None:
        TWINS[request["twin"]]()
    main(request["arguments"])


if __name__ == "__main__":
    serve(sys.argv[1])
