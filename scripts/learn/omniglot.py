"""Omniglot: alphabets that were not trained on, 20-way 1-shot within an alphabet (Lake et al., Science 2015).

The background set has 30 alphabets; a fifth is held out by the seed. Koch et al. 2015 (Siamese, 92 %) trained on the
same 30 and tested on 20 others; a split within them is no harder and no easier by design, but it is another one.
"""

from pathlib import Path

from protocol import Embed, Figures, Row, Task, drawn, labels

from indexer.dataset import Example
from retrieval.evaluation.episodes import few_shot_accuracy

TEST_ALPHABETS = 6


def split(data: Path, seed: int) -> Task:
    root = data / "omniglot"
    held_out = drawn([path.name for path in root.iterdir() if path.is_dir()], TEST_ALPHABETS, seed)
    examples = [
        Example(str(path), "/".join(path.parts[-3:-1]), {"alphabet": path.parts[-3]})
        for path in sorted(root.glob("*/character*/*.png"))
    ]
    train = [example for example in examples if example.attributes["alphabet"] not in held_out]
    return Task(train, [example for example in examples if example.attributes["alphabet"] in held_out])


def measure(task: Task, embed: Embed) -> Figures:
    vectors, names = embed(task.test), labels(task.test)
    alphabets = [example.attributes["alphabet"] for example in task.test]
    within = few_shot_accuracy(vectors, names, ways=20, shots=1, within=alphabets)
    five = few_shot_accuracy(vectors, names, ways=20, shots=5, within=alphabets)
    across = few_shot_accuracy(vectors, names, ways=20, shots=1)
    return {
        "20-way 1-shot within": within.mean,
        "within, low": within.interval.low,
        "within, high": within.interval.high,
        "20-way 5-shot within": five.mean,
        "20-way 1-shot across": across.mean,
    }


ROW = Row(
    "omniglot",
    "20-way 1-shot within",
    0.92,
    0.97,
    split,
    ["--preset", "drawing", "--backbone", "small", "--size", "48", "--hold-out", "alphabet", "--group", "alphabet",
     "--groups", "2", "--batch", "160", "--loss", "supcon", "--rate", "1e-3", "--epochs", "12"],
    measure,
)  # fmt: skip
