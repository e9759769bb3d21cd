"""One server and one stage for all crash tests of a worker, in a folder that every user may enter."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.server import Server
from tests.crash.stage import Stage
from tests.tiny_encoder import write_tiny_encoder


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="index-stage-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server(open_folder: Path) -> Iterator[Server]:
    encoder = write_tiny_encoder(open_folder / "encoder")
    opened = Server({"INDEX_ENCODER": str(encoder), "INDEX_JOBS": "1"})
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def stage(open_folder: Path, server: Server) -> Stage:
    return Stage(open_folder, server)
