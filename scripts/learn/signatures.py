"""BHSig260 Hindi: writers that were not trained on, skilled forgeries, one reference against one questioned signature.

The writers are split by the seed. Every forgery is a class of its own in training: a negative of its writer, and no
claim that two forgers write alike. The probe takes the sizes and the ink that remain after binarising and cropping,
without looking at a stroke: what a network gains over it, it has seen.
"""

from itertools import combinations, product
from pathlib import Path

import numpy as np
from protocol import Embed, Figures, Row, Task, Vectors, drawn, error_rates, pixels, without_repeats

from indexer.dataset import Example
from retrieval.evaluation.pairs import LabelledPairs
from retrieval.evaluation.verification import equal_error_rate, roc_curve
from retrieval.preprocess import PreprocessSpec

TEST_WRITERS = 15


def split(data: Path, seed: int) -> Task:
    root = data / "signatures"
    writers = sorted(path.name for path in root.iterdir() if path.is_dir())
    held_out = drawn(writers, TEST_WRITERS, seed)
    examples = []
    for writer in writers:
        for path in sorted((root / writer).rglob("*.png")):
            genuine = path.parent.name == "genuine"
            label = writer if genuine else f"{writer} forged {path.stem}"
            examples.append(Example(str(path), label, {"writer": writer}))
    examples = without_repeats(examples)
    train = [example for example in examples if example.attributes["writer"] not in held_out]
    return Task(train, [example for example in examples if example.attributes["writer"] in held_out])


def pairs(task: Task) -> LabelledPairs:
    """All pairs of a writer's genuine signatures, and of each with each of his forgeries."""
    first, second, same = [], [], []
    for writer in sorted({example.attributes["writer"] for example in task.test}):
        rows = [row for row, example in enumerate(task.test) if example.attributes["writer"] == writer]
        genuine = [row for row in rows if task.test[row].label == writer]
        forged = [row for row in rows if task.test[row].label != writer]
        for a, b in [*combinations(genuine, 2), *product(genuine, forged)]:
            first.append(a)
            second.append(b)
            same.append(task.test[b].label == writer)
    return LabelledPairs(np.array(first), np.array(second), np.array(same))


def measure(task: Task, embed: Embed) -> Figures:
    vectors = embed(task.test)
    return error_rates(vectors, pairs(task)) | {"eer, 8 references": with_references(task, vectors, 8)}


def with_references(task: Task, vectors: Vectors, count: int) -> float:
    """EER where a questioned signature is compared with the mean of a writer's first ``count`` genuine ones."""
    rows, means, same = [], [], []
    for writer in sorted({example.attributes["writer"] for example in task.test}):
        own = [row for row, example in enumerate(task.test) if example.attributes["writer"] == writer]
        genuine = [row for row in own if task.test[row].label == writer]
        mean = vectors[genuine[:count]].mean(axis=0)
        for row in own:
            if row not in genuine[:count]:
                rows.append(row)
                means.append(mean / np.linalg.norm(mean))
                same.append(task.test[row].label == writer)
    stacked = np.concatenate([vectors[rows], np.array(means, np.float32)])
    return error_rates(
        stacked, LabelledPairs(np.arange(len(rows)), np.arange(len(rows)) + len(rows), np.array(same))
    )["eer"]


def probe(task: Task, shape: PreprocessSpec) -> Figures:
    """How far ink and box alone separate: they are compared as the negative distance of their standardised values."""
    ink = (255 - pixels(task.test, shape)[..., 0].astype(np.float64)) / 255
    rows, columns = (ink.max(axis=axis) > 0.5 for axis in (2, 1))
    facts = np.stack([ink.sum(axis=(1, 2)), rows.sum(axis=1), columns.sum(axis=1)], axis=1)
    facts = (facts - facts.mean(axis=0)) / np.maximum(facts.std(axis=0), 1e-9)
    chosen = pairs(task)
    scores = -np.linalg.norm(facts[chosen.first] - facts[chosen.second], axis=1)
    return {"eer": float(equal_error_rate(roc_curve(scores, chosen.same))[0])}


ROW = Row(
    "signatures",
    "eer",
    0.10,
    0.06,
    split,
    ["--preset", "signature", "--backbone", "builtin:5", "--mode", "full", "--hold-out", "writer", "--group", "writer",
     "--groups", "6", "--batch", "96", "--per-class", "10", "--rate", "3e-4", "--epochs", "4"],
    measure,
    probe,
    less=True,
)  # fmt: skip
