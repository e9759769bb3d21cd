"""`index nightly`: what is new is reported once, and never again."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from indexer import durable
from tests.conftest import Answer, Command
from tests.pictures import picture, save
from tests.tiny_encoder import write_tiny_encoder

Night = Callable[..., dict]


@pytest.fixture
def shop(workplace: Path) -> Path:
    """Six pictures of two sellers."""
    for seed in range(6):
        save(workplace / "shop" / ("ann", "bob")[seed % 2] / f"{seed}.png", seed)
    return workplace / "shop"


@pytest.fixture
def night(index: Command, shop: Path) -> Night:
    """Run a night over the shop and return its report."""

    def run(*options: object) -> dict:
        answer = index("nightly", shop, "-t", "0.95", *options, "--json")
        assert answer.code in {0, 3}, answer.err
        return answer.json()

    return run


def copy_of(original: Path, target: Path) -> Path:
    """Write the picture at half its size: a copy of other bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(original) as opened:
        opened.resize((opened.width // 2, opened.height // 2)).save(target)
    return target


def pairs(report: dict) -> set[frozenset[str]]:
    return {frozenset({Path(e["path"]).name, Path(e["with"]).name}) for e in report["queue"]}


def test_a_night_tells_of_what_came_since_the_last_one(night: Night, shop: Path) -> None:
    first = night()
    assert (first["night"], len(first["new"]), first["found"], first["removed"]) == (1, 6, 0, 0)
    copy_of(shop / "ann/0.png", shop / "bob/copy.png")
    (shop / "bob/5.png").unlink()
    (shop / "bob/broken.png").write_text("no picture")
    second = night()
    assert [Path(entry["path"]).name for entry in second["new"]] == ["copy.png"]
    assert [entry["source"] for entry in second["new"]] == ["shop/bob"]
    assert (second["removed"], second["duplicates"], len(second["rejected"])) == (1, 1, 1)
    (entry,) = second["queue"]
    assert (Path(entry["path"]).name, Path(entry["with"]).name) == ("copy.png", "0.png")
    assert entry["wasted_bytes"] == (shop / "bob/copy.png").stat().st_size
    folder = Path(second["folder"])
    assert json.loads((folder / "report.json").read_text()) == second
    assert "1. duplicate" in (folder / "report.html").read_text()
    third = night()
    assert (third["new"], third["removed"], third["rejected"], third["found"]) == ([], 0, [], 0)


def test_nothing_is_told_twice_whatever_becomes_of_the_files(
    night: Night, index: Command, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_of(shop / "ann/0.png", shop / "bob/copy.png")
    shutil.copy2(shop / "ann/2.png", shop / "bob/same.png")
    assert pairs(night()) == {frozenset({"copy.png", "0.png"}), frozenset({"2.png", "same.png"})}
    (shop / "bob/copy.png").rename(shop / "ann/renamed.png")
    assert night()["queue"] == []
    away = shop.with_name("away.png")
    (shop / "ann/renamed.png").rename(away)
    assert night()["removed"] == 1
    away.rename(shop / "bob/back.png")
    again = night()
    assert (len(again["new"]), again["queue"]) == (1, [])
    monkeypatch.setenv("INDEX_ENCODER", str(write_tiny_encoder(shop.parent / "other", seed=1)))
    assert night()["found"] == 0
    assert index("build").code == 0
    assert index("check", "--repair").code == 0
    assert night()["found"] == 0


def test_bytes_that_come_again_in_another_place_are_told_once(night: Night, shop: Path) -> None:
    night()
    shutil.copy2(shop / "ann/0.png", shop / "bob/again.png")
    (entry,) = night()["queue"]
    assert (entry["verdict"], Path(entry["path"]).name, Path(entry["with"]).name) == (
        "identical",
        "0.png",
        "again.png",
    )
    assert entry["wasted_bytes"] == (shop / "ann/0.png").stat().st_size
    shutil.copy2(shop / "ann/0.png", shop / "bob/once-more.png")
    assert night()["found"] == 0


def test_what_was_decided_is_no_news(night: Night, index: Command, shop: Path) -> None:
    night()
    copy = copy_of(shop / "ann/0.png", shop / "bob/copy.png")
    assert index("decide", shop / "ann/0.png", copy, "different").code == 0
    assert night()["found"] == 0


def test_a_build_by_hand_or_dedupe_new_takes_nothing_from_the_night(
    night: Night, index: Command, shop: Path
) -> None:
    night()
    copy_of(shop / "ann/0.png", shop / "bob/copy.png")
    assert index("build").code == 0
    assert len(index("dedupe", "--new", "-t", "0.95", "--json").json()["groups"]) == 1
    report = night()
    assert (len(report["new"]), report["duplicates"]) == (1, 1)


def test_the_log_line_and_the_exit_codes(index: Command, shop: Path) -> None:
    assert index("nightly").code == 10
    assert index("nightly", "nowhere").code == 2
    assert not Path(".index").exists()
    answer = index("nightly", shop, "-t", "0.95", "--fail-on-found", "-q")
    line = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ night 1: 6 new, 0 removed, 0 rejected, 0 new duplicate pairs, 0 alerts, \d+\.\d s\n"
    assert (answer.code, bool(re.fullmatch(line, answer.out)), answer.err) == (0, True, ""), answer.out
    copy_of(shop / "ann/0.png", shop / "bob/copy.png")
    (shop / "broken.png").write_text("no picture")
    answer = index("nightly", "-t", "0.95", "--fail-on-found")
    assert answer.code == 4
    assert "night 2: 1 new, 0 removed, 1 rejected, 1 new duplicate pair, 0 alerts" in answer.out
    (shop / "broken2.png").write_text("no picture either")
    assert index("nightly").code == 3
    assert index("nightly", "--fail-on-found").code == 0


def test_a_source_that_brings_too_much_waits_in_quarantine(night: Night, index: Command, shop: Path) -> None:
    night()
    copy_of(shop / "ann/0.png", shop / "bob/copy.png")
    for seed in (1, 2, 3):
        copy_of(shop / ("ann", "bob")[seed % 2] / f"{seed}.png", shop / f"mallory/{seed}.png")
    report = night("--flood", 2)
    assert report["flood"] == [{"source": "shop/mallory", "findings": 3}]
    assert (report["found"], report["in_quarantine"], len(report["queue"])) == (4, 3, 1)
    assert night("--flood", 2)["found"] == 0
    waiting = index("nightly", "--show-quarantine", "--json").json()["findings"]
    assert {entry["source"] for entry in waiting} == {"shop/mallory"}
    assert index("nightly", "--release", "shop/eve").code == 2
    assert index("nightly", "--release", "shop/mallory", "--json").json()["findings"] == waiting
    assert index("nightly", "--show-quarantine", "--json").json() == {"findings": []}
    assert night()["found"] == 0


def test_a_source_may_be_an_attribute(index: Command, shop: Path) -> None:
    rows = [f"{shop}/ann/{seed}.png,x,s{seed}" for seed in (0, 2, 4)]
    Path("labels.csv").write_text("\n".join(["path,label,seller", *rows]))
    assert index("build", shop, "--labels", "labels.csv").code == 0
    new = index("nightly", "--source", "seller", "--json").json()["new"]
    assert [entry["source"] for entry in new] == ["s0", "s2", "s4", "shop/bob", "shop/bob", "shop/bob"]
    assert index("nightly", "--source", "sender").code == 2


def test_the_queue_has_the_most_valuable_first_and_only_so_many_reports_stay(
    night: Night, shop: Path
) -> None:
    copy_of(shop / "ann/0.png", shop / "bob/copy.png")
    shutil.copy2(shop / "ann/2.png", shop / "bob/same.png")
    page = shop.parent / "tonight.html"
    report = night("--html", page)
    assert [entry["verdict"] for entry in report["queue"]] == ["identical", None]
    assert page.read_text() == (Path(report["folder"]) / "report.html").read_text()
    night()
    night("--keep", 2)
    assert sorted(path.name for path in Path(".index/nights").iterdir()) == ["000002", "000003"]


def test_two_nights_at_once_are_refused(night: Night, index: Command, shop: Path) -> None:
    night()
    with durable.writer_lock(Path(".index/nightly.lock")):
        answer = index("nightly")
        assert (answer.code, answer.out) == (11, "")
        assert index("query", shop / "ann/0.png").code == 0


@pytest.mark.parametrize(("table", "change"), [("nights", "item_count = 5"), ("findings", "score = 0.5")])
def test_a_row_that_is_not_what_was_written_is_refused_and_mended(
    night: Night, index: Command, shop: Path, table: str, change: str
) -> None:
    copy_of(shop / "ann/0.png", shop / "bob/copy.png")
    night()
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute(f"UPDATE {table} SET {change}")
    refused: Answer = index("nightly", "-t", "0.95")
    # Tonight nothing is compared that the damaged finding is about: only a check sees it.
    assert refused.code == (12 if table == "nights" else 0)
    assert index("check").code == 12
    assert index("check", "--repair").code == 0
    assert night()["night"] == (2 if table == "nights" else 3)


def test_what_the_ledger_says_of_tonights_findings_is_not_believed_unless_it_is_what_was_written(
    night: Night, index: Command, shop: Path
) -> None:
    shutil.copy2(shop / "ann/0.png", shop / "bob/again.png")
    assert night()["found"] == 1
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute("UPDATE findings SET score = 0.5")
    refused = index("nightly", "-t", "0.95")
    assert (refused.code, refused.out) == (12, "")
    assert "table findings is not what was written" in refused.err
    assert [path.name for path in Path(".index/nights").iterdir()] == ["000001"]


def test_a_new_picture_of_no_resemblance_is_new_and_no_finding(night: Night, shop: Path) -> None:
    night()
    picture(99).save(shop / "other.png")
    report = night()
    assert (report["new"][0]["source"], report["found"]) == ("shop", 0)


def test_new_pictures_are_screened_by_what_the_user_said(
    night: Night, index: Command, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night()
    copies = [copy_of(shop / "ann/0.png", shop / "bob/theirs.png")]
    copies += [copy_of(shop / "ann/2.png", shop / "ann/own.png")]
    rows = [f"{path},x,{path.parent.name}" for path in [*copies, *shop.glob("*/?.png")]]
    Path("labels.csv").write_text("\n".join(["path,label,seller", *rows]))
    assert index("build", shop, "--labels", "labels.csv").code == 0
    monkeypatch.setenv("INDEX_SCREEN_OWNER", "seller")
    report = night("--source", "seller")
    assert [(entry["kind"], entry["verdict"], entry["source"]) for entry in report["queue"]] == [
        ("reused", "review", "bob"),
        ("duplicate", None, "ann"),
    ]
    assert (report["alerts"], report["duplicates"]) == (1, 1)
    assert index("list", "add", "fraud", shop / "bob/1.png", "--note", "seen before").code == 0
    copy_of(shop / "bob/1.png", shop / "bob/again.png")
    report = night()
    assert [entry["kind"] for entry in report["queue"]] == ["known-fraud"]
    assert night()["found"] == 0


def test_a_picture_that_was_listed_as_fraud_before_its_first_night_is_told_of_alone(
    night: Night, index: Command, shop: Path
) -> None:
    night()
    known = save(shop / "bob/known.png", 99)
    assert index("build").code == 0
    assert index("list", "add", "fraud", known).code == 0
    (entry,) = night("--html", "page.html")["queue"]
    assert (entry["kind"], entry["verdict"], Path(entry["path"]).name) == (
        "known-fraud",
        "reject",
        "known.png",
    )
    assert (entry["with"], entry["with_sha256"]) == (None, None)
    page = Path("page.html").read_text()
    section = page[page.index("1. known-fraud reject") :].partition("</section>")[0]
    assert section.count("data:image/jpeg") == 1
    assert night()["found"] == 0


def test_with_verify_pixels_decide(night: Night, shop: Path) -> None:
    pytest.importorskip("cv2")
    picture(50, (400, 300)).save(shop / "ann/large.png")
    night()
    copy_of(shop / "ann/large.png", shop / "bob/copy.png")
    (entry,) = night("--verify")["queue"]
    assert (entry["kind"], entry["verdict"]) == ("duplicate", "copy")
