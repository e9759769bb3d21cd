"""Values of another type than was written, which SQLite lets a damaged row hold: refused and named, never a traceback."""

import copy
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command

DAMAGED = 12
CHANGES = [
    "files SET size_bytes = x'ff00'",
    "files SET label = x'ff00'",
    "files SET attributes = 'null'",
    "files SET item_id = 'text'",
    "items SET sha256 = 'text'",
    "embeddings SET vector = 5",
    "generations SET format_version = 'text'",
]


def split(answer: dict[str, Any]) -> tuple[dict[str, Any], dict[int, str]]:
    """What is said of the files, and {id: path}: a content whose row was lost comes back under an id of its own."""
    said = copy.deepcopy(answer)
    results = [match for query in said["queries"] for match in query["results"]]
    return said, {match.pop("item"): match["path"] for match in results}


@pytest.mark.parametrize("change", CHANGES)
def test_a_value_of_another_type_is_refused_named_by_check_and_healed(
    index: Command, catalogue: Path, change: str
) -> None:
    assert index("build", catalogue).code == 0
    question = ("query", catalogue / "cup/00.jpg", "-k", 24, "--json")
    answer = index(*question).json()
    table = change.partition(" ")[0]
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute("PRAGMA foreign_keys=OFF")
        database.execute(f"UPDATE {change} WHERE rowid = (SELECT min(rowid) FROM {table})")
    found = index(*question)
    assert "Traceback" not in found.err
    assert found.code == DAMAGED or found.json() == answer
    checked = index("check")
    assert (checked.code, "Traceback" in checked.err) == (DAMAGED, False)
    assert index("check", "--repair").code == 0
    assert index("check").code == 0
    (said, ids), (said_before, ids_before) = split(index(*question).json()), split(answer)
    assert said == said_before
    assert len(ids) == len(ids_before)
    assert len(ids.keys() - ids_before.keys()) <= 1
    assert all(ids[id_] == ids_before[id_] for id_ in ids.keys() & ids_before.keys())
