"""`index calibrate`: thresholds with a stated error from lists, decisions and edited copies, and what uses them."""

import csv
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer import Index
from indexer.edits import EDITS, edited
from indexer.errors import StoreDamaged, UsageRefused
from indexer.known_pairs import deal
from indexer.pair_list import read_pair_list
from tests.conftest import Command
from tests.pictures import picture

RATE = 0.05


@pytest.fixture
def built(index: Command, catalogue: Path) -> Path:
    assert index("build", catalogue).code == 0
    return catalogue


@pytest.fixture
def pairs(built: Path) -> Path:
    """Each picture and a smaller copy of it outside the index; and each picture with some of the others."""
    pictures = sorted(built.rglob("*.jpg"))
    rows = []
    for number, path in enumerate(pictures):
        copy = Path(f"copies/{number}.png")
        copy.parent.mkdir(exist_ok=True)
        picture(100 * (number // 8) + number % 8).resize((64, 48)).save(copy)
        rows.append((path, copy, "same"))
        rows += [(path, other, "0") for other in pictures if other > path]
    with Path("pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("a", "b", "same"), *rows])
    return Path("pairs.csv")


def results(index: Command, *arguments: object) -> list[dict[str, Any]]:
    return index("query", *arguments, "--json").json()["queries"][0]["results"]  # type: ignore[no-any-return]


def test_a_list_of_pairs_sets_a_threshold_and_queries_get_probabilities(
    index: Command, built: Path, pairs: Path
) -> None:
    query = built / "bass/00.jpg"
    assert all(result["probability"] is None for result in results(index, query, "--space", "copy"))
    answer = index("calibrate", pairs, "--fpr", RATE, "--json")
    assert answer.code == 0, answer.err
    document = answer.json()
    assert (document["space"], document["source"], document["fpr"]) == ("copy", "pairs", RATE)
    assert document["interval"][1] <= RATE
    assert document["held_out"]["recall"] == 1
    assert document["held_out"]["recall_by_edit"].keys() == {"pair"}
    found = results(index, query, "--space", "copy")
    chances = [result["probability"] for result in found]
    assert chances == sorted(chances, reverse=True)
    assert 0 < chances[-1] < 0.5 < chances[0] < 1
    assert [r["probability"] for r in results(index, query, "--space", "copy", "--metric", "l2")] == chances
    assert all(result["probability"] is None for result in results(index, query, "--space", "object"))


def test_what_is_calibrated_decides_for_dedupe_and_gives_pairs_a_probability(
    index: Command, built: Path, pairs: Path
) -> None:
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'siamese-index[verify]'")
    picture(0).resize((64, 48)).save(built / "bass/copy.png")
    index("build", built)
    a, b = built / "bass/00.jpg", built / "bass/copy.png"
    before = index("dedupe", "--json").json()
    assert (before["threshold"], before["calibrated"]) == (0.9, False)
    assert index("verify", a, b, "--json").json()["probability"] is None
    threshold = index("calibrate", pairs, "--fpr", RATE, "--json").json()["threshold"]
    report = index("dedupe", "--json").json()
    assert (report["threshold"], report["calibrated"]) == (threshold, True)
    assert all(0 < member["probability"] <= 1 for group in report["groups"] for member in group["members"])
    assert index("dedupe", "-t", "0.95", "--json").json()["threshold"] == 0.95
    assert 0.5 < index("verify", a, b, "--json").json()["probability"] < 1


def test_edited_copies_calibrate_and_say_what_is_found_of_each_edit(index: Command, built: Path) -> None:
    answer = index("calibrate", "--synthetic", "--fpr", RATE, "--seed", 3, "--json")
    assert answer.code == 0, answer.err
    document = answer.json()
    assert (document["source"], document["pictures"], document["edited"]) == ("synthetic", 24, 24)
    assert document["held_out"]["recall_by_edit"].keys() <= {*EDITS, "two edits"}
    assert document["held_out"]["recall_by_edit"]["two edits"]["pairs"] == 12
    assert document["negatives"] <= 12 * 11 * 2
    again = index("calibrate", "--synthetic", "--fpr", RATE, "--seed", 3, "--json").json()
    assert again["threshold"] == pytest.approx(document["threshold"], abs=1e-6)


def test_edited_copies_calibrate_alike_however_the_index_came_about(
    index: Command, catalogue: Path, tmp_path: Path
) -> None:
    """Ids are given as pictures come in, and two builds of one catalogue give them in different orders."""
    said = []
    for number, first in enumerate(["bass", "ewer"]):
        store = tmp_path / f"store-{number}"
        for part in (catalogue / first, catalogue):
            assert index("build", part, "--store", store).code == 0
        said.append(index("calibrate", "--synthetic", "--fpr", RATE, "--store", store, "--json").json())
    assert said[0]["threshold"] == pytest.approx(said[1]["threshold"], abs=1e-6)
    assert said[0]["held_out"]["recall_by_edit"] == said[1]["held_out"]["recall_by_edit"]


def test_a_rate_that_the_catalogue_cannot_show_is_refused_with_one_that_it_can(
    index: Command, built: Path
) -> None:
    answer = index("calibrate", "--synthetic")
    assert answer.code == 2
    assert "it takes 29956; the smallest rate that these can show is 0.0" in answer.err
    assert index("calibrate", "--show", "--json").json() == {"calibrations": []}


def test_decisions_calibrate_each_space_in_its_own_sense(index: Command, built: Path) -> None:
    pictures = [path for path in sorted(built.rglob("*.jpg")) if int(path.stem) < 4]
    with Index(".") as opened:
        for number, path in enumerate(pictures):
            for other in pictures[number + 1 :]:
                related = path.parent == other.parent and int(path.stem) // 2 == int(other.stem) // 2
                opened.decide(path, other, "same-object" if related else "different")
        with pytest.raises(UsageRefused, match="no same pairs"):
            opened.calibrate("decisions", fpr=0.4)
        report = opened.calibrate("decisions", fpr=0.4, space="object")
    assert report.source == "decisions"
    assert report.document["positives"] + report.document["held_out"]["positives"] <= 6
    assert report.document["negatives"] >= 6


def test_show_and_status_name_what_is_in_force_and_the_newest_counts(
    index: Command, built: Path, pairs: Path
) -> None:
    for rate in (0.1, RATE):
        assert index("calibrate", pairs, "--fpr", rate).code == 0
    (shown,) = index("calibrate", "--show", "--json").json()["calibrations"]
    assert (shown["space"], shown["fpr"]) == ("copy", RATE)
    (named,) = index("status", "--json").json()["calibrations"]
    assert named == {name: shown[name] for name in named}
    assert set(named) == {"space", "source", "calibrated_at", "threshold", "fpr"}
    assert f"{shown['threshold']:.4f}" in index("status").out
    assert f"{shown['threshold']:.4f}" in index("calibrate", "--show").out


def test_a_plot_is_a_png(index: Command, built: Path, pairs: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots need: pip install 'siamese-index[plots]'")
    assert index("calibrate", pairs, "--fpr", RATE, "--plot", "one.png").code == 0
    assert index("calibrate", "--show", "--plot", "two.png").code == 0
    for name in ("one.png", "two.png"):
        assert Path(name).read_bytes().startswith(b"\x89PNG")


def test_a_changed_row_is_damage_and_calibrating_again_mends_it(
    index: Command, built: Path, pairs: Path
) -> None:
    assert index("calibrate", pairs, "--fpr", RATE).code == 0
    with sqlite3.connect(".index/catalog.db") as database:
        (text,) = database.execute("SELECT document FROM calibrations").fetchone()
        at = text.index('"threshold": 0.') + len('"threshold": 0.')
        flipped = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        database.execute("UPDATE calibrations SET document = ?", (flipped,))
    database.close()
    for command in (["query", built / "bass/00.jpg", "--space", "copy"], ["status"], ["calibrate", "--show"]):
        answer = index(*command)
        assert answer.code == StoreDamaged.exit_code
        assert "table calibrations" in answer.err
        assert "index calibrate" in answer.err
    assert index("calibrate", pairs, "--fpr", RATE).code == 0
    assert index("status").code == 0
    assert "calibration-damaged" in index("check").out  # the row is still there
    assert index("check", "--repair").code == 0
    assert len(index("calibrate", "--show", "--json").json()["calibrations"]) == 1


def test_a_kill_before_the_commit_leaves_the_earlier_calibration_in_force(
    index: Command, built: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert index("calibrate", pairs, "--fpr", 0.1).code == 0
    before = index("calibrate", "--show", "--json").json()
    monkeypatch.setenv("INDEX_FAILPOINT", "calibration.before_commit:1:kill")
    command = [sys.executable, "-m", "indexer", "calibrate", str(pairs), "--fpr", str(RATE)]
    killed = subprocess.run(command, cwd=Path.cwd(), env=_environment(), capture_output=True, check=False)
    assert killed.returncode == -9
    monkeypatch.delenv("INDEX_FAILPOINT")
    assert index("calibrate", "--show", "--json").json() == before


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)}


def test_a_picture_that_cannot_be_used_costs_its_pairs_and_is_named(
    index: Command, built: Path, pairs: Path
) -> None:
    Path("broken.jpg").write_bytes(b"no picture")
    with pairs.open("a") as file:
        file.write(f"broken.jpg,{built / 'bass/00.jpg'},0\n")
    answer = index("calibrate", pairs, "--fpr", RATE, "--json")
    assert answer.code == 3
    assert answer.json()["unusable"][0]["reason"] == "not-an-image"
    assert "broken.jpg" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [[], ["--synthetic", "--from-decisions"], ["--synthetic", "--show"], ["--synthetic", "--space", "no"]],
)
def test_what_cannot_be_meant_is_refused(index: Command, built: Path, arguments: list[str]) -> None:
    answer = index("calibrate", *arguments)
    assert answer.code == 2
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("text", ["a,b\nx,y\n", "a,b,same\nx,y,perhaps\n", "a,b,same\n,y,1\n"])
def test_a_list_that_is_none_is_refused_with_what_is_wrong(workplace: Path, text: str) -> None:
    Path("list.csv").write_text(text)
    with pytest.raises(UsageRefused, match=r"list\.csv"):
        read_pair_list(Path("list.csv"))


@pytest.mark.parametrize("seed", range(4))
def test_no_picture_is_dealt_to_both_halves_and_pairs_that_share_none_are_all_kept(seed: int) -> None:
    generator = np.random.default_rng(seed)
    for pairs in ([(i, i + 1) for i in range(0, 60, 2)], generator.integers(0, 30, (200, 2)).tolist()):
        halves = deal([(first, second) for first, second in pairs], seed)
        sides = [
            {one for pair, h in zip(pairs, halves, strict=True) if h == half for one in pair}
            for half in (0, 1)
        ]
        assert not sides[0] & sides[1]
        assert min(halves.count(0), halves.count(1)) > len(pairs) / 8
    assert None not in deal([(i, i + 1) for i in range(0, 60, 2)], seed)


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_changes_the_picture_and_is_the_same_for_the_same_seed(kind: str) -> None:
    pixels = np.asarray(picture(7))
    before = pixels.copy()
    one, two = (edited(pixels, [kind], np.random.default_rng(4)) for _ in range(2))
    assert one.dtype == np.uint8
    assert one.ndim == 3
    assert one.shape[2] == 3
    assert np.array_equal(one, two)
    assert not np.array_equal(one, pixels)
    assert np.array_equal(pixels, before)


def test_the_smallest_picture_can_be_edited_in_every_way() -> None:
    for kind in EDITS:
        assert min(edited(np.zeros((1, 1, 3), np.uint8), [kind], np.random.default_rng(1)).shape) >= 1
