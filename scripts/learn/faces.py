"""ORL faces, people s1 to s20: verification of people who were not trained on. Saturated: a smoke test."""

from pathlib import Path

from protocol import Embed, Figures, Row, Task, drawn, error_rates, labels

from indexer.dataset import Example
from retrieval.evaluation.episodes import few_shot_accuracy
from retrieval.evaluation.pairs import pairs_from_labels

TEST_PEOPLE = 5


def split(data: Path, seed: int) -> Task:
    root = data / "faces"
    held_out = drawn([path.name for path in root.iterdir() if path.is_dir()], TEST_PEOPLE, seed)
    examples = [Example(str(path), path.parent.name) for path in sorted(root.glob("s*/*.png"))]
    train = [example for example in examples if example.label not in held_out]
    return Task(train, [example for example in examples if example.label in held_out])


def measure(task: Task, embed: Embed) -> Figures:
    vectors, names = embed(task.test), labels(task.test)
    one_shot = few_shot_accuracy(vectors, names, ways=TEST_PEOPLE, shots=1)
    return error_rates(vectors, pairs_from_labels(names)) | {f"{TEST_PEOPLE}-way 1-shot": one_shot.mean}


ROW = Row(
    "faces",
    "eer",
    0.05,
    0.02,
    split,
    ["--preset", "face", "--backbone", "builtin:4", "--grid", "4", "--mode", "full", "--loss", "supcon", "--per-class",
     "8", "--epochs", "12", "--patience", "12"],
    measure,
    less=True,
)  # fmt: skip
