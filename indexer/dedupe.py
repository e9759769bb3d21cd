"""`index dedupe`: every pair of copies in the index, grouped around the file to keep. Nothing is touched.

1. Vectors are joined exactly, or by cells where they are more than ``join_limit``; what somebody decided of a pair beats
   its score.
2. Near-blank pictures are taken out: their likeness says nothing.
3. Files are grouped around those that are kept.
4. With verification pairs below the threshold that stand out from what else is near are candidates too, and all are
   looked at before anything is grouped (`duplicates/looking`). Each member is held against the pixels of the kept file;
   a pair that is none is no candidate any more, and what is left is grouped anew until nothing changes.
"""

import time
from collections.abc import Sequence

import numpy as np
from sqlalchemy import select

from indexer.calibrations import current_calibration
from indexer.committed import require_generation
from indexer.compared import require_comparable
from indexer.decisions import Decisions
from indexer.decoding.sandbox import Sandbox
from indexer.duplicates.candidates import Candidates, find_candidates
from indexer.duplicates.describe import NO_COPY, Verdicts, describe
from indexer.duplicates.grouping import Group, group_files
from indexer.duplicates.joining import Joiner
from indexer.duplicates.looking import Looks
from indexer.duplicates.pixels import Pixels
from indexer.duplicates.places import read_places
from indexer.duplicates.report import DedupeReport
from indexer.duplicates.scope import Scope
from indexer.duplicates.watermark import seen_items
from indexer.encoders import COPY_SPACE
from indexer.engine.collections import ENGINE
from indexer.errors import UsageRefused
from indexer.executors.opening import open_executor
from indexer.lookup import Gallery
from indexer.settings import Settings
from indexer.sound_rows import read_items
from indexer.store import Store
from indexer.tables import File
from retrieval.metric import Metric
from retrieval.search import NeighbourIndex, build_index

# Of encoders that say none, until `index calibrate` sets one.
DEFAULT_THRESHOLD = 0.9
EVERYTHING = Scope()


def dedupe(
    store: Store,
    settings: Settings,
    threshold: float | None = None,
    space: str | None = None,
    *,
    scope: Scope = EVERYTHING,
    seen: int | None = None,
    prefer: Sequence[str] = (),
    verify: bool = False,
) -> DedupeReport:
    """Group files whose pictures score at least ``threshold`` with the file that is kept.

    Without a threshold it is the calibrated one, or else the encoder's, or else DEFAULT_THRESHOLD.
    Files with the same bytes are grouped whatever the threshold. The space is ``copy`` where the encoder has it.
    ``seen`` is the largest item id that is not new, for a scope of what is new; by default that of the last
    `--new`. ``prefer`` are globs of files to keep, the first ones first. With ``verify`` pixels decide.

    Raises:
        UsageRefused: the threshold is not a cosine, the space cannot be compared by it, the scope asks for what the
            index does not hold, nothing can be verified here, or there is no such executor.
        ExecutorFailed: the executor that the settings name cannot be reached or started, or its workers die.
        StoreDamaged: a row is not what was written.
    """
    started = time.monotonic()
    if threshold is not None and not -1 <= threshold <= 1:
        raise UsageRefused(f"threshold {threshold} is not a cosine score", "give one between -1 and 1")
    with store.database.reading() as connection:
        generation = require_generation(connection, store)
        names = {known.name for known in generation.spec.spaces}
        chosen = generation.space(space or (COPY_SPACE if COPY_SPACE in names else None))
        if chosen.metric is not Metric.COSINE:
            raise UsageRefused(
                f"space {chosen.name!r} holds vectors that are not normalised, which dedupe cannot join"
            )
        index: NeighbourIndex | None = None
        if verify:
            require_comparable(generation.spec)
        if verify and generation.faiss[chosen.name].kind != ENGINE:
            gallery = Gallery(store)
            gallery.follow(connection)
            gallery.open_current(connection, chosen)
            generation, index = gallery.generation, gallery.open_file(chosen)
        if seen is None:
            seen = seen_items(connection) if scope.new else 0
        ids = list(connection.execute(select(File.item_id).distinct().order_by(File.item_id)).scalars())
        items = read_items(connection, generation, chosen, ids)  # proves the rows that are read again below
        places = read_places(connection, store, scope, prefer, seen)
        decisions = Decisions.read(connection)
        calibration = current_calibration(connection, generation.fingerprint, chosen.name)
    vectors = np.stack([items[id_].vector for id_ in ids]) if ids else np.empty((0, chosen.dim), np.float32)
    if verify and index is None:  # all vectors are here: they are not asked of an engine one by one
        index = build_index(
            lambda: [(np.array(ids, np.int64), vectors)],
            dim=chosen.dim,
            metric=Metric.COSINE,
            count=len(ids),
            exact_limit=settings.exact_limit,
        )
    if threshold is None:
        threshold = calibration.threshold if calibration else chosen.threshold or DEFAULT_THRESHOLD
    report = DedupeReport(
        chosen.name, threshold, verified=verify, calibrated=bool(calibration), newest_item=max(ids, default=0)
    )
    with open_executor(settings.executor) as executor:
        join = Joiner(executor, settings.join_limit)
        candidates, report.pairs = find_candidates(
            places, ids, vectors, threshold, scope, decisions, index, join
        )
    report.join = candidates.how
    best = {place.item: place for place in reversed(places)}
    with Sandbox(limits=settings.limits, workers=settings.jobs) as sandbox:
        paths = {item: store.absolute_path(place.path) for item, place in best.items()}
        sha256s = {item: place.sha256 for item, place in best.items()}
        pixels = Pixels(sandbox, paths, sha256s, generation.spec.preprocess.view)
        report.near_blank = _drop_near_blank(candidates, pixels)
        judged: Verdicts = {}
        looks = Looks(places, candidates, scope, pixels, judged)
        report.proposed = looks.confirm() if verify else 0
        groups, links = group_files(places, candidates, scope)
        while verify and _hold(groups, candidates, looks):
            groups, links = group_files(places, candidates, scope)
    report.rejected_by_verification = sum(found.verdict in NO_COPY for found in judged.values())
    report.unverified = sum(found.verdict is None for found in judged.values())
    describe(report, store, groups, links, candidates, decisions, judged, calibration)
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _drop_near_blank(candidates: Candidates, pixels: Pixels) -> int:
    """Leave near-blank pictures only the copies that need no look; return how many there are."""
    blank = pixels.near_blank([item for item in candidates.partners if candidates.on_likeness(item)])
    for item in blank:
        for other in candidates.on_likeness(item):
            candidates.drop(item, other)
    return len(blank)


def _hold(groups: Sequence[Group], candidates: Candidates, looks: Looks) -> bool:
    """Look at the members that were not yet held against what is kept; tell whether any is no copy of it."""
    dropped = [
        looks.look(
            group.keep.item,
            sorted({p.item for p, _ in group.members if not candidates.is_sure(group.keep.item, p.item)}),
        )
        for group in groups
    ]
    return any(dropped)
