"""Iranian rial, nine values with 5 to 250 scans each: what imbalance costs, as macro recall on a held-out fifth."""

from pathlib import Path

from banknotes import measure, stratified
from protocol import Row, Task

from indexer.dataset import Example


def split(data: Path, seed: int) -> Task:
    paths = sorted((data / "banknotes" / "iranian").glob("*/*.jpg"))
    return stratified([Example(str(path), path.parent.name) for path in paths], 0.2, seed)


ROW = Row(
    "iranian",
    "macro recall",
    0.95,
    0.99,
    split,
    ["--preset", "banknote", "--hold-out", "pictures", "--size", "160", "--epochs", "20"],
    measure,
)
