"""Pairs that somebody has judged, by a list or by decisions, with their scores, dealt into two halves.

One half is learned from, the other is for judging what was learned: no picture is in both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from sqlalchemy import Connection, select

from indexer.committed import Committed
from indexer.dataset import Unusable
from indexer.decisions import Decisions, DecisionVerdict
from indexer.decoding.sandbox import Job, Sandbox, Wants
from indexer.embedding import BATCH
from indexer.encoders import COPY_SPACE
from indexer.encoding import Progress
from indexer.lookup import Gallery
from indexer.pair_list import read_pair_list
from indexer.sound_rows import read_items
from indexer.tables import File, Item
from retrieval.encoder import Space
from retrieval.evaluation.pairs import pair_scores
from retrieval.similarity import Float32, Float64, Int64
from retrieval.thresholds import Negatives

FIT, HELD_OUT = 0, 1
PAIR = "pair"
_CONTENTS_AT_ONCE = 500
Triple = tuple[bytes, bytes, bool]


class KnownPairs(Protocol):
    """Pairs of which it is known whether they are the same, in the halves `FIT` and `HELD_OUT`.

    ``same`` has, for each half, the scores of its same pairs by what was done to them. ``unusable`` are
    pictures that were left out.
    """

    same: tuple[dict[str, Float64], dict[str, Float64]]
    unusable: list[Unusable]

    @property
    def facts(self) -> dict[str, Any]:
        """What is worth knowing of where the pairs come from."""
        ...

    def different_count(self, half: int) -> int:
        """How many different pairs a half has, at most."""
        ...

    def different(self, half: int, *, keep: int | None = None, floor: float = -np.inf) -> Negatives:
        """Score the different pairs of a half."""
        ...


@dataclass
class JudgedPairs:
    """`KnownPairs` from a list: ``different_pairs`` has, for each half, scores (m,) and picture numbers (m, 2)."""

    same: tuple[dict[str, Float64], dict[str, Float64]]
    different_pairs: tuple[tuple[Float64, Int64], tuple[Float64, Int64]]
    picture_count: int
    facts: dict[str, Any] = field(default_factory=dict)
    unusable: list[Unusable] = field(default_factory=list)

    def different_count(self, half: int) -> int:
        """How many different pairs a half has."""
        return len(self.different_pairs[half][0])

    def different(self, half: int, *, keep: int | None = None, floor: float = -np.inf) -> Negatives:
        """Score the different pairs of a half."""
        scores, pictures = self.different_pairs[half]
        negatives = Negatives(self.picture_count, keep=keep, floor=floor)
        negatives.add(scores, pictures[:, 0], pictures[:, 1])
        return negatives


def listed_pairs(
    gallery: Gallery, sandbox: Sandbox, path: Path, space: Space, seed: int, progress: Progress
) -> JudgedPairs:
    """Score the pairs of a CSV file a,b,same; contents that the index does not hold are decoded and encoded.

    Raises:
        UsageRefused: the list cannot be read.
        StoreDamaged: a row is not what was written.
    """
    listed = read_pair_list(path)
    paths = list(dict.fromkeys(path for first, second, _ in listed for path in (first, second)))
    contents, unusable = _contents(paths, gallery, sandbox)
    with gallery.store.database.reading() as connection:
        gallery.follow(connection)
        vectors = _indexed_vectors(connection, gallery.generation, space, contents.values())
    new = {sha256: path for path, sha256 in contents.items() if sha256 not in vectors}
    encoded, failed = _encoded(gallery, sandbox, new, space, progress)
    vectors |= encoded
    pairs = [
        (contents[first], contents[second], same)
        for first, second, same in listed
        if first in contents and second in contents
    ]
    judged = _dealt(pairs, vectors, space, seed, listed=len(listed))
    judged.unusable = unusable + failed
    return judged


def decided_pairs(gallery: Gallery, space: Space, seed: int) -> JudgedPairs:
    """Score the pairs that were decided and that the index holds.

    In the space ``copy``, same pictures are the same and all others that were decided are different; in any other,
    the same object is the same, and only what was decided to be different is. Fraud says nothing of either.

    Raises:
        StoreDamaged: a row is not what was written.
    """
    means = _MEANS_COPY if space.name == COPY_SPACE else _MEANS_OBJECT
    with gallery.store.database.reading() as connection:
        gallery.follow(connection)
        decided = [
            (first, second, means[verdict])
            for first, second, verdict in Decisions.read(connection).pairs()
            if verdict in means
        ]
        contents = {sha256 for first, second, _ in decided for sha256 in (first, second)}
        vectors = _indexed_vectors(connection, gallery.generation, space, contents)
    return _dealt(decided, vectors, space, seed, listed=len(decided))


_MEANS_COPY = {
    DecisionVerdict.SAME: True,
    DecisionVerdict.SAME_OBJECT: False,
    DecisionVerdict.DIFFERENT: False,
    DecisionVerdict.CLEARED: False,
}
_MEANS_OBJECT = {
    DecisionVerdict.SAME: True,
    DecisionVerdict.SAME_OBJECT: True,
    DecisionVerdict.DIFFERENT: False,
}


def deal(pairs: Sequence[tuple[int, int]], seed: int) -> list[int | None]:
    """Give each pair of picture numbers a half such that no picture is in both; None where its pictures part.

    Pairs come in a random order: two new pictures go to the half with fewer pairs, a new one to the half of the
    other. Pairs that share no picture are all kept; of a list of all pairs, about half are.
    """
    half_of: dict[int, int] = {}
    sizes = [0, 0]
    dealt: list[int | None] = [None] * len(pairs)
    for number in np.random.default_rng(seed).permutation(len(pairs)).tolist():
        first, second = pairs[number]
        half = half_of.get(first, half_of.get(second, int(sizes[0] > sizes[1])))
        if half_of.setdefault(first, half) == half_of.setdefault(second, half):
            dealt[number] = half
            sizes[half] += 1
    return dealt


def _dealt(
    pairs: Sequence[Triple], vectors: Mapping[bytes, Float32], space: Space, seed: int, *, listed: int
) -> JudgedPairs:
    """Score each pair once and deal it; identical contents and pairs without vectors prove nothing."""
    judged = {
        (min(a, b), max(a, b)): same for a, b, same in pairs if a != b and a in vectors and b in vectors
    }
    row_of = {sha256: row for row, sha256 in enumerate(sorted({one for pair in judged for one in pair}))}
    rows = [(row_of[a], row_of[b]) for a, b in judged]
    halves = np.array([-1 if half is None else half for half in deal(rows, seed)], np.int64)
    sides = np.array(rows, np.int64).reshape(-1, 2)
    same = np.array(list(judged.values()), np.bool_)
    matrix = np.stack([vectors[sha256] for sha256 in row_of]) if row_of else np.empty((0, space.dim))
    scores = pair_scores(matrix.astype(np.float32), sides[:, 0], sides[:, 1], space.metric)
    positives = [{PAIR: scores[same & (halves == half)]} for half in (FIT, HELD_OUT)]
    negatives = [
        (scores[rows], sides[rows]) for rows in (~same & (halves == half) for half in (FIT, HELD_OUT))
    ]
    return JudgedPairs(
        (positives[FIT], positives[HELD_OUT]),
        (negatives[FIT], negatives[HELD_OUT]),
        len(row_of),
        {"pictures": len(row_of), "pairs": listed, "left_out": listed - int((halves >= 0).sum())},
    )


def _contents(
    paths: Sequence[str], gallery: Gallery, sandbox: Sandbox
) -> tuple[dict[str, bytes], list[Unusable]]:
    """Return the SHA-256 of each file that can be read."""
    contents, unusable = {}, []
    shape = gallery.generation.spec.preprocess
    wants: Wants = "hash"
    jobs = (Job(key, path=path, wants=wants) for key, path in enumerate(paths))
    for outcome in sandbox.run(jobs, size=shape.size, fit=shape.fit, view=shape.view, window=BATCH):
        if outcome.sha256 is not None:
            contents[paths[outcome.key]] = outcome.sha256
        elif outcome.failure is not None:
            failure = outcome.failure
            unusable.append(Unusable(paths[outcome.key], str(failure.reason), failure.message))
    return contents, sorted(unusable, key=lambda one: one.path)


def _encoded(
    gallery: Gallery, sandbox: Sandbox, new: Mapping[bytes, str], space: Space, progress: Progress
) -> tuple[dict[bytes, Float32], list[Unusable]]:
    """Decode and encode contents, each from its path, a batch at a time."""
    vectors: dict[bytes, Float32] = {}
    unusable = []
    shape = gallery.generation.spec.preprocess
    contents = list(new)
    jobs = [Job(key, path=new[sha256]) for key, sha256 in enumerate(contents)]
    for start in range(0, len(jobs), BATCH):
        batch = {}
        part = jobs[start : start + BATCH]
        for outcome in sandbox.run(part, size=shape.size, fit=shape.fit, view=shape.view, window=BATCH):
            if outcome.picture is not None:
                batch[contents[outcome.key]] = outcome.picture.pixels
            elif outcome.failure is not None:
                failure = outcome.failure
                path = new[contents[outcome.key]]
                unusable.append(Unusable(path, str(failure.reason), failure.message))
        if batch:
            matrix = gallery.network().encode(np.stack(list(batch.values())))[space.name]
            vectors |= dict(zip(batch, matrix, strict=True))
        progress(start + len(part), len(jobs))
    return vectors, unusable


def _indexed_vectors(
    connection: Connection, generation: Committed, space: Space, contents: Iterable[bytes]
) -> dict[bytes, Float32]:
    """Read the vectors of those contents that the index holds."""
    wanted = sorted(set(contents))
    held = select(Item.id).where(Item.id.in_(select(File.item_id)))
    ids: list[int] = []
    for start in range(0, len(wanted), _CONTENTS_AT_ONCE):
        part = Item.sha256.in_(wanted[start : start + _CONTENTS_AT_ONCE])
        ids += connection.execute(held.where(part)).scalars()
    return {item.sha256: item.vector for item in read_items(connection, generation, space, ids).values()}
