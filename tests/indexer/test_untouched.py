"""A build of what is as it was reads no rows, and says the same as one that does; anything that differs is seen."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from indexer import Index, survey, untouched
from indexer.plan import Plan
from tests.indexer.shop import PICTURES, changed
from tests.pictures import save

BROKEN = Path("shop/broken.png")


@pytest.fixture
def plans(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[Plan | None]:
    """What each build from here on takes the catalogue for: a plan where it is untouched, else None."""
    BROKEN.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    Path("shop/nowhere.png").symlink_to("nothing")
    build()
    seen: list[Plan | None] = []

    def watched(*arguments: object) -> Plan | None:
        seen.append(untouched.untouched_plan(*arguments))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(survey, "untouched_plan", watched)
    return seen


def build(**settings: object) -> dict[str, object]:
    with Index(".", encoder="encoder", jobs=1, **settings) as index:  # type: ignore[arg-type]
        report = index.build("shop").to_dict()
    del report["seconds"]
    return report


def test_an_untouched_catalogue_gets_the_report_of_a_build_that_looks_at_every_row(
    plans: list[Plan | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = build()
    assert [(plan.untouched, plan.known) for plan in plans if plan] == [(PICTURES, {})]
    assert [entry["reason"] for entry in at_once["rejected"]] == ["damaged", "link-broken"]  # type: ignore[attr-defined]
    monkeypatch.setattr(survey, "untouched_plan", lambda *_: None)
    assert build() == at_once
    assert (at_once["found"], at_once["unchanged"]) == (PICTURES + 2, PICTURES)


def touch() -> None:
    os.utime("shop/2.png", ns=(1, 1))


def edit() -> None:
    state = Path("shop/2.png").stat()
    save(Path("shop/2.png"), 77)
    os.utime("shop/2.png", ns=(state.st_atime_ns, state.st_mtime_ns))


def lose_a_vector() -> None:
    changed("DELETE FROM embeddings WHERE item_id = 3")


DIFFERENCES: dict[str, Callable[[], object]] = {
    "a file that was touched": touch,
    "a file of another size": edit,
    "a new file": lambda: save(Path("shop/new.png"), 50),
    "a copy": lambda: shutil.copy("shop/1.png", "shop/copy.png"),
    "a file that is gone": lambda: Path("shop/3.png").unlink(),
    "a file that moved": lambda: Path("shop/3.png").rename("shop/moved.png"),
    "a rejected file that was mended": lambda: save(BROKEN, 60),
    "a rejected file whose reason may have passed": lambda: changed(
        "UPDATE rejections SET reason = 'too-large' WHERE reason = 'damaged'"
    ),
    "a vector that is lost": lose_a_vector,
    "a row of another catalogue": lambda: changed(
        "INSERT INTO catalogues SELECT 2, x'00', kind, exclude FROM catalogues",
        "UPDATE files SET catalogue_id = 2 WHERE item_id = 1",
    ),
}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_it_is_not_taken_for_untouched_where_there_is(difference: str, plans: list[Plan | None]) -> None:
    DIFFERENCES[difference]()
    build()
    assert plans == [None]


def test_vectors_of_contents_that_no_file_holds_do_not_stand_in_for_lost_ones(
    plans: list[Plan | None],
) -> None:
    """As a killed build leaves them: their number alone would say that all are there."""
    lose_a_vector()
    changed(
        "INSERT INTO items SELECT 99, x'99', size_bytes, width, height, format, checksum FROM items WHERE id = 3",
        "INSERT INTO embeddings SELECT encoder_id, space, 99, vector, checksum FROM embeddings WHERE item_id = 2",
    )
    build()
    assert plans == [None]
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        held = database.execute("SELECT count(*) FROM embeddings WHERE item_id = 3").fetchone()
    assert held[0] > 0


def test_a_rejection_that_was_added_meanwhile_is_taken_back(plans: list[Plan | None]) -> None:
    changed(
        "INSERT INTO rejections SELECT x'676f6e65', catalogue_id, 1, 1, reason, message FROM rejections LIMIT 1"
    )
    assert [entry["path"] for entry in build()["rejected"]] == [str(BROKEN), "shop/nowhere.png"]  # type: ignore[index]
    assert [plan and plan.untouched for plan in plans] == [PICTURES]
    build()
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        assert database.execute("SELECT count(*) FROM rejections").fetchone()[0] == 2
