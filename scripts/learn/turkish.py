"""Turkish lira, six values: train to test as given, without the contents that both have."""

from pathlib import Path

from banknotes import measure
from protocol import Row, Task, without_repeats

from indexer.dataset import Example


def split(data: Path, seed: int) -> Task:  # noqa: ARG001  (the split is given)
    root = data / "banknotes" / "turkish"
    parts = {
        part: [
            Example(str(path), path.parent.name)
            for path in sorted((root / part).glob("*/*"))
            if path.is_file()
        ]
        for part in ("train", "test")
    }
    test = without_repeats(parts["test"])
    train = without_repeats(parts["train"], among=test)
    return Task(train, test, train)


ROW = Row(
    "turkish",
    "accuracy",
    0.97,
    0.995,
    split,
    ["--preset", "banknote", "--mode", "full", "--hold-out", "pictures", "--size", "160", "--epochs", "15"],
    measure,
)
