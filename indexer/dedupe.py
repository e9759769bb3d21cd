"""`index dedupe`: every pair of copies in the index, grouped around the file to keep. Nothing is touched."""

import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from indexer.errors import UsageRefused
from indexer.generations import require_generation
from indexer.lookup import IDENTICAL
from indexer.sound_rows import read_items
from indexer.store import Store
from indexer.tables import File, Item
from retrieval.groups import anchor_groups
from retrieval.join import self_join
from retrieval.similarity import Float32, Metric

COPY_SPACE = "copy"
# A plain threshold until calibration sets it: see `scripts/bench/foundation.py` for how many unrelated photos reach it.
DEFAULT_THRESHOLD = 0.9


@dataclass(frozen=True)
class Member:
    """A file that its group could do without; ``probability`` is None until thresholds are calibrated."""

    path: str
    score_to_keep: float
    probability: float | None
    verdict: str | None
    reason: str


@dataclass(frozen=True)
class DuplicateGroup:
    """A file to keep and the files that are its copies; ``min_score`` is the lowest between any two of them."""

    id: int
    keep: str
    keep_reason: str
    members: list[Member]
    min_score: float


@dataclass
class DedupeReport:
    """All groups; ``pairs`` counts pairs of files at or above the threshold, ``wasted_bytes`` the members' sizes."""

    space: str
    threshold: float
    groups: list[DuplicateGroup] = field(default_factory=list)
    pairs: int = 0
    wasted_bytes: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class _Place:
    """A file with what decides whether it is the best of its group."""

    path: str
    item: int
    pixels: int
    size_bytes: int

    def preference(self) -> tuple[int, int, int, str]:
        """Sort key, best first: resolution, then file size, then the shortest path."""
        return (-self.pixels, -self.size_bytes, len(self.path), self.path)


def dedupe(store: Store, threshold: float, space: str | None = None) -> DedupeReport:
    """Group files whose pictures score at least ``threshold`` with the file that is kept.

    Files with the same bytes are grouped whatever the threshold. The space is ``copy`` where the encoder has it.

    Raises:
        UsageRefused: the threshold is not a cosine, or the space cannot be compared by it.
        StoreDamaged: a row is not what was written.
    """
    started = time.monotonic()
    if not -1 <= threshold <= 1:
        raise UsageRefused(f"threshold {threshold} is not a cosine score", "give one between -1 and 1")
    with store.database.reading() as connection:
        generation = require_generation(connection, store)
        names = {known.name for known in generation.spec.spaces}
        chosen = generation.space(space or (COPY_SPACE if COPY_SPACE in names else None))
        if chosen.metric is not Metric.COSINE:
            raise UsageRefused(
                f"space {chosen.name!r} holds vectors that are not normalised, which dedupe cannot join"
            )
        places = _places(connection)
        ids = sorted({place.item for place in places})
        items = read_items(connection, generation, chosen, ids)
    vectors = np.stack([items[id_].vector for id_ in ids]) if ids else np.empty((0, chosen.dim), np.float32)
    report = DedupeReport(chosen.name, threshold)
    _group(store, report, places, ids, vectors)
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _places(connection: Connection) -> list[_Place]:
    statement = select(File.path, File.item_id, Item.width, Item.height, File.size_bytes).join(
        Item, Item.id == File.item_id
    )
    return [
        _Place(row.path, row.item_id, row.width * row.height, row.size_bytes)
        for row in connection.execute(statement)
    ]


def _group(
    store: Store, report: DedupeReport, places: list[_Place], ids: list[int], vectors: Float32
) -> None:
    """Group contents by score, then put every content's files into its group."""
    homes: dict[int, list[_Place]] = defaultdict(list)
    for place in sorted(places, key=_Place.preference):
        homes[place.item].append(place)
    row_of = {id_: row for row, id_ in enumerate(ids)}
    best_first = sorted(ids, key=lambda id_: homes[id_][0].preference())
    pairs = self_join(vectors, report.threshold)
    groups = anchor_groups(pairs, vectors, [row_of[id_] for id_ in best_first])
    grouped = {row for group in groups for row in (group.keep, *group.members)}
    for group in groups:
        scored = zip([group.keep, *group.members], [1.0, *group.scores_to_keep], strict=True)
        files = [(place, score, row == group.keep) for row, score in scored for place in homes[ids[row]]]
        _add(store, report, files, group.min_score)
    for id_ in best_first:
        if row_of[id_] not in grouped and len(homes[id_]) > 1:
            _add(store, report, [(place, 1.0, True) for place in homes[id_]], 1.0)
    sizes = {row: len(homes[ids[row]]) for row in range(len(ids))}
    report.pairs = sum(size * (size - 1) // 2 for size in sizes.values())
    report.pairs += sum(
        sizes[a] * sizes[b] for a, b in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    )


def _add(
    store: Store, report: DedupeReport, files: list[tuple[_Place, float, bool]], min_score: float
) -> None:
    keep = files[0][0]
    members = [
        Member(
            path=store.shown_path(place.path),
            score_to_keep=score,
            probability=None,
            verdict=IDENTICAL if same_bytes else None,
            reason="the same bytes" if same_bytes else f"score {score:.3f} >= {report.threshold:g}",
        )
        for place, score, same_bytes in files[1:]
    ]
    report.wasted_bytes += sum(place.size_bytes for place, _, _ in files[1:])
    reason = _why_kept(keep, [place for place, _, _ in files[1:]])
    report.groups.append(
        DuplicateGroup(len(report.groups) + 1, store.shown_path(keep.path), reason, members, min_score)
    )


def _why_kept(keep: _Place, others: list[_Place]) -> str:
    if all(keep.pixels > other.pixels for other in others):
        return "the highest resolution"
    if all((keep.pixels, keep.size_bytes) > (other.pixels, other.size_bytes) for other in others):
        return "the largest file of the highest resolution"
    return "the shortest path among equals"
