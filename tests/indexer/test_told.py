"""What commands tell people beside their results: what was left out, what to do next, and why."""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from indexer import Index
from indexer.commands import demo
from indexer.demo.tour import take_tour
from indexer.errors import NoSpace
from tests.conftest import Command
from tests.pictures import make_catalogue, save


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
    assert "1 row of the labels or the manifest without a file" in answer.err


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


def test_a_build_that_did_not_end_is_told_until_one_does(
    index: Command, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index("build", catalogue)
    save(catalogue / "cup/new.jpg", 808)
    monkeypatch.setattr("indexer.durable._hits", {})
    monkeypatch.setenv("INDEX_FAILPOINT", "generation.before_commit:1:enospc")
    assert index("build").code == NoSpace.exit_code
    monkeypatch.delenv("INDEX_FAILPOINT")
    status = index("status").out
    assert "unfinished\t1 picture encoded by a build that did not end; run it again" in status
    assert "files\t24 files" in status
    index("build")
    assert "unfinished" not in index("status").out


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """An index of six pictures of three classes and one seller that tests share, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("kept")
    catalogue = make_catalogue(folder / "catalogue", per_class=2)
    (folder / "labels.csv").write_text("path,label,seller\ncatalogue/cup/00.jpg,cup,ann\n")
    Index(folder, encoder=str(tiny_encoder), jobs=1).build(catalogue, labels=folder / "labels.csv")
    (folder / "no.jpg").write_bytes(b"no picture")
    return folder


@pytest.mark.parametrize("word", ["label", "=mug", ""])
def test_what_is_no_key_with_a_value_is_refused_by_its_words(index: Command, kept: Path, word: str) -> None:
    answer = index("query", kept / "no.jpg", "--where", word, "--store", kept / ".index")
    assert (answer.code, f"{word!r} is not KEY=VALUE" in answer.err) == (2, True)


def test_a_label_as_a_document_names_the_files_that_carry_it(index: Command, kept: Path) -> None:
    path = kept / "catalogue/ewer/01.jpg"
    document = index("label", path, "pitcher", "--store", kept / ".index", "--json").json()
    assert document["label"] == "pitcher"
    assert [Path(labelled).resolve() for labelled in document["paths"]] == [path.resolve()]


def test_of_what_is_no_picture_a_page_has_the_reason_and_a_table_no_row(index: Command, kept: Path) -> None:
    broken, store = kept / "no.jpg", ("--store", kept / ".index")
    asked = index("query", broken, kept / "catalogue/cup/00.jpg", "-k", 1, "--html", "page.html", *store)
    assert asked.code == 3
    page = Path("page.html").read_text()
    assert "<li>not-an-image: " in page
    assert page.count("data:image/jpeg") == 2
    classified = index("classify", broken, *store)
    assert (classified.code, classified.out) == (3, "")
    assert "no.jpg: not-an-image" in classified.err


def test_what_pixels_took_apart_and_could_not_see_is_counted(index: Command, kept: Path) -> None:
    pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")
    options = ("--threshold", 0.5, "--store", kept / ".index", "--verify")
    report = index("dedupe", *options, "--json").json()
    assert report["rejected_by_verification"] > 0
    said = f"took {report['rejected_by_verification']} pairs apart and could not see {report['unverified']}"
    assert said in index("dedupe", *options).err
    assert "verification" not in index("dedupe", *options[:-1]).err


def test_in_the_table_is_what_was_judged_and_beside_it_what_was_not(index: Command, kept: Path) -> None:
    pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")
    command = [
        "screen",
        kept / "no.jpg",
        save(Path("new.png"), 808),
        "--owner",
        "seller",
        "--store",
        kept / ".index",
    ]
    answer = index(*command)
    assert (answer.code, "no.jpg" in answer.out, "\tnew.png\t" in answer.out) == (3, False, True)
    assert "no.jpg: not-an-image" in answer.err
    assert "new.png: no seller is claimed: reused is not judged by it" in answer.err
    quiet = index(*command, "--quiet")
    assert (quiet.out, quiet.err.count("\n")) == (answer.out, 1)


def test_an_empty_quarantine_has_no_table_and_what_is_asked_of_it_stands_alone(
    index: Command, kept: Path
) -> None:
    store = "--store", kept / ".index"
    shown = index("nightly", "--show-quarantine", *store)
    assert (shown.code, shown.out, shown.err) == (0, "", "0 findings\n")
    for more in ([kept / "catalogue"], ["--fail-on-found"], ["--verify"], ["--release", "x"]):
        answer = index("nightly", "--show-quarantine", *more, *store)
        assert (answer.code, "stand alone" in answer.err) == (2, True)


def test_without_matplotlib_a_plot_is_refused_before_anything_is_calibrated(
    index: Command, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    store = "--store", kept / ".index"
    answer = index("calibrate", "--synthetic", "--fpr", 0.4, "--plot", "curve.png", *store)
    assert (answer.code, "pip install 'siamese-index[plots]'" in answer.err) == (2, True)
    assert index("calibrate", "--show", "--json", *store).json() == {"calibrations": []}
    assert not Path("curve.png").exists()


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scores alone decide: to the tiny encoder most pictures are alike, and each pair would be looked at."""
    monkeypatch.setattr("indexer.demo.tour.is_comparable", lambda spec: False)


@pytest.mark.usefixtures("_quick")
def test_the_demo_shows_a_build_queries_and_copies(
    index: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tours = []
    monkeypatch.setattr(
        "indexer.demo.tour.take_tour", lambda *a, **k: tours.append(take_tour(*a, **k)) or tours[0]
    )
    shown = index("demo", "shop")
    assert shown.code == 0, shown.err
    for said in ("$ index build shop/catalogue", "\n$ index query ", "\n$ index dedupe", "rejected "):
        assert said in shown.out
    assert "groups, " in shown.out.splitlines()[-1]
    assert "open shop/demo.html to see the pictures" in shown.err
    demo._print(replace(tours[0], page=None), quiet=False)
    assert capfd.readouterr() == (shown.out, "")  # of a page that is not there nothing is said


@pytest.mark.usefixtures("_quick")
def test_the_demo_as_a_document_has_the_same_and_a_page(index: Command) -> None:
    document = index("demo", "shop", "--json", "--quiet").json()
    assert document.keys() == {"build", "queries", "dedupe", "page"}
    assert document["build"]["indexed"] > 50
    assert Path(document["page"]).read_text().startswith("<!doctype html>")
    assert index("demo", "shop", "--json", "--no-page").json()["page"] is None


def test_the_demo_writes_into_no_folder_of_somebody_elses(index: Command, catalogue: Path) -> None:
    assert index("demo", catalogue).code == 2
