"""`index train --decisions`: an encoder from what was decided of pairs, and no other decisions behind its back."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs: pip install 'siamese-index[train]'")

from tests.conftest import Command
from tests.pictures import make_catalogue

CLASSES = tuple("abcdefghij")
QUICK = ("--backbone", "small", "--size", "32", "--dim", "16", "--batch", "24", "--epochs", "1")


@pytest.fixture
def decided(index: Command, workplace: Path) -> Path:
    """An index over ten classes of three in one folder; decisions tell them, and b/00 and c/00 from a/00."""
    pictures = make_catalogue(workplace / "pictures", per_class=3, classes=CLASSES)
    rows = [
        f"{pictures}/{name}/00.jpg,{pictures}/{name}/0{i}.jpg,same-object" for name in CLASSES for i in (1, 2)
    ]
    rows += [f"{pictures}/a/00.jpg,{pictures}/{name}/00.jpg,different" for name in "bc"]
    Path("told.csv").write_text("\n".join(["first_path,second_path,verdict", *rows]))
    assert index("build", pictures).code == 0
    assert index("decide", "--import", "told.csv").code == 0
    return pictures


def test_decisions_alone_teach_an_encoder_and_its_papers_say_so(index: Command, decided: Path) -> None:
    (decided / "j/02.jpg").unlink()
    answer = index("train", "--decisions", "--group", "confusable", "--out", "out", "--json", *QUICK)
    assert answer.code == 0, answer.err
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert metrics["decisions"] == answer.json()["decisions"]
    store = str(Path(".index").resolve())
    counts = {"pairs": 22, "pictures": 29, "gone": 1, "ambiguous": 0, "overruled": 0}
    assert metrics["decisions"] == counts | {"store": store}
    assert (metrics["classes"], metrics["pictures"], metrics["held_out_by"]) == (10, 29, "classes")
    card = Path("out/MODEL_CARD.md").read_text()
    assert f"(22 pairs decided in {store})" in card
    assert index("build", "--encoder", "out").code == 0


def test_a_dataset_and_decisions_teach_together(index: Command, decided: Path) -> None:
    named = make_catalogue(
        Path("set"), per_class=4, classes=("a", "b")
    )  # the decided a and b, and a fourth of each
    answer = index("train", named, "--decisions", "--out", "out", *QUICK)
    assert answer.code == 0, answer.err
    assert "22 decisions gave 24 pictures" in answer.err
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert (metrics["classes"], metrics["pictures"], metrics["unusable"]) == (10, 32, [])
    assert f"({named.resolve()} and 22 pairs decided in " in Path("out/MODEL_CARD.md").read_text()


def test_a_run_does_not_go_on_under_other_decisions(
    index: Command, decided: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("train", "--decisions", "--out", "out", *QUICK)
    with monkeypatch.context() as patch:
        patch.setattr("indexer.durable._hits", {})
        patch.setenv("INDEX_FAILPOINT", "replace.before_rename:4:enospc")
        assert index(*command).code == 14
    swap = ("decide", decided / "a/00.jpg", decided / "b/00.jpg")
    assert index(*swap, "--undo").code == 0
    assert index(*swap[:2], decided / "d/00.jpg", "different").code == 0
    answer = index(*command, "--resume")
    assert answer.code == 2
    assert "unfinished run of other settings: decisions" in answer.err
    assert index("decide", decided / "a/00.jpg", decided / "d/00.jpg", "--undo").code == 0
    assert index(*swap, "different").code == 0
    assert index(*command, "--resume").code == 0
