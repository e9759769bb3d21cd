"""One server and one stage for all crash tests of a worker."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.server import Server
from tests.crash.stage import Stage


@pytest.fixture(scope="session")
def server(tiny_encoder: Path) -> Iterator[Server]:
    opened = Server({"INDEX_ENCODER": str(tiny_encoder), "INDEX_JOBS": "1"})
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def stage(server: Server) -> Iterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="index-stage-"))
    yield Stage(folder, server)
    shutil.rmtree(folder)
