"""Servers over one database: what one decides the other knows, and all say so when the database is away."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs: pip install 'siamese-index[serve]'")

from tests.conftest import Command
from tests.postgres.server import Server
from tests.web.conftest import serving


def test_two_servers_over_one_database_know_what_either_was_told(
    index: Command, on_postgres: str, catalogue: Path
) -> None:
    shutil.copy(catalogue / "cup/00.jpg", catalogue / "cup/again.jpg")
    assert index("build", catalogue).code == 0
    with serving(Path(".index")) as one, serving(Path(".index")) as other:
        items = one.get("/api/v1/items").json()["items"]
        pair = {"a": items[0]["item"], "b": items[1]["item"], "verdict": "different"}
        told = one.post("/api/v1/decisions", json=pair)
        assert told.status_code in {200, 201}, told.text
        assert len(other.get("/api/v1/decisions").json()["decisions"]) == 1
        (catalogue / "cup/01.jpg").unlink()
        assert index("build", catalogue).code == 0
        assert (
            one.get("/readyz").json() == other.get("/readyz").json() == {"status": "ready", "generation": 2}
        )


def test_a_server_whose_database_is_away_is_alive_and_not_ready(
    index: Command, on_postgres: str, catalogue: Path, server: Server
) -> None:
    assert index("build", catalogue).code == 0
    with serving(Path(".index")) as client:
        assert client.get("/readyz").status_code == 200
        server.stop("immediate")
        try:
            assert client.get("/livez").status_code == 200
            for address in ("/readyz", "/api/v1/items"):
                away = client.get(address)
                assert (away.status_code, away.json()["error"]["code"]) == (503, "unreachable")
        finally:
            server.start()
        assert client.get("/readyz").status_code == 200
