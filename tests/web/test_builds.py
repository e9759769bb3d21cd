"""Builds that are watched and remembered; tests/web_slow has those that run to their end."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexer.store import Store
from indexer.web import builds as builds_module
from indexer.web.builds import Builds, Job
from indexer.web.errors import ApiError
from indexer.web.routes import builds as routes


def test_a_watcher_hears_something_while_a_build_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever is in between takes the connection for dead."""
    monkeypatch.setattr(routes, "_SAY_SOMETHING_EVERY_S", 0.02)
    monkeypatch.setattr(routes, "_LOOK_EVERY_S", 0.01)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        job = Job(process)

        heard = []

        async def watch() -> None:
            async with asyncio.timeout(20):
                async for part in routes._events(job):
                    heard.append(part.partition("\n")[0])
                    if part.startswith(":"):
                        process.kill()
                        job.end(process.wait())

        try:
            asyncio.run(watch())
        finally:
            process.kill()
        assert heard == ["event: progress", ": still at it", "event: failed"]
    assert job.error == {"message": "the build ended with code -9", "hint": None, "exit_code": -9}


def test_only_the_newest_builds_are_remembered(own_shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds_module, "_KEPT", 1)
    builds, started = Builds(Store(own_shop)), []
    for _ in range(2):
        started.append(builds.start())
        builds.stop()
        while builds.is_running:
            time.sleep(0.01)
    assert builds.all() == [started[1]]
    with pytest.raises(ApiError, match="no such build"):
        builds.job(started[0].id)
