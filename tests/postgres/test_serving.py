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


def test_a_server_by_a_role_that_may_only_read_answers_and_changes_nothing(
    index: Command, on_postgres: str, catalogue: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    shutil.copy(catalogue / "cup/00.jpg", catalogue / "cup/again.jpg")
    assert index("build", catalogue).code == 0
    plain = server.url("postgres").replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN IN ROLE pg_read_all_data")
    monkeypatch.setenv("INDEX_DATABASE", on_postgres.replace("postgres@", "reader@"))
    assert index("query", catalogue / "cup/00.jpg").code == 0
    with serving(Path(".index")) as client:
        assert client.get("/readyz").json() == {"status": "ready", "generation": 1}
        items = client.get("/api/v1/items").json()["items"]
        assert client.get(f"/api/v1/items/{items[0]['item']}/thumbnail").status_code == 200
        pair = {"a": items[0]["item"], "b": items[1]["item"], "verdict": "different"}
        refused = client.post("/api/v1/decisions", json=pair).json()
        assert refused["error"]["code"] == "permission_refused"
        assert client.get("/api/v1/decisions").json()["decisions"] == []
    assert index("build").code == 15
