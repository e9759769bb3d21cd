"""What commands tell people beside their results: what was left out, what to do next, and why."""

import csv
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.pictures import save


def test_a_build_names_the_first_rejections_and_counts_the_others(index: Command, catalogue: Path) -> None:
    for number in range(30):
        (catalogue / f"broken-{number:02d}.jpg").write_bytes(b"\xff\xd8\xff no picture")
    answer = index("build", catalogue)
    assert answer.code == 3
    assert answer.err.count("  rejected ") < 30
    assert "30 rejected in all (30 " in answer.err
    assert index("build", catalogue, "--verbose").err.count("  rejected ") == 30
    status = index("status")
    assert "more: `index status -v`" in status.err
    assert index("status", "-v").out.count("broken-") == 30


def test_rows_of_labels_that_match_no_file_are_counted(index: Command, catalogue: Path) -> None:
    with Path("labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), (catalogue / "cup/00.jpg", "mug"), ("gone.jpg", "x")])
    answer = index("build", catalogue, "--labels", "labels.csv")
    assert "1 rows of the labels or the manifest match no file" in answer.err


def test_what_is_no_catalogue_is_refused_by_what_it_is(index: Command, catalogue: Path) -> None:
    assert "neither a folder nor a .csv" in index("build", catalogue / "cup/00.jpg").err
    assert "does not exist" in index("build", "nowhere").err


def test_patterns_given_later_replace_those_that_were_remembered(index: Command, catalogue: Path) -> None:
    index("build", catalogue, "--exclude", "cup/*")
    assert "16 found" in index("build").out
    assert "16 found" in index("build", catalogue, "--exclude", "bass/*").out
    assert (
        index("query", catalogue / "cup/00.jpg", "-k", 1, "--json").json()["queries"][0]["results"][0][
            "score"
        ]
        > 0.999
    )


def test_several_queries_are_headed_and_what_is_no_picture_has_a_reason(
    index: Command, catalogue: Path
) -> None:
    index("build", catalogue)
    Path("no.jpg").write_bytes(b"no picture")
    answer = index("query", catalogue / "cup/00.jpg", "no.jpg", "-k", 1)
    assert answer.code == 3
    assert f"\n{catalogue / 'cup/00.jpg'}\n" in answer.out
    assert "no.jpg: " in answer.err
    assert (
        "nothing in the index answers"
        in index("query", catalogue / "cup/00.jpg", "--where", "label=none").err
    )


def test_an_empty_index_says_so(index: Command, catalogue: Path) -> None:
    index("build", catalogue)
    index("remove", catalogue)
    save(Path("one.jpg"), seed=1)
    assert "the index is empty" in index("query", "one.jpg").err


def test_a_calibration_that_is_not_there_is_asked_for(index: Command, catalogue: Path) -> None:
    index("build", catalogue)
    shown = index("calibrate", "--show")
    assert (shown.code, "nothing is calibrated" in shown.err) == (0, True)
    drawn = index("calibrate", "--show", "--plot", "curve.svg")
    assert (drawn.code, "0 spaces are calibrated, and one is drawn" in drawn.err) == (2, True)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scores alone decide: to the tiny encoder most pictures are alike, and each pair would be looked at."""
    monkeypatch.setattr("indexer.demo.tour.is_comparable", lambda spec: False)


@pytest.mark.usefixtures("_quick")
def test_the_demo_shows_a_build_queries_and_copies(index: Command) -> None:
    shown = index("demo", "shop", "--no-page")
    assert shown.code == 0, shown.err
    for said in ("$ index build shop/catalogue", "\n$ index query ", "\n$ index dedupe", "rejected "):
        assert said in shown.out
    assert "groups, " in shown.out.splitlines()[-1]


@pytest.mark.usefixtures("_quick")
def test_the_demo_as_a_document_has_the_same_and_a_page(index: Command) -> None:
    document = index("demo", "shop", "--json", "--quiet").json()
    assert document.keys() == {"build", "queries", "dedupe", "page"}
    assert document["build"]["indexed"] > 50
    assert Path(document["page"]).read_text().startswith("<!doctype html>")
    assert index("demo", "shop", "--json", "--no-page").json()["page"] is None


def test_the_demo_writes_into_no_folder_of_somebody_elses(index: Command, catalogue: Path) -> None:
    assert index("demo", catalogue).code == 2
