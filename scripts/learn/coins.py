"""Euro coins, eight values with 40 to 694 pictures each: macro recall on a held-out fifth."""

from pathlib import Path

from banknotes import measure, stratified
from protocol import Row, Task

from indexer.dataset import Example


def split(data: Path, seed: int) -> Task:
    paths = sorted((data / "coins").glob("*/*/*.jpg"))
    return stratified([Example(str(path), path.parent.name) for path in paths], 0.2, seed)


ROW = Row(
    "coins",
    "macro recall",
    0.95,
    0.99,
    split,
    [
        "--preset",
        "coin",
        "--mode",
        "full",
        "--hold-out",
        "pictures",
        "--size",
        "128",
        "--loss",
        "supcon",
        "--rate",
        "3e-4",
        "--epochs",
        "30",
    ],
    measure,
)
