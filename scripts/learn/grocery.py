"""Grocery Store: shelf photos of 81 products, named by their catalogue picture (1-shot) or by other shelf photos (k-NN).

1-shot is of products that were not trained on: the seed parts the 81 into those to learn (their shelf photos and their
catalogue pictures) and those to be judged on, whose validation photos must find their own among all 81 catalogue
pictures. k-NN is of all products: training photos to validation photos, with `grocery_known.py`.
"""

import csv
from pathlib import Path

from protocol import Embed, Figures, Row, Task, accuracy, drawn, labels, named, without_repeats

from indexer.dataset import Example


def catalogue(data: Path) -> tuple[list[Example], list[Example], list[Example]]:
    """Training photos, validation photos, catalogue pictures."""
    root = data / "grocery"
    with (root / "classes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = {row["Class ID (int)"]: row["Class Name (str)"] for row in rows}
    iconic = [
        Example(str(root / row["Iconic Image Path (str)"].lstrip("/")), row["Class Name (str)"])
        for row in rows
    ]
    parts = []
    for part in ("train", "val"):
        lines = [line.split(", ") for line in (root / f"{part}.txt").read_text().splitlines() if line.strip()]
        parts.append([Example(str(root / path), names[number]) for path, number, _ in lines])
    return parts[0], parts[1], iconic


def split(data: Path, seed: int) -> Task:
    photos, validation, iconic = catalogue(data)
    names = sorted({example.label for example in iconic})
    unseen = drawn(names, len(names) // 2, seed)
    learned = [example for example in [*photos, *iconic] if example.label not in unseen]
    test = [example for example in validation if example.label in unseen]
    return Task(without_repeats(learned, among=test), without_repeats(test), iconic)


def measure(task: Task, embed: Embed) -> Figures:
    found = named(embed(task.test), embed(task.gallery), labels(task.gallery))
    return {"1-shot top-1": accuracy(found["k-NN"], labels(task.test))}


ROW = Row(
    "grocery",
    "1-shot top-1",
    0.45,
    0.65,
    split,
    ["--preset", "product", "--mode", "full", "--size", "288", "--view-size", "192", "--symmetric", "--loss", "supcon",
     "--epochs", "8"],
    measure,
)  # fmt: skip
