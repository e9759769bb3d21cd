"""What training and evaluation get from a folder or a manifest."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from indexer.dataset import LABEL_CONFLICT, attribute, load_pictures, read_dataset
from indexer.errors import PermissionRefused, UsageRefused
from indexer.settings import Settings
from retrieval.preprocess import PreprocessSpec
from tests.pictures import make_catalogue, save

SHAPE = PreprocessSpec(size=16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_catalogue(tmp_path / "set", per_class=3, classes=("cat", "dog"))


def names(paths: list[str]) -> list[str]:
    return ["/".join(Path(path).parts[-2:]) for path in paths]


def test_a_folder_per_class_gives_each_picture_its_label(folder: Path) -> None:
    examples = read_dataset(folder)
    assert [(Path(e.path).name, e.label) for e in examples] == [
        (f"{i:02d}.jpg", label) for label in ("cat", "dog") for i in range(3)
    ]


def test_a_manifest_gives_labels_and_attributes(folder: Path) -> None:
    manifest = folder / "set.csv"
    manifest.write_text("path,label,writer\ncat/00.jpg,a,w1\ndog/01.jpg,b,w2\ndog/02.jpg,,w2\n")
    pictures = load_pictures(read_dataset(manifest), SHAPE, Settings())
    assert pictures.labels == ["a", "b"]
    assert attribute(pictures.examples, "writer") == ["w1", "w2"]
    with pytest.raises(UsageRefused, match="session"):
        attribute(pictures.examples, "session")


def test_rows_are_in_order_and_hold_the_pictures_pixels(folder: Path) -> None:
    examples = read_dataset(folder)
    pictures = load_pictures(examples, SHAPE, Settings())
    assert pictures.examples == examples
    assert pictures.images.shape == (6, 16, 16, 3)
    alone = load_pictures(examples[4:5], SHAPE, Settings())
    assert np.array_equal(alone.images[0], pictures.images[4])


def test_what_cannot_be_read_is_named_and_costs_nothing_else(folder: Path) -> None:
    (folder / "cat" / "01.jpg").write_bytes(b"not a picture")
    pictures = load_pictures(read_dataset(folder), SHAPE, Settings())
    assert [(Path(u.path).name, u.reason) for u in pictures.unusable] == [("01.jpg", "not-an-image")]
    assert pictures.labels == ["cat"] * 2 + ["dog"] * 3
    assert len(pictures.images) == 5


def test_a_repeated_content_is_there_once(folder: Path) -> None:
    shutil.copy(folder / "cat" / "00.jpg", folder / "cat" / "zz.jpg")
    pictures = load_pictures(read_dataset(folder), SHAPE, Settings())
    assert len(pictures.images) == len(pictures.examples) == 6
    assert names(list(pictures.duplicates)) == ["cat/zz.jpg"]
    assert names(list(pictures.duplicates.values())) == ["cat/00.jpg"]


def test_one_content_under_two_labels_is_unusable_both_times(folder: Path) -> None:
    shutil.copy(folder / "cat" / "00.jpg", folder / "dog" / "zz.jpg")
    pictures = load_pictures(read_dataset(folder), SHAPE, Settings())
    assert names([unusable.path for unusable in pictures.unusable]) == ["cat/00.jpg", "dog/zz.jpg"]
    assert {unusable.reason for unusable in pictures.unusable} == {LABEL_CONFLICT}
    assert len(pictures.images) == 5


def test_a_set_without_labels_is_refused_with_what_to_do(tmp_path: Path) -> None:
    save(tmp_path / "flat" / "a.png", 1)
    with pytest.raises(UsageRefused) as refusal:
        read_dataset(tmp_path / "flat")
    assert "folder of that name" in refusal.value.hint
    with pytest.raises(UsageRefused, match="neither a folder nor"):
        read_dataset(tmp_path / "missing")


def test_a_folder_that_cannot_be_listed_is_refused_for_its_class_would_be_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def scandir(path: str) -> object:
        if Path(path).name == "dog":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return listed(path)

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(PermissionRefused, match="dog cannot be listed"):
        read_dataset(folder)
