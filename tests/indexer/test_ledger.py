import shutil
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.pictures import save


@pytest.fixture
def built(index: Command, catalogue: Path) -> Path:
    assert index("build", catalogue).code == 0
    return catalogue


def label_of(index: Command, path: Path) -> str:
    return index("query", path, "-k", 1, "--json").json()["queries"][0]["results"][0]["label"]  # type: ignore[no-any-return]


def test_a_label_survives_moves_copies_rebuilds_and_the_folders_name(index: Command, built: Path) -> None:
    path = built / "cup/00.jpg"
    assert index("label", path, "mug").code == 0
    assert label_of(index, path) == "mug"
    moved = built / "bass/moved.jpg"
    path.rename(moved)
    shutil.copy(moved, built / "ewer/copy.jpg")
    index("build", built)
    assert label_of(index, moved) == "mug"
    results = index("query", moved, "-k", 2, "--json").json()["queries"][0]["results"]
    assert {r["label"] for r in results} == {"mug"}
    assert index("check").code == 0


def test_a_label_survives_the_files_absence(index: Command, built: Path) -> None:
    path = built / "cup/00.jpg"
    index("label", path, "mug")
    away = built.parent / "away.jpg"
    path.rename(away)
    index("build", built)
    away.rename(path)
    index("build", built)
    assert label_of(index, path) == "mug"


def test_a_label_for_what_the_index_does_not_hold_is_refused(index: Command, built: Path) -> None:
    answer = index("label", built / "cup/none.jpg", "mug")
    assert (answer.code, "holds no file" in answer.err) == (2, True)
    assert index("label", built / "cup/00.jpg", " ").code == 2


def test_a_removed_file_stays_on_disk_and_stays_out_until_undone(index: Command, built: Path) -> None:
    path = built / "cup/00.jpg"
    assert index("remove", path, "--json").json()["removed"] == 1
    assert path.exists()
    results = index("query", path, "-k", 100, "--json").json()["queries"][0]["results"]
    assert str(path.relative_to(Path.cwd())) not in {r["path"] for r in results}
    assert index("build", built, "--json").json()["found"] == 23
    assert index("status", "--json").json()["removed"] == ["catalogue/cup/00.jpg"]
    assert index("remove", "--undo", path).code == 0
    assert index("build", built, "--json").json()["indexed"] == 1
    assert index("check").code == 0


def test_a_removed_folder_goes_whole(index: Command, built: Path) -> None:
    assert index("remove", built / "cup", "--json").json()["removed"] == 8
    save(built / "cup/new.jpg", 700)
    assert index("build", "--json").json()["found"] == 16


def test_a_removed_catalogue_is_forgotten(index: Command, built: Path) -> None:
    removal = index("remove", built, "--json").json()
    assert (removal["removed"], removal["forgotten_catalogues"]) == (24, ["catalogue"])
    assert index("status", "--json").json()["catalogues"] == []
    assert index("build").code == 2
    assert index("build", built, "--json").json()["indexed"] == 24


def test_removing_what_is_not_there_is_refused(index: Command, built: Path) -> None:
    answer = index("remove", "nowhere")
    assert (answer.code, "holds nothing at nowhere" in answer.err) == (2, True)
    assert index("remove", "--undo", built / "cup/00.jpg").code == 2
