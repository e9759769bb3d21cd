"""What the two rows of banknotes, and the coins, share: classes that are all known, and a macro average over them."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from protocol import Embed, Figures, Task, accuracy, labels, macro_recall, named, without_repeats

from indexer.dataset import Example


def stratified(examples: Sequence[Example], share: float, seed: int) -> Task:
    """Hold out a ``share`` of each class, one picture at least; exact duplicates are dropped first."""
    generator = np.random.default_rng(seed)
    classes: dict[str, list[Example]] = defaultdict(list)
    for example in without_repeats(examples):
        classes[example.label].append(example)
    train: list[Example] = []
    test: list[Example] = []
    for name in sorted(classes):
        members = [classes[name][position] for position in generator.permutation(len(classes[name]))]
        count = max(1, round(share * len(members)))
        test += members[:count]
        train += members[count:]
    return Task(train, test, train)


def measure(task: Task, embed: Embed) -> Figures:
    """Name each test picture by its nearest in the gallery."""
    found = named(embed(task.test), embed(task.gallery), labels(task.gallery))
    wanted = labels(task.test)
    return {
        "macro recall": macro_recall(found["k-NN"], wanted),
        "accuracy": accuracy(found["k-NN"], wanted),
        "macro recall, SVM": macro_recall(found["SVM"], wanted),
        "accuracy, SVM": accuracy(found["SVM"], wanted),
    }
