"""A store of every format that was ever released: opened, migrated, and answered from as when it was made."""

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from indexer.tables import FORMAT_VERSION, KNOWN_REVISIONS, SCHEMA_REVISION
from tests.crash.oracle import assert_store_sound, read_snapshot, tree_digest
from tests.trust.in_process import run

GOLDEN = Path(__file__).parents[1] / "golden"
QUESTION = ("query", "catalogue/cup/1.png", "-k", "9", "--json")
NEWER, REJECTED = 13, 3


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INDEX_ENCODER", "INDEX_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INDEX_JOBS", "1")


def unpacked(revision: str, folder: Path) -> Path:
    with tarfile.open(GOLDEN / f"{revision}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "golden"


def rows(place: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(place / ".index/catalog.db")) as database, database:
        return database.execute(statement).fetchall()


def found(document: str) -> list[tuple[str, float, str, dict[str, str]]]:
    results = json.loads(document)["queries"][0]["results"]
    return [(m["path"], round(m["score"], 5), m["label"], m["attributes"]) for m in results]


def test_every_format_that_was_released_has_its_golden_store() -> None:
    assert [path.name for path in sorted(GOLDEN.iterdir())] == [
        f"{revision}.tar.gz" for revision in KNOWN_REVISIONS
    ]
    assert all(path.stat().st_size < 100_000 for path in GOLDEN.iterdir())


@pytest.mark.parametrize("revision", KNOWN_REVISIONS)
def test_a_store_of_an_older_version_answers_as_it_did_and_is_migrated(revision: str, tmp_path: Path) -> None:
    place = unpacked(revision, tmp_path)
    assert rows(place, "SELECT version_num FROM alembic_version") == [(revision,)]
    before, catalogue = read_snapshot(place / ".index"), tree_digest(place / "catalogue")
    answered = run(place, *QUESTION)
    assert answered.code == 0, answered.err
    assert found(answered.out) == found((place / "answer.json").read_text())
    assert rows(place, "SELECT version_num FROM alembic_version") == [(SCHEMA_REVISION,)]
    assert_store_sound(place / ".index", states=[before], catalogue=(place / "catalogue", catalogue))
    assert run(place, "check").code == 0


@pytest.mark.parametrize("revision", KNOWN_REVISIONS)
def test_a_store_of_an_older_version_goes_on_where_it_was(revision: str, tmp_path: Path) -> None:
    """What users wrote down is there after a build, which finds nothing new; the broken file is still rejected."""
    place = unpacked(revision, tmp_path)
    built = run(place, "build", "--json")
    assert (built.code, built.json()["encoded"], built.json()["found"]) == (REJECTED, 0, 6)
    assert found(run(place, *QUESTION).out) == found((place / "answer.json").read_text())
    assert rows(place, "SELECT label FROM assigned_labels") == [("mug",)]
    decided = [row["verdict"] for row in run(place, "decide", "--list", "--json").json()["decisions"]]
    assert decided == (["different"] if revision >= "0003" else [])
    assert rows(place, "SELECT list FROM listings") == ([("fraud",)] if revision >= "0005" else [])
    assert rows(place, "SELECT count(*) FROM nights") == [(int(revision >= "0005"),)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "schema '9999'"),
        (f"UPDATE generations SET format_version = {FORMAT_VERSION + 1}", f"format {FORMAT_VERSION + 1}"),
    ],
)
@pytest.mark.parametrize("command", [QUESTION, ("build",), ("check",), ("check", "--repair"), ("status",)])
def test_a_store_of_a_newer_version_is_refused_by_name_and_left_as_it_is(
    command: tuple[str, ...], change: str, says: str, tmp_path: Path
) -> None:
    place = unpacked(SCHEMA_REVISION, tmp_path)
    rows(place, change)
    before = (place / ".index/catalog.db").read_bytes()
    refused = run(place, *command)
    assert (refused.code, refused.out) == (NEWER, "")
    assert says in refused.err
    assert "upgrade this program" in refused.err
    assert (place / ".index/catalog.db").read_bytes() == before
