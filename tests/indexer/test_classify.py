import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer import Index
from indexer.classify import HEADS
from indexer.commands import classify
from indexer.errors import REJECTED, UsageRefused
from tests.conftest import Command
from tests.pictures import picture, save
from tests.tiny_encoder import write_tiny_encoder

CLASSES = {"bass": 10, "cup": 20, "ewer": 30}


def variation(seed: int, noise: int) -> Image.Image:
    """Picture ``seed`` with noise of its own: near to it, and never equal."""
    pixels = np.asarray(picture(seed)).astype(np.int16)
    grain = np.random.default_rng(1000 * seed + noise).integers(-70, 70, pixels.shape)
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


def save_variation(path: Path, seed: int, noise: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    variation(seed, noise).save(path)
    return path


@pytest.fixture
def classes(workplace: Path) -> Path:
    """A folder a class, six pictures in each that are like each other."""
    root = workplace / "classes"
    for label, seed in CLASSES.items():
        for noise in range(6):
            save_variation(root / label / f"{noise}.png", seed, noise)
    return root


@pytest.fixture
def built(index: Command, classes: Path) -> Path:
    assert index("build", classes).code == 0
    return classes


def classified(index: Command, *arguments: object) -> list[dict[str, Any]]:
    answer = index("classify", *arguments, "--json")
    assert answer.code == 0, answer.err
    return answer.json()["images"]  # type: ignore[no-any-return]


def best(index: Command, *arguments: object) -> str:
    return str(classified(index, *arguments)[0]["predictions"][0]["label"])


@pytest.mark.parametrize("head", HEADS)
def test_a_new_picture_has_its_class_with_a_probability_and_the_classs_support(
    index: Command, built: Path, head: str
) -> None:
    new = [save_variation(Path(f"{label}.png"), seed, 99) for label, seed in CLASSES.items()]
    images = classified(index, *new, "--head", head)
    assert [image["image"] for image in images] == [str(path) for path in new]
    for label, image in zip(CLASSES, images, strict=True):
        assert set(image) == {"image", "predictions", "unknown"}
        assert image["unknown"] is False
        first = image["predictions"][0]
        assert set(first) == {"label", "probability", "support"}
        assert (first["label"], first["support"]) == (label, 6)
        assert first["probability"] > 0.6
        probabilities = [prediction["probability"] for prediction in image["predictions"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) == pytest.approx(1)


def test_the_command_line_offers_the_heads_that_there_are() -> None:
    option = next(parameter for parameter in classify.command.params if parameter.name == "head")
    assert list(option.type.choices) == list(HEADS)  # type: ignore[attr-defined]


def test_top_limits_the_labels_and_the_document_says_what_judged(index: Command, built: Path) -> None:
    new = save_variation(Path("new.png"), 10, 99)
    document = index("classify", new, "-n", 2, "--space", "copy", "--head", "prototype", "--json").json()
    assert len(document["images"][0]["predictions"]) == 2
    assert (document["head"], document["space"], document["contradictory"]) == ("prototype", "copy", 0)


def test_a_table_is_printed_for_people(index: Command, built: Path) -> None:
    new, strange = save_variation(Path("new.png"), 20, 99), save(Path("strange.png"), 77)
    lines = [line.split("\t") for line in index("classify", new, strange, "-n", 1).out.splitlines()]
    assert lines[0] == ["image", "label", "probability", "support"]
    assert (lines[1][0], lines[1][1], lines[1][3]) == ("new.png", "cup", "6")
    assert lines[2] == ["strange.png", "unknown", "", ""]
    assert lines[3][1] in CLASSES


@pytest.mark.parametrize("head", HEADS)
def test_a_picture_of_no_class_is_unknown_and_the_nearest_are_still_named(
    index: Command, built: Path, head: str
) -> None:
    image = classified(index, save(Path("strange.png"), 77), "--head", head)[0]
    assert image["unknown"] is True
    assert len(image["predictions"]) == 3


def test_a_label_counts_at_once_and_a_class_comes_and_goes_with_it(index: Command, built: Path) -> None:
    new = save_variation(Path("new.png"), 10, 99)
    with Index(".") as opened:
        assert best(index, new) == "bass"
        assert opened.classify(new).images[0].predictions[0].label == "bass"
        for path in sorted((built / "bass").iterdir()):
            assert index("label", path, "perch").code == 0
        assert best(index, new) == "perch"
        assert opened.classify(new).images[0].predictions[0].label == "perch"
        assert index("remove", built / "bass").code == 0
        image = classified(index, new)[0]
        assert (image["unknown"], {p["label"] for p in image["predictions"]}) == (True, {"cup", "ewer"})
        assert opened.classify(new).images[0].unknown


def test_relabelling_one_picture_changes_what_is_predicted(index: Command, workplace: Path) -> None:
    for label, seed in CLASSES.items():
        save_variation(workplace / "one" / label / "0.png", seed, 0)
    assert index("build", workplace / "one").code == 0
    new = save_variation(Path("new.png"), 10, 99)
    assert best(index, new) == "bass"
    assert index("label", workplace / "one/bass/0.png", "perch").code == 0
    assert best(index, new) == "perch"


@pytest.mark.parametrize("head", HEADS)
def test_a_picture_of_the_index_does_not_vote_for_itself(index: Command, built: Path, head: str) -> None:
    wrong = built / "bass/0.png"
    index("label", wrong, "alone")
    copy = Path(shutil.copy(wrong, "same-bytes.png"))
    with Index(".") as opened:
        by_bytes = opened.classify(wrong.read_bytes(), head=head).images[0]
    assert best(index, wrong, "--head", head) == best(index, copy, "--head", head) == "bass"
    assert by_bytes.predictions[0].label == "bass"


def test_a_content_with_two_labels_teaches_neither_and_is_counted(index: Command, built: Path) -> None:
    shutil.copy(built / "bass/0.png", built / "cup/copy.png")
    shutil.copy(built / "bass/1.png", built / "unlabelled.png")
    index("build", built)
    answer = index("classify", save_variation(Path("new.png"), 10, 99), "--json")
    assert answer.json()["contradictory"] == 1
    assert "1 labelled pictures were left out" in answer.err
    assert {p["label"]: p["support"] for p in answer.json()["images"][0]["predictions"]} == {
        "bass": 5, "cup": 6, "ewer": 6,
    }  # fmt: skip
    index("label", built / "bass/0.png", "bass")
    assert index("classify", "new.png", "--json").json()["contradictory"] == 0


def test_what_is_no_picture_is_named_and_the_others_are_answered(index: Command, built: Path) -> None:
    Path("text.jpg").write_text("no picture")
    answer = index("classify", "text.jpg", save_variation(Path("new.png"), 10, 99), "--json")
    assert answer.code == REJECTED
    first, second = answer.json()["images"]
    assert (first["reason"], first["predictions"], first["unknown"]) == ("not-an-image", [], None)
    assert second["predictions"][0]["label"] == "bass"
    assert "text.jpg: not-an-image" in answer.err


def test_an_index_without_two_labels_is_refused_with_what_to_do(index: Command, workplace: Path) -> None:
    new = save(workplace / "flat/a.png", 1)
    save(workplace / "flat/b.png", 2)
    index("build", workplace / "flat")
    answer = index("classify", new)
    assert (answer.code, "holds no labelled picture" in answer.err) == (2, True)
    assert "--labels CSV" in answer.err
    assert "index label" in answer.err
    index("label", new, "cup")
    answer = index("classify", new)
    assert (answer.code, "all 1 labelled pictures of the index are 'cup'" in answer.err) == (2, True)


def test_spaces_and_heads_that_cannot_be_used_are_refused(
    index: Command, built: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = save_variation(Path("new.png"), 10, 99)
    with Index(".") as opened, pytest.raises(UsageRefused, match="no head 'tail'"):
        opened.classify(new, head="tail")
    assert index("classify", new, "--space", "smell").code == 2
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "sklearn", None)
        answer = index("classify", new, "--head", "svm")
        assert (answer.code, "pip install 'siamese-index[classify]'" in answer.err) == (2, True)
        assert best(index, new) == "bass"
    raw = write_tiny_encoder(workplace / "raw", metric="l2")
    assert index("build", "--encoder", raw, "--metric", "l2").code == 0
    answer = index("classify", new)
    assert (answer.code, "not normalised" in answer.err) == (2, True)
