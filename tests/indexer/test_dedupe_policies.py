"""What `index dedupe --policy` does with files, and that all of it can be undone."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from indexer import Index
from indexer.durable import writer_lock
from indexer.store import open_store
from indexer.tables import Disposal
from tests.conftest import Command
from tests.indexer.test_verify import altered, page
from tests.pictures import picture, save

NEAR = ("-t", "0.6", "--json")
HOSTILE = [
    b"-rf.png",
    b'it\'s "one".png',
    b"two\nlines $(touch pwned).png",
    b"\xff\xfe.png",
    b"back\\slash `x`.png",
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """An index over a picture with a copy, an altered copy and the same bytes again, and one with hostile names."""
    folder = tmp_path_factory.mktemp("shop")
    shop = folder / "shop"
    shop.mkdir()
    page(1).save(shop / "best.png")
    page(1).resize((360, 270)).save(shop / "copy.jpg", quality=85)
    altered(shop / "best.png", shop / "forged.jpg")
    shutil.copy(shop / "best.png", shop / "same.png")
    save(shop / "other.png", 3)
    (shop / "names").mkdir()
    for name in [b"q.png", *HOSTILE]:
        picture(5).save(shop / "names/q.png") if name == b"q.png" else shutil.copy(
            shop / "names/q.png", os.path.join(os.fsencode(shop / "names"), name)
        )
    Index(folder, encoder=str(tiny_encoder), jobs=1).build(shop)
    return folder


@pytest.fixture
def shop(workplace: Path, original: Path) -> Path:
    """The same index and files, in the workplace: paths are stored relative to the store."""
    shutil.copytree(original, workplace, dirs_exist_ok=True)
    return workplace / "shop"


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def names(entries: list[dict[str, str]]) -> set[str]:
    return {Path(entry["path"]).name for entry in entries}


def test_trash_moves_what_is_beyond_doubt_and_undo_brings_the_same_tree_back(
    index: Command, shop: Path
) -> None:
    before = tree(shop)
    dry = index("dedupe", *NEAR, "--policy", "trash", "--dry-run").json()
    assert dry["run"] is None
    assert "same.png" in names(dry["disposal"]["disposed"])
    assert tree(shop) == before
    assert not Path(".index/trash").exists()

    report = index("dedupe", *NEAR, "--policy", "trash").json()
    moved = names(report["disposal"]["disposed"])
    assert moved == {"same.png", *(os.fsdecode(name) for name in HOSTILE)}
    reasons = {Path(e["path"]).name: e["reason"] for e in report["disposal"]["skipped"]}
    assert reasons.keys() >= {"copy.jpg", "forged.jpg"}
    assert "likeness alone" in reasons["copy.jpg"]
    assert (shop / "best.png").exists()
    assert (shop / "names/q.png").exists()
    lying = {p.name for p in Path(".index/trash", report["run"]).rglob("*") if p.is_file()}
    assert lying == moved
    assert all(Path(e["to"]).exists() for e in report["disposal"]["disposed"])

    undone = index("dedupe", "--undo", "last", "--json").json()
    assert (undone["run"], names([{"path": p} for p in undone["restored"]])) == (report["run"], moved)
    assert tree(shop) == before
    assert list(Path(".index/trash").iterdir()) == []
    assert index("check").out.startswith("sound")
    assert index("dedupe", "--undo", report["run"]).code == 2


def test_verification_tells_copies_from_altered_ones_and_altered_ones_are_never_touched(
    index: Command, shop: Path
) -> None:
    pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")
    page(2).save(shop / "unlike.png")
    index("build")
    report = index("dedupe", "-t", "-0.5", "--verify", "--json", "--policy", "trash").json()
    group = next(g for g in report["groups"] if Path(g["keep"]).name == "best.png")
    verdicts = {Path(m["path"]).name: m["verdict"] for m in group["members"]}
    assert verdicts == {"same.png": "identical", "copy.jpg": "copy", "forged.jpg": "altered"}
    assert report["rejected_by_verification"] > 0
    assert all(m["reason"] for m in group["members"])
    assert {"same.png", "copy.jpg"} < names(report["disposal"]["disposed"])
    assert (shop / "forged.jpg").exists()
    assert {"path": os.path.relpath(shop / "forged.jpg"), "reason": "it is altered"} in report["disposal"][
        "skipped"
    ]


def test_pixels_find_copies_below_the_threshold_that_stand_out_and_nothing_else(
    index: Command, shop: Path
) -> None:
    pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")
    page(2).save(shop / "unlike.png")
    index("build")
    by_score = index("dedupe", "-t", "1", "--json").json()
    verified = index("dedupe", "-t", "1", "--verify", "--json").json()

    def members(report: dict[str, Any], keep: str) -> dict[str, str]:
        groups = [group for group in report["groups"] if Path(group["keep"]).name == keep]
        return {Path(m["path"]).name: m["verdict"] for group in groups for m in group["members"]}

    assert members(by_score, "best.png") == {"same.png": "identical"}
    assert by_score["proposed"] == 0
    assert members(verified, "best.png") == {
        "same.png": "identical",
        "copy.jpg": "copy",
        "forged.jpg": "altered",
    }
    assert verified["proposed"] == 2  # best and copy, best and forged; so that copy and forged need no look
    assert verified["pairs"] == by_score["pairs"]
    assert {
        m for group in verified["groups"] for m in members(verified, Path(group["keep"]).name)
    }.isdisjoint({"unlike.png", "other.png"})


def test_members_of_a_group_whose_kept_file_cannot_be_seen_are_not_verified_nor_touched(
    index: Command, shop: Path
) -> None:
    pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")
    (shop / "best.png").unlink()
    before = tree(shop)
    report = index("dedupe", *NEAR, "--verify", "--policy", "trash").json()
    group = next(g for g in report["groups"] if Path(g["keep"]).name == "best.png")
    told = {Path(m["path"]).name: (m["verdict"], m["reason"]) for m in group["members"]}
    assert told.pop("same.png") == ("identical", "the same bytes")
    assert told.keys() == {"copy.jpg", "forged.jpg"}
    assert {verdict for verdict, _ in told.values()} == {None}
    assert all(reason.startswith("not verified: the kept file is vanished") for _, reason in told.values())
    assert report["unverified"] == 2
    assert names(report["disposal"]["disposed"]) == {os.fsdecode(name) for name in HOSTILE}
    assert {name for name in before if name not in tree(shop)} == {
        f"names/{os.fsdecode(name)}" for name in HOSTILE
    }


def test_what_stands_out_below_the_threshold_is_not_grouped_unseen(index: Command, shop: Path) -> None:
    pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")
    (shop / "copy.jpg").write_bytes(b"no picture any more")

    def members(*arguments: str) -> dict[str, Any]:
        report = index("dedupe", *arguments, "--verify", "--json").json()
        group = next(g for g in report["groups"] if Path(g["keep"]).name == "best.png")
        return {Path(m["path"]).name: m["verdict"] for m in group["members"]}

    assert members("-t", "1") == {"same.png": "identical", "forged.jpg": "altered"}
    assert members("-t", "0.6")["copy.jpg"] is None  # its score speaks for it


def test_what_a_chain_of_decisions_makes_a_copy_is_moved_and_says_so(index: Command, shop: Path) -> None:
    for a, b in (("best.png", "copy.jpg"), ("copy.jpg", "forged.jpg")):
        assert index("decide", shop / a, shop / b, "same").code == 0
    report = index("dedupe", "-t", "1", "--policy", "trash", "--dry-run", "--json").json()
    group = next(g for g in report["groups"] if Path(g["keep"]).name == "best.png")
    told = {Path(m["path"]).name: (m["verdict"], m["reason"]) for m in group["members"]}
    assert told == {
        "same.png": ("identical", "the same bytes"),
        "copy.jpg": ("copy", "decided same"),
        "forged.jpg": ("copy", "decided same as another copy of the kept file"),
    }
    assert {"copy.jpg", "forged.jpg"} < names(report["disposal"]["disposed"])


def test_what_was_decided_of_a_picture_outside_the_index_changes_nothing_in_it(
    index: Command, shop: Path
) -> None:
    before = index("dedupe", *NEAR).json()
    outside = save(shop.parent / "outside.png", 4)
    for name, verdict in (("best.png", "same"), ("copy.jpg", "different")):
        assert index("decide", outside, shop / name, verdict).code == 0
    after = index("dedupe", *NEAR).json()
    assert after | {"seconds": 0} == before | {"seconds": 0}


def test_hard_links_replace_only_the_same_bytes_and_become_files_of_their_own_again(
    index: Command, shop: Path
) -> None:
    before = {name: content for name, (content, _) in tree(shop).items()}
    report = index("dedupe", *NEAR, "--policy", "hardlink").json()
    assert names(report["disposal"]["disposed"]) == {"same.png", *(os.fsdecode(name) for name in HOSTILE)}
    assert (shop / "same.png").samefile(shop / "best.png")
    again = index("dedupe", *NEAR, "--policy", "hardlink").json()
    assert again["run"] is None
    assert again["wasted_bytes"] == sum((shop / name).stat().st_size for name in ("copy.jpg", "forged.jpg"))
    assert index("dedupe", "--undo", "last").code == 0
    assert not (shop / "same.png").samefile(shop / "best.png")
    assert all(path.stat().st_nlink == 1 for path in shop.rglob("*") if path.is_file())
    assert {name: content for name, (content, _) in tree(shop).items()} == before


def test_a_file_is_left_alone_unless_it_and_the_kept_one_are_what_was_compared(
    index: Command, shop: Path
) -> None:
    (shop / "best.png").write_bytes(b"something else")
    (shop / "names/-rf.png").write_bytes(b"edited")
    (shop / "names/back\\slash `x`.png").unlink()
    (linked := shop / "names" / os.fsdecode(HOSTILE[3])).unlink()
    linked.symlink_to("q.png")
    before = tree(shop)
    report = index("dedupe", *NEAR, "--policy", "trash").json()
    reasons = {Path(e["path"]).name: e["reason"] for e in report["disposal"]["skipped"]}
    assert "best.png changed since it was indexed" in reasons["same.png"]
    assert reasons["-rf.png"] == "it changed since it was indexed"
    assert reasons["back\\slash `x`.png"] == "it is gone"
    assert reasons[linked.name] == "it is not a plain file"
    assert (shop / "same.png").exists()
    assert linked.is_symlink()
    index("dedupe", "--undo", "last")
    assert tree(shop) == before


def test_undo_never_writes_over_what_came_to_be_there(index: Command, shop: Path) -> None:
    run = index("dedupe", *NEAR, "--policy", "trash").json()["run"]
    (shop / "same.png").write_bytes(b"new")
    shutil.rmtree(shop / "names")
    answer = index("dedupe", "--undo", run, "--json")
    assert answer.code == 3
    (left,) = answer.json()["left"]
    assert Path(left["path"]).name == "same.png"
    assert (shop / "same.png").read_bytes() == b"new"
    assert len(list((shop / "names").iterdir())) == len(HOSTILE)
    told = index("dedupe", "--undo", run)
    assert (told.code, told.out) == (3, "")
    assert f"not brought back: {left['path']}: {left['reason']}" in told.err
    (shop / "same.png").unlink()
    assert index("dedupe", "--undo", run).code == 0
    assert (shop / "same.png").read_bytes() == (shop / "best.png").read_bytes()


def test_undo_names_what_is_not_in_the_trash_as_it_was_moved_there_and_brings_back_the_rest(
    index: Command, shop: Path
) -> None:
    report = index("dedupe", *NEAR, "--policy", "trash").json()
    lies = {Path(entry["path"]).name: Path(entry["to"]) for entry in report["disposal"]["disposed"]}
    lies["same.png"].unlink()
    (shop / "same.png").write_bytes(b"new")
    lies["-rf.png"].write_bytes(b"not what was moved")
    answer = index("dedupe", "--undo", "last", "--json")
    assert answer.code == 3
    left = {Path(entry["path"]).name: entry["reason"] for entry in answer.json()["left"]}
    assert left.keys() == {"same.png", "-rf.png"}
    assert "not in the trash any more" in left["same.png"]
    assert "is not what was moved there" in left["-rf.png"]
    assert lies["-rf.png"].read_bytes() == b"not what was moved"
    assert not (shop / "names/-rf.png").exists()
    assert (shop / "same.png").read_bytes() == b"new"
    assert len(answer.json()["restored"]) == len(HOSTILE) - 1


def test_undo_makes_no_file_of_a_link_that_is_gone_or_whose_content_changed(
    index: Command, shop: Path
) -> None:
    index("dedupe", *NEAR, "--policy", "hardlink")
    (shop / "same.png").unlink()
    with (shop / "names/-rf.png").open("ab") as link:
        link.write(b"edited in place")
    answer = index("dedupe", "--undo", "last", "--json")
    assert answer.code == 3
    left = {Path(entry["path"]).name: entry["reason"] for entry in answer.json()["left"]}
    assert left.pop("same.png") == "the link is gone"
    assert left.keys() == {os.fsdecode(name) for name in HOSTILE}  # they are all one file, the kept one
    assert set(left.values()) == {"it was changed since it became a link, and the kept file with it"}
    assert (shop / "names/-rf.png").samefile(shop / "names/q.png")
    assert not (shop / "same.png").exists()


def test_the_script_moves_hostile_names_when_it_is_run_and_nothing_before(index: Command, shop: Path) -> None:
    before = tree(shop)
    command = [sys.executable, "-m", "indexer", "dedupe", "-t", "0.6", "--policy", "script", "--quiet"]
    script = subprocess.run(command, capture_output=True, check=True).stdout
    document = index("dedupe", "-t", "0.6", "--policy", "script", "--json").json()
    told, printed = (
        re.sub(rb"/trash/[^/]+/", b"/trash/RUN/", one) for one in (os.fsencode(document["script"]), script)
    )
    assert told == printed
    assert tree(shop) == before
    done = subprocess.run(["sh"], input=script, capture_output=True, check=True)
    assert done.stderr == b""
    after = tree(shop)
    assert set(before) - set(after) == {"same.png", *(f"names/{os.fsdecode(name)}" for name in HOSTILE)}
    assert not list(shop.parent.rglob("pwned"))
    trashed = {p.name: p.read_bytes() for p in Path(".index/trash").rglob("*") if p.is_file()}
    assert trashed == {Path(name).name: before[name][0] for name in set(before) - set(after)}
    assert (
        subprocess.run(["sh"], input=script, capture_output=True, check=True).stderr.count(b"left alone") == 6
    )


def test_a_trash_that_files_cannot_be_moved_to_in_one_step_is_refused(index: Command, shop: Path) -> None:
    before = tree(shop)
    elsewhere = Path("/dev/shm")
    if elsewhere.is_dir() and elsewhere.stat().st_dev != shop.stat().st_dev:
        refused = index("dedupe", *NEAR, "--policy", "trash", "--trash", elsewhere / "trash of a test")
        assert refused.code == 2
        assert "another file system" in refused.err
    inside = index("dedupe", *NEAR, "--policy", "trash", "--trash", shop / "away")
    assert inside.code == 2
    assert "inside the catalogue" in inside.err
    assert tree(shop) == before
    assert index("dedupe", *NEAR, "--policy", "trash", "--trash", "away").json()["run"]
    assert any(Path("away").rglob("same.png"))
    assert index("dedupe", "--dry-run").code == 2


def test_a_file_on_another_file_system_than_the_kept_one_becomes_no_link(index: Command, shop: Path) -> None:
    if not (memory := Path("/dev/shm")).is_dir() or memory.stat().st_dev == shop.stat().st_dev:
        pytest.skip("needs a second file system")
    with tempfile.TemporaryDirectory(dir=memory) as elsewhere:
        away = Path(shutil.copy(shop / "best.png", elsewhere))
        index("build", elsewhere)
        disposal = index("dedupe", *NEAR, "--policy", "hardlink").json()["disposal"]
        reasons = {Path(entry["path"]): entry["reason"] for entry in disposal["skipped"]}
        assert reasons[away] == "it lies on another file system than the kept file"
        assert "same.png" in names(disposal["disposed"])
        assert away.stat().st_nlink == 1


def test_two_runs_at_once_are_refused(index: Command, shop: Path) -> None:
    with writer_lock(Path(".index/lock")):
        assert index("dedupe", *NEAR, "--policy", "trash").code == 11
        assert index("dedupe", "--undo", "last").code == 11
    assert (shop / "same.png").exists()


def test_check_names_what_a_killed_run_was_at_and_repair_settles_it(index: Command, shop: Path) -> None:
    index("dedupe", *NEAR, "--policy", "trash")
    index("build")
    store = open_store(Path(".index"))
    with store.database.writing() as connection:
        connection.execute(update(Disposal).values(state="planned"))
    findings = index("check", "--json").json()["findings"]
    assert {finding["kind"] for finding in findings} == {"disposal-unfinished"}
    assert len(findings) == 1 + len(HOSTILE)
    told = index("check", "--repair")
    assert told.code == 0
    assert told.out.count("was moved or linked") == len(findings)
    assert index("check").out.startswith("sound")
    assert index("dedupe", "--undo", "last").code == 0
    assert (shop / "same.png").exists()


def test_a_damaged_row_of_what_was_done_is_refused_and_named_by_check(index: Command, shop: Path) -> None:
    index("dedupe", *NEAR, "--policy", "trash")
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute("UPDATE disposals SET path = 5, state = 'planned'")
    refused = index("dedupe", "--undo", "last")
    assert (refused.code, "Traceback" in refused.err) == (12, False)
    assert "table disposals" in index("check").out
