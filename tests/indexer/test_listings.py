"""Lists of pictures: what is on one stays on it until it is switched off, and is never just gone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from indexer.commands.list import LISTS
from indexer.listings import ListName, add_listings, read_listings, show_listings, switch_off
from indexer.store import Store
from tests.conftest import Command
from tests.pictures import save


@pytest.fixture
def pictures(index: Command, workplace: Path) -> list[Path]:
    """Three pictures of two labels in an index, with ``c/5.png``, which has none, and one picture beside it."""
    paths = [
        save(workplace / "c" / f"{label}/{seed}.png", seed) for label, seed in (("a", 1), ("a", 2), ("b", 3))
    ]
    save(workplace / "c/5.png", 5)
    assert index("build", "c").code == 0
    return [*paths, save(workplace / "outside.png", 4)]


def active(store: Store) -> list[tuple[str, str | None]]:
    with store.database.reading() as connection:
        return [(row.list, row.label) for row in read_listings(connection)]


def test_the_lists_of_the_help_are_those_that_there_are() -> None:
    assert tuple(ListName) == LISTS


def test_a_genuine_picture_is_of_its_label_or_of_the_one_that_is_named(pictures: list[Path]) -> None:
    store = Store(Path(".index"))
    add_listings(store, "genuine", pictures[:1])
    add_listings(store, "genuine", pictures[1:2], "c")
    add_listings(store, "fraud", pictures[2:3], note="case 7")
    assert active(store) == [("genuine", "a"), ("genuine", "c"), ("fraud", None)]
    assert add_listings(store, "fraud", pictures[2:3])[0].note == "case 7"  # it is on it already
    assert len(show_listings(store)) == 3


def test_a_listing_that_is_switched_off_stays_as_a_row_and_can_be_made_anew(
    index: Command, pictures: list[Path]
) -> None:
    assert index("list", "add", "fraud", *pictures[:2], "--note", "seen before").code == 0
    off = index("list", "off", "1", "--json").json()["listings"]
    assert [(row["id"], row["active"], row["note"]) for row in off] == [(1, False, "seen before")]
    assert index("list", "off", pictures[1]).code == 0
    assert index("list", "add", "fraud", pictures[0]).code == 0
    shown = index("list", "show", "--json").json()["listings"]
    assert [(row["id"], row["active"]) for row in shown] == [(1, False), (2, False), (3, True)]
    assert Path(shown[0]["path"]) == Path("c/a/1.png")


def test_a_listing_follows_its_content_and_stays_when_the_content_leaves(
    index: Command, pictures: list[Path]
) -> None:
    index("list", "add", "benign", pictures[0])
    pictures[0].rename(moved := pictures[0].with_name("moved.png"))
    index("build")
    assert Path(index("list", "show", "--json").json()["listings"][0]["path"]) == Path("c/a/moved.png")
    moved.unlink()
    index("build")
    row = index("list", "show", "--json").json()["listings"][0]
    assert (row["path"], row["active"], len(row["sha256"])) == (None, True, 64)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "fraud", "outside.png"), "build its folder first"),
        (("add", "fraud", "c/a/1.png", "outside.png"), "does not hold outside.png"),
        (("add", "fraud", "c/a/1.png", "--label", "a"), "--label"),
        (("add", "genuine", "c/a/1.png", "c/5.png"), "c/5.png has no label in the index"),
        (("add", "fraud", "nowhere.png"), "no file nowhere.png"),
        (("add", "stolen", "c/a/1.png"), "stolen"),
        (("off", "outside.png"), "on no list"),
        (("off", "12"), "no file 12"),
    ],
)
def test_what_cannot_be_listed_is_refused_and_nothing_is_written(
    index: Command, pictures: list[Path], arguments: tuple[str, ...], says: str
) -> None:
    answer = index("list", *arguments)
    assert answer.code == 2
    assert says in answer.err
    assert show_listings(Store(Path(".index"))) == []


def test_a_row_that_is_not_what_was_written_is_no_answer_and_a_repair_sets_it_aside(
    index: Command, pictures: list[Path]
) -> None:
    index("list", "add", "fraud", *pictures[:2])
    with sqlite3.connect(".index/catalog.db") as connection:
        connection.execute("UPDATE listings SET list = 'benign' WHERE id = 1")
    connection.close()
    assert index("list", "show").code == 12
    assert index("screen", pictures[3]).code == 12
    assert "listing-damaged" in index("check").out
    repaired = index("check", "--repair")
    assert repaired.code == 0, repaired.out + repaired.err
    assert [row.id for row in show_listings(Store(Path(".index")))] == [2]
    aside = list(Path(".index").glob("listings-set-aside-*.jsonl"))
    assert '"list": "benign"' in aside[0].read_text()


def test_a_file_whose_row_is_not_what_was_written_is_put_on_no_list(
    index: Command, pictures: list[Path]
) -> None:
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute("UPDATE files SET label = 'b' WHERE label = 'a'")
    answer = index("list", "add", "genuine", pictures[2], pictures[0])
    assert answer.code == 12
    assert "table files is not what was written" in answer.err
    assert show_listings(Store(Path(".index"))) == []


def test_switching_off_twice_says_that_there_is_nothing_to_switch(pictures: list[Path]) -> None:
    store = Store(Path(".index"))
    add_listings(store, "benign", pictures[:1])
    assert [row.active for row in switch_off(store, "1")] == [False]
    assert active(store) == []
