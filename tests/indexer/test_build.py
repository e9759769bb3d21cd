import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import indexer.catalogue
from indexer import Index, encoding, file_rows
from indexer.build import build as build_store
from indexer.errors import REJECTED, UsageRefused
from indexer.scan import FoundFile, Scan, scan_folder
from indexer.settings import load_settings
from indexer.store import Store
from indexer.survey import survey
from tests.conftest import Command
from tests.pictures import make_catalogue, picture, save
from tests.tiny_encoder import write_tiny_encoder

COUNTS = ("found", "indexed", "unchanged", "moved", "removed")


def counts(report: dict[str, object]) -> tuple[object, ...]:
    return (*(report[name] for name in COUNTS), len(report["rejected"]), report["encoded"])  # type: ignore[arg-type]


def build(index: Command, *arguments: object) -> dict[str, object]:
    answer = index("build", *arguments, "--json")
    assert answer.code in {0, REJECTED}, answer.err
    return answer.json()  # type: ignore[no-any-return]


def labels(workplace: Path) -> dict[str, str | None]:
    with sqlite3.connect(workplace / ".index/catalog.db") as connection:
        return {
            os.fsdecode(path): label for path, label in connection.execute("SELECT path, label FROM files")
        }


def test_a_first_build_indexes_every_picture(index: Command, catalogue: Path) -> None:
    assert counts(build(index, catalogue)) == (24, 24, 0, 0, 0, 0, 24)
    assert build(index, catalogue)["generation"] == 1


def test_an_unchanged_catalogue_is_neither_read_nor_committed_again(index: Command, catalogue: Path) -> None:
    build(index, catalogue)
    before = {path: path.stat().st_mtime_ns for path in Path(".index/faiss").iterdir()}
    assert counts(build(index, catalogue)) == (24, 0, 24, 0, 0, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in Path(".index/faiss").iterdir()} == before


def test_new_changed_moved_and_removed_files_each_cost_what_they_must(
    index: Command, catalogue: Path
) -> None:
    build(index, catalogue)
    save(catalogue / "cup/new.jpg", 900)
    save(catalogue / "cup/00.jpg", 901)
    (catalogue / "cup/01.jpg").rename(catalogue / "bass/moved.jpg")
    shutil.copy(catalogue / "cup/02.jpg", catalogue / "ewer/copy.jpg")
    (catalogue / "cup/03.jpg").unlink()
    os.utime(catalogue / "cup/04.jpg", ns=(1, 1))
    report = build(index, catalogue)
    assert counts(report) == (25, 2, 21, 2, 1, 0, 2)
    assert index("check").code == 0


def test_a_build_whose_rows_are_written_in_parts_writes_all_of_them(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_rows, "_ROWS_AT_ONCE", 5)
    with Index(".") as store:
        assert store.build(catalogue).indexed == 24
        for path in sorted(catalogue.rglob("*.jpg"))[:7]:
            path.unlink()
        for path in sorted(catalogue.rglob("*.jpg"))[:7]:
            save(path, int(path.stem) + 500)
        report = store.build(catalogue)
        assert (report.indexed, report.unchanged, report.removed) == (7, 10, 7)
        assert store.check() == []


def test_a_file_that_changed_since_the_walk_is_recorded_as_it_was_read(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk_of_a_moment_ago(*arguments: Any) -> Scan:
        scan = scan_folder(*arguments)
        scan.files = [FoundFile(path, size_bytes + 1, 1) for path, size_bytes, _ in scan.files]
        return scan

    with Index(".") as store:
        with monkeypatch.context() as patch:
            patch.setattr(indexer.catalogue, "scan_folder", walk_of_a_moment_ago)
            assert store.build(catalogue).indexed == 24
        report = store.build(catalogue)
        assert (report.indexed, report.unchanged, report.encoded) == (0, 24, 0)
        assert report.generation == 1


def test_files_with_the_same_bytes_are_encoded_once_and_all_found(index: Command, workplace: Path) -> None:
    source = save(workplace / "c/a.jpg", 1)
    for name in ("b.jpg", "c.jpg"):
        shutil.copy(source, workplace / "c" / name)
    assert counts(build(index, "c")) == (3, 3, 0, 0, 0, 0, 1)
    results = index("query", source, "--json").json()["queries"][0]["results"]
    assert [(r["path"], r["score"], r["verdict"]) for r in results] == [
        (f"c/{name}.jpg", 1.0, "identical") for name in "abc"
    ]


def test_a_copy_that_comes_batches_later_is_not_encoded_again(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(catalogue / "bass/00.jpg", catalogue / "ewer/zz.jpg")
    monkeypatch.setattr(encoding, "BATCH", 2)
    with Index(".", jobs=1) as store:
        report = store.build(catalogue)
    assert (report.indexed, report.encoded) == (25, 24)


def test_a_file_that_two_catalogues_hold_is_indexed_once(index: Command, catalogue: Path) -> None:
    assert counts(build(index, catalogue, catalogue / "cup"))[:2] == (24, 24)
    assert index("check").code == 0


def test_a_broken_file_costs_one_rejection_with_its_reason(index: Command, catalogue: Path) -> None:
    data = (catalogue / "cup/00.jpg").read_bytes()
    (catalogue / "cup/00.jpg").write_bytes(data[: len(data) // 2])
    (catalogue / "cup/text.jpg").write_text("no picture")
    answer = index("build", catalogue, "--json")
    assert answer.code == REJECTED
    report = answer.json()
    assert counts(report) == (25, 23, 0, 0, 0, 2, 23)
    reasons = {Path(entry["path"]).name: entry["reason"] for entry in report["rejected"]}
    assert set(reasons) == {"00.jpg", "text.jpg"}
    assert index("status", "--json").json()["rejected"] == report["rejected"]


def test_a_picture_that_the_encoder_makes_no_vector_of_costs_one_rejection(
    index: Command, catalogue: Path, workplace: Path
) -> None:
    Image.new("RGB", (64, 64)).save(catalogue / "cup/black.png")
    encoder = write_tiny_encoder(workplace / "fragile", fails_on_black=True)
    report = build(index, catalogue, "--encoder", encoder)
    assert counts(report)[:2] == (25, 24)
    assert [entry["reason"] for entry in report["rejected"]] == ["no-vector"]  # type: ignore[union-attr]
    assert index("check").code == 0


def test_a_rejected_file_is_not_tried_again_until_it_changes(index: Command, catalogue: Path) -> None:
    (catalogue / "cup/text.jpg").write_text("no picture")
    build(index, catalogue)
    assert counts(build(index, catalogue)) == (25, 0, 24, 0, 0, 1, 0)
    save(catalogue / "cup/text.jpg", 77)
    assert counts(build(index, catalogue)) == (25, 1, 24, 0, 0, 0, 1)


def test_a_file_that_breaks_leaves_the_index(index: Command, catalogue: Path) -> None:
    build(index, catalogue)
    (catalogue / "cup/00.jpg").write_bytes(b"broken")
    assert counts(build(index, catalogue)) == (24, 0, 23, 0, 0, 1, 0)
    assert index("status", "--json").json()["files"] == 23
    assert index("check").code == 0


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("INDEX_MAX_PIXELS", "1000", "too-many-pixels"),
        ("INDEX_MAX_FILE_BYTES", "100", "too-large"),
        ("INDEX_DECODE_MEMORY_BYTES", str(60 << 20), "too-much-memory"),
        ("INDEX_DECODE_SECONDS", "0.001", "too-slow"),
    ],
)
def test_a_raised_limit_lets_a_rejected_file_in(
    index: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: str, reason: str
) -> None:
    (workplace / "c").mkdir()
    Image.new("RGB", (2000, 1500), "teal").save(workplace / "c/a.png")
    monkeypatch.setenv(limit, value)
    report = build(index, "c")
    assert [entry["reason"] for entry in report["rejected"]] == [reason]  # type: ignore[union-attr]
    monkeypatch.delenv(limit)
    assert counts(build(index, "c")) == (1, 1, 0, 0, 0, 0, 1)


def test_folders_give_labels_and_a_moved_file_takes_the_new_folders(index: Command, catalogue: Path) -> None:
    build(index, catalogue)
    assert labels(catalogue.parent)["catalogue/cup/00.jpg"] == "cup"
    (catalogue / "cup/00.jpg").rename(catalogue / "bass/from_cup.jpg")
    build(index, catalogue)
    assert labels(catalogue.parent)["catalogue/bass/from_cup.jpg"] == "bass"


def test_a_labels_file_beats_folders_and_moves_with_the_content(index: Command, catalogue: Path) -> None:
    table = catalogue.parent / "labels.csv"
    table.write_text("path,label,seller\ncup/00.jpg,mug,ann\nnowhere.jpg,mug,bob\n")
    assert build(index, catalogue, "--labels", table)["unmatched_labels"] == 1
    (catalogue / "cup/00.jpg").rename(catalogue / "bass/x.jpg")
    build(index, catalogue)
    assert labels(catalogue.parent)["catalogue/bass/x.jpg"] == "mug"
    results = index("query", catalogue / "cup/01.jpg", "--where", "seller=ann", "--json").json()
    assert [r["path"] for r in results["queries"][0]["results"]] == ["catalogue/bass/x.jpg"]
    assert results["queries"][0]["results"][0]["attributes"] == {"seller": "ann"}


def test_a_manifest_is_a_catalogue_of_its_own(index: Command, catalogue: Path) -> None:
    manifest = catalogue.parent / "shop.csv"
    rows = [
        "path,label,sku",
        "catalogue/cup/00.jpg,mug,1",
        "catalogue/cup/01.jpg,mug,2",
        "catalogue/no.jpg,mug,3",
    ]
    manifest.write_text("\n".join(rows))
    report = build(index, manifest)
    assert counts(report) == (3, 2, 0, 0, 0, 1, 2)
    assert [entry["reason"] for entry in report["rejected"]] == ["missing"]  # type: ignore[union-attr]
    manifest.write_text("\n".join(rows[:2]))
    assert counts(build(index)) == (1, 0, 1, 0, 1, 0, 0)


def test_what_a_manifest_names_and_is_no_file_is_rejected_by_name(index: Command, workplace: Path) -> None:
    save(workplace / "c/a.jpg", 1)
    (workplace / "c/b.jpg").mkdir()
    (workplace / "c/c.jpg").symlink_to("a.jpg")
    (workplace / "shop.csv").write_text("path\nc/a.jpg\nc/b.jpg\nc/c.jpg\n")
    report = build(index, "shop.csv")
    assert counts(report) == (3, 1, 0, 0, 0, 2, 1)
    told = {entry["path"]: entry["message"] for entry in report["rejected"]}  # type: ignore[attr-defined]
    assert told == dict.fromkeys(("c/b.jpg", "c/c.jpg"), "named by the manifest, but not a regular file")


def test_without_arguments_the_remembered_catalogues_are_built(index: Command, catalogue: Path) -> None:
    other = make_catalogue(catalogue.parent / "other", per_class=2, classes=("eagle",))
    save(other / "eagle/00.jpg", 555)
    build(index, catalogue, "--exclude", "0[0-3].jpg")
    build(index, other)
    save(catalogue / "cup/new.jpg", 556)
    report = build(index)
    assert (report["found"], report["indexed"], report["unchanged"]) == (15, 1, 14)


def test_a_catalogue_whose_disk_is_not_mounted_is_not_taken_for_deleted(
    index: Command, catalogue: Path
) -> None:
    build(index, catalogue)
    catalogue.rename(catalogue.parent / "unmounted")
    answer = index("build")
    assert (answer.code, "is gone" in answer.err) == (2, True)
    catalogue.mkdir()
    answer = index("build", catalogue)
    assert (answer.code, "is its disk mounted?" in answer.err) == (2, True)
    assert index("status", "--json").json()["files"] == 24


def test_a_catalogue_that_goes_away_as_a_build_begins_is_refused_and_not_remembered(workplace: Path) -> None:
    save(workplace / "c/a.jpg", 1)
    store = Store(workplace / ".index")
    settings = load_settings(store.path, {})
    with store.writing(), pytest.raises(UsageRefused, match="gone does not exist"):
        survey(store, [workplace / "c", workplace / "gone"], settings, None, None)
    with pytest.raises(UsageRefused, match="no catalogue yet"):
        build_store(store, [], settings)


def test_files_in_a_folder_that_cannot_be_listed_stay_in_the_index(
    index: Command, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(index, catalogue)
    listing = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("cup"):
            raise PermissionError(13, "Permission denied", path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = build(index, catalogue)
    assert report["removed"] == 0
    assert [entry["reason"] for entry in report["rejected"]] == ["folder-unreadable"]  # type: ignore[union-attr]
    assert index("status", "--json").json()["files"] == 24


def test_an_empty_folder_gives_an_index_that_answers_with_nothing(index: Command, workplace: Path) -> None:
    (workplace / "empty").mkdir()
    assert counts(build(index, "empty")) == (0, 0, 0, 0, 0, 0, 0)
    answer = index("query", save(workplace / "q.jpg", 1))
    assert (answer.code, answer.out) == (0, "")
    assert "the index is empty" in answer.err
    assert index("check").code == 0


def test_another_encoder_encodes_everything_again_into_a_new_generation(
    index: Command, catalogue: Path, workplace: Path
) -> None:
    build(index, catalogue)
    other = write_tiny_encoder(workplace / "other-encoder", seed=1)
    report = build(index, catalogue, "--encoder", other)
    assert counts(report) == (24, 24, 0, 0, 0, 0, 24)
    assert report["generation"] == 2
    assert index("check").code == 0


def test_an_index_goes_on_with_its_own_encoder_when_none_is_named(
    index: Command, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(index, catalogue)
    monkeypatch.delenv("INDEX_ENCODER")
    report = build(index)
    assert (report["encoder"], report["unchanged"]) == ("tiny", 24)


def test_the_metric_is_remembered(index: Command, catalogue: Path) -> None:
    build(index, catalogue, "--metric", "l2")
    assert build(index)["generation"] == 1
    assert index("query", catalogue / "cup/00.jpg", "--json").json()["queries"][0]["metric"] == "l2"


def test_store_and_catalogue_can_be_moved_together(index: Command, catalogue: Path, workplace: Path) -> None:
    build(index, catalogue)
    moved = workplace / "elsewhere"
    moved.mkdir()
    shutil.move(workplace / ".index", moved)
    shutil.move(catalogue, moved)
    os.chdir(moved)
    assert counts(build(index)) == (24, 0, 24, 0, 0, 0, 0)


def test_names_with_spaces_newlines_and_bytes_that_are_no_text_work(index: Command, workplace: Path) -> None:
    folder = os.fsencode(workplace / "odd names")
    os.mkdir(folder)
    for i, name in enumerate([b"a b.jpg", b"new\nline.jpg", "käse.jpg".encode(), b"caf\xe9.jpg", b"-k.jpg"]):
        path = os.path.join(folder, name)
        picture(i).save(os.fsdecode(path), "JPEG")
    class_folder = os.fsdecode(folder + b"/th\xe9")
    os.mkdir(class_folder)
    picture(5).save(os.path.join(class_folder, "1.jpg"))
    assert build(index, "odd names")["indexed"] == 6
    names = {r["path"] for r in index("query", "odd names/a b.jpg", "--json").json()["queries"][0]["results"]}
    assert os.fsdecode(b"odd names/caf\xe9.jpg") in names
    assert index("query", "odd names/a b.jpg").code == 0
    assert index("status").code == 0
    assert index("check").code == 0


def test_vectors_in_the_database_are_the_encoders_own(index: Command, catalogue: Path) -> None:
    from indexer.encoders import read_encoder

    build(index, catalogue)
    with Index(".") as opened:
        assert opened.query(catalogue / "cup/00.jpg", k=1)[0].score == 1.0
        opened.export("v.npz")
    exported = np.load("v.npz")
    row = exported["path"].tolist().index("catalogue/cup/00.jpg")
    encoder = read_encoder(os.environ["INDEX_ENCODER"]).load(1)
    from indexer.decoding.decode import decode
    from indexer.decoding.limits import Limits

    spec = encoder.spec.preprocess
    data = (catalogue / "cup/00.jpg").read_bytes()
    pixels = decode(data, size=spec.size, fit=spec.fit, limits=Limits()).pixels
    assert np.allclose(exported["vectors"][row], encoder.encode(pixels[None])["object"][0], atol=1e-6)


def test_a_catalogue_that_is_no_folder_is_refused(index: Command, workplace: Path) -> None:
    with pytest.raises(UsageRefused, match="neither a folder"):
        Index(workplace).build(save(workplace / "x.jpg", 1))
    assert not Store(workplace / ".index").path.exists() or index("status").code == 10
