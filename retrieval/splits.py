"""Which pictures to learn from and which to be judged on, without a class, a group or a picture in both."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.errors import TrainingRefused
from retrieval.similarity import Int64

MIN_CLASSES = 2
# Fewer classes than this can not give any away: then each class gives some of its pictures.
ENOUGH_CLASSES = 8
# Fewer pictures than this leave no pair on either side.
ENOUGH_PICTURES = 4


@dataclass(frozen=True)
class Split:
    """Row numbers, ascending; ``by`` says what the two sides do not share: classes, groups or pictures."""

    train: Int64
    validation: Int64
    by: str


def split_classes(labels: Sequence[str], share: float, seed: int) -> Split:
    """Hold out ``share`` of the classes whole; of few classes, hold out ``share`` of each one's pictures instead.

    A network that is judged on classes that it has seen is judged on how well it remembers them.

    Raises:
        TrainingRefused: fewer than two classes, or none with two pictures.
    """
    counts = require_trainable(labels)
    names = [name for name, count in sorted(counts.items()) if count > 1]
    if len(names) < ENOUGH_CLASSES:
        return split_pictures(labels, share, seed)
    held_out = set(_drawn(names, max(MIN_CLASSES, round(share * len(names))), seed))
    return _split(labels, held_out, "classes")


def split_groups(labels: Sequence[str], groups: Sequence[str], share: float, seed: int) -> Split:
    """Hold out ``share`` of the groups whole: writers, speakers, sessions, alphabets.

    Raises:
        TrainingRefused: fewer than two groups, or a side that is left with too little to compare.
    """
    names = sorted(set(groups))
    if len(names) < 2:
        raise TrainingRefused(f"only one group, {names[0]!r}: there is nothing to hold out")
    split = _split(groups, set(_drawn(names, max(1, round(share * len(names))), seed)), "groups")
    return _with_two_sides(labels, split)


def split_pictures(labels: Sequence[str], share: float, seed: int) -> Split:
    """Hold out ``share`` of the pictures of each class, at least two where it has four or more; none where fewer.

    Raises:
        TrainingRefused: fewer than two classes that can give any: then there is nothing to mistake them for.
    """
    require_trainable(labels)
    generator = np.random.default_rng(seed)
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows_of[label].append(row)
    giving = [rows for _, rows in sorted(rows_of.items()) if len(rows) >= ENOUGH_PICTURES]
    if len(giving) < MIN_CLASSES:
        raise TrainingRefused(
            f"{len(giving)} of the classes have four pictures: it takes two such to hold pictures out; add pictures"
        )
    held_out: list[int] = []
    for rows in giving:
        held_out += generator.permutation(rows)[: max(2, round(share * len(rows)))].tolist()
    kept = set(range(len(labels))).difference(held_out)
    return Split(np.array(sorted(kept), np.int64), np.array(sorted(held_out), np.int64), "pictures")


def split_as_told(labels: Sequence[str], parts: Sequence[str]) -> Split:
    """Follow the user's own column: ``train``, and ``val`` or ``validation``; other rows are left alone.

    Raises:
        TrainingRefused: a side that is left with too little to compare.
    """
    train = [row for row, part in enumerate(parts) if part.lower() == "train"]
    validation = [row for row, part in enumerate(parts) if part.lower() in {"val", "validation", "valid"}]
    for name, rows in (("train", train), ("val", validation)):
        if not rows:
            marks = ", ".join(repr(part) for part in sorted(set(parts)))
            raise TrainingRefused(f"no picture is marked {name!r}, only {marks}")
    return _with_two_sides(labels, Split(np.array(train, np.int64), np.array(validation, np.int64), "column"))


def require_trainable(labels: Sequence[str]) -> Counter[str]:
    """Count pictures per class; refuse what holds no pair to pull together, or none to push apart.

    Raises:
        TrainingRefused: with what is missing.
    """
    counts = Counter(labels)
    if len(counts) < MIN_CLASSES:
        raise TrainingRefused(f"{len(counts)} class: telling apart takes two or more")
    if max(counts.values()) < 2:
        raise TrainingRefused("every class has one picture: likeness is learned from two or more of a class")
    return counts


def _with_two_sides(labels: Sequence[str], split: Split) -> Split:
    for side, rows in (("learned from", split.train), ("held out", split.validation)):
        try:
            require_trainable([labels[row] for row in rows])
        except TrainingRefused as error:
            raise TrainingRefused(f"in what is {side}, {error}") from error
    return split


def _drawn(names: Sequence[str], count: int, seed: int) -> list[str]:
    order = np.random.default_rng(seed).permutation(len(names))
    return [names[position] for position in order[:count]]


def _split(values: Sequence[str], held_out: set[str], by: str) -> Split:
    rows = np.arange(len(values))
    outside = np.array([value in held_out for value in values])
    return Split(rows[~outside], rows[outside], by)
