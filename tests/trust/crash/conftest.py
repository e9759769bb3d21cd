"""What the tests of crashes share: one server a worker, and jobs that were each run once uninterrupted."""

import pytest

from tests.crash.conftest import open_folder, server, stage  # noqa: F401  (fixtures)
from tests.crash.stopped import Play


@pytest.fixture(scope="session")
def play(open_folder, server) -> Play:  # type: ignore[no-untyped-def]  # noqa: F811
    return Play(open_folder, server)
