"""N-way K-shot episodes: name a query by a few examples of each of a few classes, many times over.

Nearest prototype is that of Snell et al., "Prototypical Networks for Few-shot Learning" (NeurIPS 2017); episodes
within one group, such as an alphabet, are those of Lake et al., "Human-level concept learning" (Science 2015).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from retrieval.errors import LabelsInvalid
from retrieval.evaluation.bootstrap import Interval, mean_interval
from retrieval.evaluation.task import class_numbers, comparable, score_matrix
from retrieval.metric import Metric
from retrieval.similarity import Float32, Float64, Int64

EPISODES = 600
QUERIES_A_CLASS = 15


class Rule(StrEnum):
    """How a query is named."""

    PROTOTYPE = "prototype"  # the class whose examples' mean is nearest
    NEIGHBOUR = "neighbour"  # the class of the nearest example


@dataclass(frozen=True)
class EpisodeAccuracy:
    """Share of queries named right in each of (e,) episodes, their mean, and its 95 % interval."""

    accuracies: Float64
    mean: float
    interval: Interval


def few_shot_accuracy(
    vectors: Float32,
    labels: Sequence[Hashable],
    *,
    ways: int,
    shots: int,
    within: Sequence[Hashable] | None = None,
    rule: Rule = Rule.PROTOTYPE,
    metric: Metric = Metric.COSINE,
    episodes: int = EPISODES,
    seed: int = 0,
) -> EpisodeAccuracy:
    """Draw episodes from (n, d) vectors: ``ways`` classes, ``shots`` examples and up to 15 queries of each.

    With ``within``, a value a vector, the classes of an episode share that value; groups are equally likely.

    Raises:
        LabelsInvalid: no group has ``ways`` classes of more than ``shots`` members.
    """
    groups = eligible_groups(labels, ways=ways, shots=shots, within=within)
    rows = comparable(vectors, metric)
    generator = np.random.default_rng(seed)
    accuracies = np.empty(episodes)
    for episode in range(episodes):
        group = groups[int(generator.integers(len(groups)))]
        chosen = [group[int(i)] for i in generator.choice(len(group), ways, replace=False)]
        accuracies[episode] = _episode(rows, chosen, shots, rule, metric, generator)
    return EpisodeAccuracy(accuracies, float(accuracies.mean()), mean_interval(accuracies, seed=seed))


def eligible_groups(
    labels: Sequence[Hashable], *, ways: int, shots: int, within: Sequence[Hashable] | None = None
) -> list[list[Int64]]:
    """List the groups that can make an episode: for each, the rows of each class that has a query to spare.

    Raises:
        LabelsInvalid: there is none.
    """
    keys = list(zip(within, labels, strict=True)) if within is not None else [(None, one) for one in labels]
    (classes,) = class_numbers(keys)
    order = np.argsort(classes, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(classes[order])) + 1) if len(order) else []
    groups: dict[Hashable, list[Int64]] = {}
    for rows in members:
        if len(rows) > shots:
            groups.setdefault(keys[int(rows[0])][0], []).append(rows)
    found = [group for group in groups.values() if len(group) >= ways]
    if not found:
        most = max((len(group) for group in groups.values()), default=0)
        where = "" if within is None else " of one group"
        raise LabelsInvalid(
            f"{ways}-way {shots}-shot episodes need {ways} classes{where} with {shots + 1} members or more; "
            f"there are {most}"
        )
    return found


def _episode(
    rows: Float64,
    chosen: list[Int64],
    shots: int,
    rule: Rule,
    metric: Metric,
    generator: np.random.Generator,
) -> float:
    """Name the queries of one episode; return the share named right, each class weighing the same."""
    spare = min(QUERIES_A_CLASS, min(len(members) for members in chosen) - shots)
    drawn = np.stack([generator.permutation(members)[: shots + spare] for members in chosen])
    support, queries = rows[drawn[:, :shots]], rows[drawn[:, shots:].ravel()]
    if rule is Rule.PROTOTYPE:
        prototypes = support.mean(axis=1)
        if metric is Metric.COSINE:
            lengths = np.linalg.norm(prototypes, axis=1, keepdims=True)
            prototypes /= np.where(lengths > 0, lengths, 1)
        named = score_matrix(queries, prototypes, metric).argmax(axis=1)
    else:
        named = score_matrix(queries, support.reshape(-1, rows.shape[1]), metric).argmax(axis=1) // shots
    return float((named == np.repeat(np.arange(len(chosen)), spare)).mean())
