"""Rows that are not what was written are damage, by name, to whoever asks for them; what never ended is left out."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from indexer.nightly.night import NightOptions, nightly
from indexer.settings import load_settings
from indexer.store import open_store
from tests.web.conftest import serving

API = "/api/v1"


@pytest.fixture(scope="module")
def after_a_night(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with what one night found, and a decision."""
    folder = tmp_path_factory.mktemp("night")
    shutil.copytree(shop.parent, folder, dirs_exist_ok=True, symlinks=True)
    store = folder / ".index"
    nightly(open_store(store), [], load_settings(store, {"jobs": 1}, {}), NightOptions(threshold=0.9))
    with serving(store) as client:
        wish = {"a": 1, "b": 2, "verdict": "different", "note": "seen"}
        assert client.post(f"{API}/decisions", json=wish).status_code == 200
    return store


@pytest.fixture
def of_its_own(after_a_night: Path, tmp_path: Path) -> Iterator[TestClient]:
    shutil.copytree(after_a_night.parent, tmp_path, dirs_exist_ok=True, symlinks=True)
    with serving(tmp_path / ".index") as client:
        yield client


@pytest.mark.parametrize(
    ("change", "table", "asked"),
    [
        ("items SET width = width + 1 WHERE id = 1", "items", "items"),
        ("items SET width = width + 1 WHERE id = 1", "items", "items/1"),
        ("decisions SET note = 'never said'", "decisions", "decisions"),
        ("decisions SET note = 'never said'", "decisions", "items/2"),
        ("findings SET score = 0.5", "findings", "alerts?state=all"),
    ],
)
def test_a_row_that_is_not_what_was_written_is_no_answer(
    of_its_own: TestClient, change: str, table: str, asked: str
) -> None:
    assert of_its_own.get(f"{API}/{asked}").status_code == 200
    with closing(sqlite3.connect(of_its_own.service.store.database.path)) as database, database:
        assert database.execute(f"UPDATE {change}").rowcount > 0
    answer = of_its_own.get(f"{API}/{asked}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "damaged")
    assert f"of table {table} is not what was written" in error["message"]
    assert "index check" in error["detail"]["hint"]


def test_a_night_that_never_ended_has_no_report_and_is_not_listed(of_its_own: TestClient) -> None:
    (of_its_own.service.store.path / "nights/000002").mkdir()
    assert [night["night"] for night in of_its_own.get(f"{API}/nights").json()["nights"]] == [1]
    assert of_its_own.get(f"{API}/nights/2").json()["error"]["code"] == "no_such_night"
