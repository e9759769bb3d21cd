"""Builds that clients start: one at a time, each a process of its own that outlives no server that ends in order."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Literal

from indexer import durable
from indexer.decoding.sandbox_process import import_path
from indexer.store import Store
from indexer.tables import now
from indexer.web.ending import end
from indexer.web.errors import ApiError, Code

_KEPT = 20


@dataclass
class Job:
    """A build: how far it is. ``version`` grows with every change."""

    process: subprocess.Popen[str]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: Literal["running", "done", "failed"] = "running"
    done: int = 0
    total: int = 0
    report: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    started_at: str = field(default_factory=now)
    version: int = 0
    _started: float = field(default_factory=time.monotonic)
    _seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        seconds = time.monotonic() - self._started if self._seconds is None else self._seconds
        names = ("state", "done", "total", "report", "error", "started_at")
        return {"job": self.id, "seconds": round(seconds, 3)} | {name: getattr(self, name) for name in names}

    def take(self, told: dict[str, Any]) -> None:
        """Take a line of the process."""
        self.done, self.total = told.get("done", self.done), told.get("total", self.total)
        self.report, self.error = told.get("report", self.report), told.get("error", self.error)
        self.version += 1

    def end(self, code: int) -> None:
        """Take the end of the process."""
        self._seconds = time.monotonic() - self._started
        if self.report is None and self.error is None:
            self.error = {"message": f"the build ended with code {code}", "hint": None, "exit_code": code}
        self.state = "failed" if self.error else "done"
        self.version += 1


class Builds:
    """The builds of one index that this server started. May be used from any number of threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._starting = threading.Lock()

    def start(self) -> Job:
        """Start a build of the catalogues that the index remembers.

        Raises:
            ApiError: one is running.
            StoreLocked: another process is writing to the index.
        """
        with self._starting:
            running = next((job for job in self._jobs.values() if job.state == "running"), None)
            if running is not None:
                raise ApiError(409, Code.BUILD_RUNNING, "a build is running already", {"job": running.id})
            with durable.writer_lock(self._store.path / "lock"):
                pass  # the build takes it itself; this is to say at once that it could not
            job = Job(_start(self._store))
            self._jobs[job.id] = job
            if len(self._jobs) > _KEPT:
                self._jobs.popitem(last=False)
        threading.Thread(target=_follow, args=[job], name="build", daemon=True).start()
        return job

    @property
    def is_running(self) -> bool:
        """Whether a build is running."""
        return any(job.state == "running" for job in self.all())

    def all(self) -> list[Job]:
        """Return the builds, the newest first."""
        return list(self._jobs.values())[::-1]

    def job(self, id_: str) -> Job:
        """Return a build.

        Raises:
            ApiError: this server started none of that id, or many since.
        """
        try:
            return self._jobs[id_]
        except KeyError as error:
            raise ApiError(404, Code.NO_SUCH_BUILD, "this server started no such build") from error

    def stop(self) -> None:
        """Interrupt what is running; the next build goes on from there."""
        for job in self._jobs.values():
            if job.state == "running":
                end(job.process)


def _start(store: Store) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "indexer.web.build_process", store.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        env=os.environ | {"PYTHONPATH": import_path()},
    )


def _follow(job: Job) -> None:
    """Take what a build tells, to its end."""
    with job.process as process:
        for line in process.stdout or ():
            try:
                told = json.loads(line)
            except ValueError:  # half a line of a build that was killed, or a library's words
                continue
            if isinstance(told, dict):
                job.take(told)
        job.end(process.wait())
