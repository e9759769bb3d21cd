"""Which pictures meet in a batch: m of each class, classes that are hard to tell apart together."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.similarity import Int64

# Of a batch, where there are pictures that have no partner: they can only be told apart from the others.
LONE_SHARE = 1 / 3


@dataclass(frozen=True)
class BatchPlan:
    """How a batch of ``size`` pictures is drawn.

    ``per_class`` pictures of each class (m in "M-per-class sampling"): every class is drawn as often as any other,
    however many pictures it has. With ``groups`` above 0 the classes of a batch come from that many groups
    (writers, alphabets, shelves), so that the negatives are hard ones; from more, where these hold one class only.
    """

    size: int = 96
    per_class: int = 4
    groups: int = 0


class BatchSampler:
    """Draws batches of row numbers. Pictures that are alone in their class only serve as negatives."""

    def __init__(self, labels: Sequence[int], plan: BatchPlan, groups: Sequence[str] | None = None) -> None:
        self._plan = plan
        of_class: dict[int, list[int]] = defaultdict(list)
        for row, label in enumerate(labels):
            of_class[label].append(row)
        group_of = dict(enumerate(groups)) if groups is not None and plan.groups else {}
        self._rows = {label: np.array(rows) for label, rows in of_class.items() if len(rows) > 1}
        self._classes: dict[str, list[int]] = defaultdict(list)
        self._lone: dict[str, list[int]] = defaultdict(list)
        for label, rows in of_class.items():
            group = group_of.get(rows[0], "")
            if len(rows) > 1:
                self._classes[group].append(label)
            else:
                self._lone[group].append(rows[0])
        self._pictures = len(labels)

    def __len__(self) -> int:
        """Batches that an epoch has: as many as show as many pictures as there are."""
        return max(1, round(self._pictures / self._plan.size))

    def epoch(self, seed: int) -> Iterator[Int64]:
        """Yield an epoch's batches, each an array of row numbers."""
        generator = np.random.default_rng(seed)
        for _ in range(len(self)):
            yield self._batch(generator)

    def _batch(self, generator: np.random.Generator) -> Int64:
        groups = list(self._classes)
        if self._plan.groups:
            groups = [groups[i] for i in generator.permutation(len(groups))]
            classes_within = np.cumsum(
                [len(self._classes[one]) + len(self._lone.get(one, [])) for one in groups]
            )
            groups = groups[: max(self._plan.groups, int(np.searchsorted(classes_within, 2)) + 1)]
        lone = [row for group in groups for row in self._lone.get(group, [])]
        room = self._plan.size - (min(len(lone), round(self._plan.size * LONE_SHARE)) if lone else 0)
        classes = [label for group in groups for label in self._classes[group]]
        chosen = generator.permutation(classes)[: max(2, room // self._plan.per_class)]
        rows = [self._draw(self._rows[int(label)], room // len(chosen), generator) for label in chosen]
        filled = sum(map(len, rows))
        rows.append(generator.permutation(np.array(lone, np.int64))[: max(0, self._plan.size - filled)])
        return np.concatenate(rows).astype(np.int64)

    def _draw(self, rows: Int64, most: int, generator: np.random.Generator) -> Int64:
        """``per_class`` pictures of one class, or up to ``most`` where there are too few classes to fill a batch."""
        wanted = max(self._plan.per_class, most)
        if len(rows) >= wanted:
            return generator.permutation(rows)[:wanted]
        again = generator.choice(rows, max(0, self._plan.per_class - len(rows)))
        return np.concatenate([generator.permutation(rows), again])
