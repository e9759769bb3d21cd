"""How embeddings of pictures that were held out are judged: at the start, after each epoch, and at the end."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.evaluation.ranking_metrics import ranking_metrics
from retrieval.evaluation.task import RetrievalTask
from retrieval.similarity import Float32
from retrieval.splits import Split


@dataclass(frozen=True)
class Validation:
    """The rows that are held out, and what each is searched among: all others, or those of its group.

    ``galleries`` are positions in ``rows``. Groups (writers, alphabets) hold what is hard to tell apart, and that is
    what there has to be judged: a forgery is no rival of another writer's signature.
    """

    split: Split
    labels: list[str]
    galleries: list[list[int]]

    @classmethod
    def of(cls, split: Split, labels: Sequence[str], groups: Sequence[str] | None) -> "Validation":
        """Choose the galleries; groups of one class have nothing to tell apart, and where all have, there are none."""
        names = [labels[row] for row in split.validation]
        by_group: dict[str, list[int]] = defaultdict(list)
        if groups is not None:
            for position, row in enumerate(split.validation):
                by_group[groups[row]].append(position)
        galleries = [
            rows for rows in by_group.values() if _has_something_to_find([names[row] for row in rows])
        ]
        return cls(split, names, galleries or [list(range(len(names)))])

    def judge(self, embeddings: Float32) -> tuple[float, float]:
        """Return MAP@R and Recall@1, means over (n, dim) embeddings of the rows that have something to find."""
        found = [
            ranking_metrics(
                RetrievalTask.within(embeddings[rows], [self.labels[row] for row in rows]), ks=(1,)
            )
            for rows in self.galleries
        ]
        precision = np.concatenate([metrics.map_at_r for metrics in found])
        recall = np.concatenate([metrics.recall[1] for metrics in found])
        return float(precision.mean()), float(recall.mean())


def _has_something_to_find(labels: Sequence[str]) -> bool:
    counts = Counter(labels)
    return len(counts) > 1 and max(counts.values()) > 1
