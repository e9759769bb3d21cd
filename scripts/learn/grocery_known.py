"""Grocery Store, all products known: validation photos named by the training photos, k-NN top-1."""

from pathlib import Path

from banknotes import NEIGHBOURS
from grocery import catalogue
from protocol import Embed, Figures, Row, Task, accuracy, labels, neighbours, without_repeats


def split(data: Path, seed: int) -> Task:  # noqa: ARG001  (the split is given)
    photos, validation, _ = catalogue(data)
    test = without_repeats(validation)
    train = without_repeats(photos, among=test)
    return Task(train, test, train)


def measure(task: Task, embed: Embed) -> Figures:
    found = neighbours(embed(task.test), embed(task.gallery), labels(task.gallery), NEIGHBOURS)
    return {"k-NN top-1": accuracy(found, labels(task.test))}


ROW = Row(
    "grocery_known",
    "k-NN top-1",
    0.85,
    0.92,
    split,
    ["--preset", "product", "--mode", "full", "--epochs", "15"],
    measure,
)
