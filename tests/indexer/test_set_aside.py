"""Rows that users wrote and that are damaged: kept in a file, out of the way of those that are sound."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from indexer import Index
from indexer.cli import run
from tests.indexer.shop import changed, healed


def decided() -> list[tuple[str | None, str]]:
    """Verdict and note of every entry of the ledger, in the order of their ids."""
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        return database.execute("SELECT verdict, note FROM decisions ORDER BY id").fetchall()


def set_aside(table: str) -> list[dict[str, object]]:
    (path,) = Path(".index").glob(f"{table}-set-aside-*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_damaged_decision_that_counted_is_set_aside_and_its_pair_is_open(place: Path) -> None:
    Index(".").decide("shop/0.png", "shop/1.png", "same", note="in the end")
    changed("UPDATE decisions SET verdict = 'kin' WHERE id = 2")
    done = healed()
    (said,) = [line for line in done if "aside" in line]
    assert not any("decision-damaged" in line for line in done), "they are kept, not dropped"
    (row,) = set_aside("decisions")
    assert (row["id"], row["verdict"], row["note"]) == (2, "kin", "in the end")
    assert {row["first_sha256"], row["second_sha256"]} == {
        hashlib.sha256(Path(f"shop/{name}.png").read_bytes()).hexdigest() for name in "01"
    }
    (name,) = [path.name for path in Path(".index").glob("decisions-set-aside-*")]
    assert said == f"set 1 damaged decisions aside in {name}; decide these pairs again"
    assert decided() == [("different", ""), (None, f"a damaged decision was set aside in {name}")]


def test_of_several_decisions_before_the_damaged_one_the_last_is_taken_back(place: Path) -> None:
    for verdict in ("same", "different", "same"):
        Index(".").decide("shop/0.png", "shop/1.png", verdict)
    changed("UPDATE decisions SET verdict = 'kin' WHERE id = 4")
    healed()
    assert [verdict for verdict, _ in decided()] == ["different", "same", "different", None]


def test_a_damaged_decision_that_was_overruled_is_set_aside_and_the_later_one_counts(place: Path) -> None:
    Index(".").decide("shop/0.png", "shop/1.png", "same", note="in the end")
    changed("UPDATE decisions SET verdict = 'kin' WHERE id = 1")
    healed()
    assert [row["verdict"] for row in set_aside("decisions")] == ["kin"]
    assert decided() == [("same", "in the end")]


def test_a_damaged_date_does_not_let_an_older_decision_count_again(place: Path) -> None:
    """The newest by its place in the ledger is no longer the newest by its date."""
    Index(".").decide("shop/0.png", "shop/1.png", "same")
    changed("UPDATE decisions SET decided_at = '1970-01-01T00:00:00+00:00' WHERE id = 2")
    healed()
    assert [verdict for verdict, _ in decided()] == ["different", None]


def test_a_decision_whose_pair_is_damaged_is_set_aside_alone(place: Path) -> None:
    changed("UPDATE decisions SET first_sha256 = 'no bytes'")
    healed()
    assert [row["first_sha256"] for row in set_aside("decisions")] == ["no bytes"]
    assert decided() == []


def test_damaged_listings_are_set_aside_and_the_others_stay(place: Path) -> None:
    for seed in (2, 3):
        assert run(["list", "add", "fraud", f"shop/{seed}.png", "--note", f"of {seed}"]) == 0
    changed("UPDATE listings SET note = 'other' WHERE id = 1")
    done = healed()
    said = [line for line in done if "aside" in line]
    assert not any("listing-damaged" in line for line in done), "they are kept, not dropped"
    assert said[0].startswith("set 1 damaged listings aside in listings-set-aside-")
    assert said[0].endswith("; list these pictures again")
    assert [(row["id"], row["note"]) for row in set_aside("listings")] == [(1, "other")]
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        assert database.execute("SELECT id, note FROM listings").fetchall() == [(2, "of 3")]
