"""`index train` on real pictures: what it writes, what it refuses, and a run that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs: pip install 'siamese-index[train]'")

from indexer.encoders import builtin_trunk, read_encoder
from tests.pictures import make_catalogue

CLASSES = tuple(f"class{number}" for number in range(10))
QUICK = ["--backbone", "small", "--size", "32", "--dim", "16", "--batch", "24", "--epochs", "3"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_catalogue(tmp_path_factory.mktemp("set"), per_class=6, classes=CLASSES)


def index(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "indexer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200, **options)


def train(dataset: Path, out: Path, *options: object) -> dict[str, object]:
    result = index("train", dataset, "--out", out, "--json", *QUICK, *options)
    report: dict[str, object] = json.loads(result.stdout)
    assert result.returncode == (3 if report["unusable"] else 0), result.stderr
    return report


def refused(dataset: Path, out: Path, *options: object) -> str:
    result = index("train", dataset, "--out", out, *QUICK, *options)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    out = tmp_path_factory.mktemp("runs") / "mine"
    return out, train(dataset, out)


def test_a_run_writes_an_encoder_and_its_papers(trained: tuple[Path, dict[str, object]]) -> None:
    out, report = trained
    assert {path.name for path in out.iterdir()} == {
        "model.onnx",
        "spec.json",
        "weights.safetensors",
        "metrics.json",
        "MODEL_CARD.md",
        "curves.png",
        "tensorboard",
    }
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["epochs"] == report["epochs"]
    assert [epoch["number"] for epoch in metrics["epochs"]] == [0, 1, 2, 3]
    assert metrics["held_out_by"] == "classes"
    assert metrics["learned"] + metrics["held_out"] == 60
    assert metrics["lowest_cosine_to_pytorch"] > 0.9999
    assert "mine" in (out / "MODEL_CARD.md").read_text()


def test_its_encoder_builds_and_answers(
    dataset: Path, trained: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    store = tmp_path / ".index"
    assert index("build", dataset, "--store", store, "--encoder", trained[0]).returncode == 0
    picture = dataset / CLASSES[3] / "02.jpg"
    answer = json.loads(index("query", picture, "--store", store, "--json").stdout)
    best = answer["queries"][0]["results"][0]
    assert Path(best["path"]).resolve() == picture.resolve()
    assert best["score"] == pytest.approx(1)


def test_learning_makes_it_better_on_classes_that_it_never_saw(dataset: Path, tmp_path: Path) -> None:
    """A class is a picture and its crops here: easy, so that a few epochs show."""
    from PIL import Image

    generator = np.random.default_rng(0)
    for number, path in enumerate(sorted(dataset.glob("*/00.jpg"))):
        image = Image.open(path)
        for view in range(8):
            left, top = generator.integers(0, 30), generator.integers(0, 20)
            target = tmp_path / "crops" / str(number) / f"{view}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            image.crop((left, top, left + 60, top + 50)).save(target)
    report = train(tmp_path / "crops", tmp_path / "out", "--epochs", 12, "--loss", "supcon")
    epochs = report["epochs"]
    assert epochs[report["best_epoch"]]["map_at_r"] > epochs[0]["map_at_r"] + 0.05


def test_a_killed_run_goes_on_to_the_same_end(dataset: Path, tmp_path: Path) -> None:
    options = ["--epochs", 6]
    whole = train(dataset, tmp_path / "whole", *options)
    command = ["train", dataset, "--out", tmp_path / "killed", *QUICK, *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "indexer", *map(str, command)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    state = tmp_path / "killed" / "state.safetensors"
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "model.onnx").exists()
    assert "holds an unfinished run" in refused(dataset, tmp_path / "killed", *options)
    assert "other settings: recipe" in refused(dataset, tmp_path / "killed", "--epochs", 7, "--resume")
    went_on = train(dataset, tmp_path / "killed", *options, "--resume")
    assert went_on["epochs"] == whole["epochs"]
    graphs = [read_encoder(str(tmp_path / name)).graph_sha256 for name in ("whole", "killed")]
    assert graphs[0] == graphs[1]


def test_a_full_disk_is_named_and_leaves_a_run_to_go_on_with(dataset: Path, tmp_path: Path) -> None:
    environment = os.environ | {"INDEX_FAILPOINT": "replace.before_rename:4:enospc"}
    result = index("train", dataset, "--out", tmp_path / "out", *QUICK, env=environment)
    assert result.returncode == 14
    assert "Traceback" not in result.stderr
    assert train(dataset, tmp_path / "out", "--resume")["epochs"][-1]["number"] == 3


def test_a_head_on_the_builtin_backbone_trains_without_touching_it(dataset: Path, tmp_path: Path) -> None:
    command = ["train", dataset, "--out", tmp_path / "out", "--size", "64", "--epochs", "2", "--json"]
    result = index(*command)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["mode"] == "head"
    from safetensors.numpy import load_file

    from retrieval.training.backbones import make_backbone

    weights = load_file(tmp_path / "out" / "weights.safetensors")
    backbone = make_backbone("builtin", builtin_weights=builtin_trunk()).module.state_dict()
    assert all(
        np.array_equal(weights[f"backbone.{name}"], tensor.numpy()) for name, tensor in backbone.items()
    )


def test_a_finished_folder_and_a_folder_of_other_things_are_not_overwritten(
    dataset: Path, trained: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    assert "holds an encoder already" in refused(dataset, trained[0])
    (tmp_path / "notes.txt").write_text("mine")
    assert "holds other files" in refused(dataset, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_one_class_and_one_picture_a_class_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    make_catalogue(tmp_path / "one", per_class=5, classes=("only",))
    make_catalogue(tmp_path / "single", per_class=1, classes=("a", "b", "c"))
    assert "1 class" in refused(tmp_path / "one", tmp_path / "out")
    assert "every class has one picture" in refused(tmp_path / "single", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unreadable_and_contradicting_pictures_are_left_out_by_name(dataset: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(dataset, tmp_path / "set")
    (copy / CLASSES[0] / "00.jpg").write_bytes(b"broken")
    shutil.copy(copy / CLASSES[1] / "01.jpg", copy / CLASSES[2] / "stray.jpg")
    report = train(copy, tmp_path / "out", "--epochs", 1)
    assert {(Path(entry["path"]).name, entry["reason"]) for entry in report["unusable"]} == {
        ("00.jpg", "not-an-image"),
        ("01.jpg", "label-conflict"),
        ("stray.jpg", "label-conflict"),
    }
