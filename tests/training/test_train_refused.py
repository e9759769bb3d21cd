"""What `index train` cannot do, it refuses by name before it decodes the first picture, and leaves nothing behind."""

import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("torch", reason="training needs: pip install 'siamese-index[train]'")

from indexer import train as train_module
from tests.conftest import Command
from tests.pictures import make_catalogue

QUICK = ("--backbone", "small", "--size", "32", "--dim", "16", "--batch", "24", "--epochs", "1")


@pytest.fixture
def dataset(workplace: Path) -> Path:
    return make_catalogue(workplace / "set", per_class=4, classes=tuple("abcdefghi"))


def write_manifest(dataset: Path, column: str, values: tuple[str, ...]) -> Path:
    """Give picture i of each class the value i of a column."""
    rows = [
        f"{path},{path.parent.name},{values[int(path.stem)]}"
        for path in sorted(dataset.resolve().glob("*/*.jpg"))
    ]
    manifest = dataset.parent / "set.csv"
    manifest.write_text("\n".join([f"path,label,{column}", *rows]))
    return manifest


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--preset", "holiday"], "unknown preset 'holiday'"),
        (["--loss", "hinge"], "unknown loss 'hinge'"),
        (["--loss", "arcface", "--memory", "24"], "no miner and no memory"),
        (["--miner", "softest"], "unknown miner 'softest'"),
        (["--backbone", "resnet"], "unknown backbone 'resnet'"),
        (["--backbone", "builtin", "--grid", "8"], "take a smaller grid"),
        (["--backbone", "torchvision:nothing"], "torchvision has no model 'nothing'"),
        (["--weights", "missing.safetensors"], "missing.safetensors does not exist"),
        (["--hold-out", "writer"], "no attribute 'writer'"),
        (["--hold-out", "split"], "no picture is marked 'train'"),
        (["--group", "shelf"], "no attribute 'shelf'"),
        (["--symmetric", "--new-classes", "mirrored"], "cannot have one embedding"),
        (["--batch", "4", "--per-class", "4"], "no room for two classes"),
        (["--memory", "23"], "does not hold one batch of 24"),
        (["--seed", "-1"], "-1 is not in the range"),
        (["--seed", str(2**64)], "is not in the range"),
        (["--out", "file"], "file is a file"),
        (["--out", "file/below"], "file is a file"),
        (["--out", "not-utf8-\udcff"], "is not a name in UTF-8"),
    ],
)
def test_settings_are_refused_before_a_picture_is_decoded(
    index: Command, dataset: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], says: str
) -> None:
    Path("file").write_text("mine")
    monkeypatch.setattr(train_module, "load_pictures", lambda *_: pytest.fail("pictures were decoded"))
    answer = index("train", dataset, "--out", "out", *QUICK, *options)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert not Path("out").exists()


def test_a_folder_that_cannot_be_written_to_is_refused_before_a_picture_is_decoded(
    index: Command, dataset: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access
    monkeypatch.setattr(train_module, "load_pictures", lambda *_: pytest.fail("pictures were decoded"))
    monkeypatch.setattr("os.access", lambda path, mode: path != workplace and access(path, mode))
    answer = index("train", dataset, "--out", "out", *QUICK)
    assert (answer.code, answer.out) == (15, "")
    assert "cannot be written to" in answer.err


def test_a_backbone_of_a_library_that_is_missing_names_what_to_install(
    index: Command, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    answer = index("train", dataset, "--out", "out", *QUICK, "--backbone", "timm:resnet18")
    assert answer.code == 2
    assert "backbone timm:resnet18 needs timm" in answer.err
    assert "pip install 'siamese-index[train,timm]'" in answer.err


def test_marks_that_leave_a_side_empty_are_named(index: Command, dataset: Path) -> None:
    manifest = write_manifest(dataset, "split", ("train", "train", "validatoin", ""))
    answer = index("train", manifest, "--out", "out", *QUICK, "--hold-out", "split")
    assert answer.code == 2
    assert "no picture is marked 'val', only '', 'train', 'validatoin'" in answer.err


def test_a_run_file_that_no_run_wrote_is_refused(index: Command, dataset: Path) -> None:
    Path("out").mkdir()
    Path("out/run.json").write_text("[1]")
    answer = index("train", dataset, "--out", "out", *QUICK, "--resume")
    assert answer.code == 2
    assert "run.json is not what a run writes" in answer.err


def test_pictures_of_one_colour_are_refused_by_a_backbone_that_sees_no_difference(
    index: Command, workplace: Path
) -> None:
    for name in "abcdefgh":
        for width in range(2):
            path = workplace / "black" / name / f"{width}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40 + width, ord(name))).save(path)
    answer = index("train", "black", "--out", "out", "--size", "32")
    assert answer.code == 2
    assert "no difference between the pictures" in answer.err


def test_a_rate_that_blows_the_network_up_is_named(index: Command, dataset: Path) -> None:
    answer = index("train", dataset, "--out", "out", *QUICK, "--epochs", "2", "--rate", "1e30", "-q")
    assert answer.code == 2
    assert "lower the learning rates" in answer.err


class TestResume:
    """A run that was stopped goes on only with the state and the pictures that it had."""

    @pytest.fixture
    def stopped(self, index: Command, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        with monkeypatch.context() as patch:
            patch.setattr("indexer.durable._hits", {})
            patch.setenv("INDEX_FAILPOINT", "replace.before_rename:4:enospc")
            assert index("train", dataset, "--out", "out", *QUICK).code == 14
        return Path("out")

    @pytest.mark.parametrize("kept", [0, 7, 100, -1])
    def test_a_state_that_is_cut_short_is_named(
        self, index: Command, dataset: Path, stopped: Path, kept: int
    ) -> None:
        state = stopped / "state.safetensors"
        state.write_bytes(state.read_bytes()[:kept])
        answer = index("train", dataset, "--out", "out", *QUICK, "--resume")
        assert answer.code == 2
        assert "checkpoint cannot be read" in answer.err
        assert "begin again" in answer.err

    def test_other_pictures_are_refused_for_they_could_have_changed_sides(
        self, index: Command, dataset: Path, stopped: Path
    ) -> None:
        shutil.copytree(dataset / "a", dataset / "new")
        for path in (dataset / "new").iterdir():
            path.write_bytes(path.read_bytes() + b" ")
        answer = index("train", dataset, "--out", "out", *QUICK, "--resume")
        assert answer.code == 2
        assert "other pictures or labels" in answer.err

    def test_what_a_killed_run_left_half_written_is_in_nobodys_way(
        self, index: Command, dataset: Path, stopped: Path
    ) -> None:
        (stopped / "state.safetensors.1.tmp").write_bytes(b"half")
        report = json.loads(index("train", dataset, "--out", "out", *QUICK, "--resume", "--json").out)
        assert [epoch["number"] for epoch in report["epochs"]] == [0, 1]
        assert not list(stopped.glob("*.tmp"))
