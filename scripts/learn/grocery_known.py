"""Grocery Store, all products known: validation photos named by the training photos, k-NN top-1."""

from pathlib import Path

from grocery import catalogue
from protocol import Embed, Figures, Row, Task, accuracy, labels, named, without_repeats


def split(data: Path, seed: int) -> Task:  # noqa: ARG001  (the split is given)
    photos, validation, _ = catalogue(data)
    test = without_repeats(validation)
    train = without_repeats(photos, among=test)
    return Task(train, test, train)


def measure(task: Task, embed: Embed) -> Figures:
    found = named(embed(task.test), embed(task.gallery), labels(task.gallery))
    return {f"{head} top-1": accuracy(names, labels(task.test)) for head, names in found.items()}


ROW = Row(
    "grocery_known",
    "k-NN top-1",
    0.85,
    0.92,
    split,
    ["--preset", "product", "--mode", "full", "--size", "288", "--view-size", "192", "--hold-out", "pictures", "--loss",
     "supcon", "--rate", "3e-4", "--epochs", "16"],
    measure,
)  # fmt: skip
