"""`index query`: open the current generation, embed the query pictures, search, and prove every row returned.

FAISS only proposes: each proposed item's vector is read from the database, held to its checksum, and scored
again in float64. A proposal that FAISS scored otherwise is damage, not an answer.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sqlalchemy import Connection, select

from indexer.calibrations import Calibration, current_calibration, current_calibrations
from indexer.committed import require_generation
from indexer.database import REPAIR_HINT
from indexer.encoders import BUILTIN, COPY_SPACE, EncoderFiles, read_encoder
from indexer.engine.collections import ENGINE, collection_of
from indexer.engine.search import EngineIndex, Opened
from indexer.errors import EngineUnavailable, StoreDamaged, UsageRefused, VectorsMissing, WrongEncoder
from indexer.sound_rows import FileFacts, ItemFacts, read_items
from indexer.store import Store
from indexer.tables import File
from retrieval.encoder import Encoder, Space
from retrieval.metric import Metric
from retrieval.normalisation import DEPTH, normalised_scores
from retrieval.ranking import rank
from retrieval.search import Candidates, NeighbourIndex, NeighbourSearch
from retrieval.similarity import Float32, Float64, Int64, distance_from_score, scores

if TYPE_CHECKING:
    from concurrent.futures import Future

# FAISS computes in float32, and a cosine near 1 as an L2 distance loses half its digits.
FAISS_TOLERANCE = 1e-3
IDENTICAL = "identical"
# What a part of a query, or a turn of it, must score more than the whole: there are many, and each is a chance to err.
PART_PENALTY = 0.05


@dataclass(frozen=True)
class Match:
    """One ranked neighbour; ``verdict`` is "identical" for the same bytes, else None unless it was verified.

    ``reason`` is why the verdict is so, or why there is none although it was asked for.
    ``probability`` is P(same | score) at equal odds, and None where the space is not calibrated.
    ``normalised_score`` says how far the score stands out from what else is near the query (`retrieval.normalisation`);
    only the space of copies has it. ``item`` is the content's id in the index, which is never given twice.
    """

    rank: int
    path: str
    score: float
    distance: float
    label: str | None
    attributes: dict[str, str] = field(default_factory=dict)
    verdict: str | None = None
    reason: str | None = None
    probability: float | None = None
    normalised_score: float | None = None
    item: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the match as plain values."""
        return asdict(self)


class Gallery:
    """The current generation, open for queries. Answers are always those of one generation.

    ``builtin`` may be the built-in encoder, being loaded since before the index was opened.
    """

    def __init__(self, store: Store, builtin: "Future[Encoder] | None" = None) -> None:
        self.store = store
        self._builtin = builtin
        self._indexes: dict[str, NeighbourIndex] = {}
        self._opened: dict[str, Opened] = {}
        self._network: tuple[str, Encoder] | None = None
        with store.database.reading() as connection:
            self.generation = require_generation(connection, store)

    def on(self, snapshot: Store) -> Self:
        """Return this gallery as a snapshot of its store sees it; what was loaded is shared, threads included."""
        held = copy(self)
        held.store = snapshot
        return held

    def calibrations(self, space: str | None = None) -> list[Calibration]:
        """Return the calibrations in force, of one space or of all.

        Raises:
            UsageRefused: no such space.
            StoreDamaged: a row is not what was written.
        """
        spaces = self.generation.spec.spaces if space is None else [self.generation.space(space)]
        with self.store.database.reading() as connection:
            return current_calibrations(connection, self.generation.fingerprint, [one.name for one in spaces])

    def encoder_files(self) -> EncoderFiles:
        """Read the encoder that the generation was made with.

        Raises:
            WrongEncoder: it is gone, or has become another one.
        """
        generation = self.generation
        source = generation.encoder_source
        name = f"{generation.spec.name} {generation.spec.version}"
        hint = "bring that encoder back, or run `index build` to encode the catalogue with the one at hand"
        try:
            files = read_encoder(source if source == BUILTIN else self.store.absolute_path(source))
        except UsageRefused as error:
            raise WrongEncoder(
                f"this index was made with encoder {name}, which cannot be read: {error}", hint
            ) from error
        if files.fingerprint != generation.fingerprint:
            raise WrongEncoder(
                f"this index was made with encoder {name} ({generation.fingerprint[:12]}); what is at {source} now is "
                f"{files.spec.name} {files.spec.version} ({files.fingerprint[:12]})",
                hint,
            )
        return files

    def network(self) -> Encoder:
        """Return the encoder, loaded once."""
        wanted = self.generation.fingerprint
        if self._network is None or self._network[0] != wanted:
            self._network = wanted, self._preloaded() or self.encoder_files().load(os.cpu_count() or 1)
        return self._network[1]

    def _preloaded(self) -> Encoder | None:
        """The built-in encoder, if the generation was made with it and it could be loaded."""
        ahead = self._builtin if self.generation.encoder_source == BUILTIN else None
        if ahead is None or ahead.exception() or ahead.result().fingerprint != self.generation.fingerprint:
            return None  # reading it again says what is wrong with it
        return ahead.result()

    def find(
        self,
        queries: Sequence[Float32],
        sha256s: Sequence[bytes | None],
        k: int,
        *,
        space: Space,
        metric: Metric,
        threshold: float | None = None,
        where: Mapping[str, str] | None = None,
    ) -> list[list[Match]]:
        """Rank the gallery for each query: (dim,), or (v, dim) where vectors of its parts follow the one of the whole.

        A score is that of the whole, or of the part that scores highest less `PART_PENALTY`.
        ``where`` limits the answer to files with those attributes (or that ``label``); equal scores are ordered
        by path; ``sha256s`` are the queries' own contents, so that the same bytes are named identical.

        Raises:
            UsageRefused: the space cannot be compared by that metric.
            StoreDamaged: a row or a FAISS file is not what was committed.
        """
        if space.metric is Metric.L2 and metric is Metric.COSINE:
            raise UsageRefused(
                f"space {space.name!r} holds vectors that are not normalised: it cannot be compared by cosine",
                "use --metric l2",
            )
        with self.store.database.reading() as connection:
            self.follow(connection)
            self.open_current(connection, space)
            allowed = _allowed_items(connection, where) if where else None
            depth = max(k, DEPTH) if space.name == COPY_SPACE else k
            whole_and_parts = [np.atleast_2d(query) for query in queries]
            index = self.open_index(space, connection)
            found = iter(index.search(np.concatenate(whole_and_parts), depth, allowed))
            proposals = [[next(found) for _ in vectors] for vectors in whole_and_parts]
            ids = sorted({int(id_) for parts in proposals for part in parts for id_ in part.ids})
            items = read_items(connection, self.generation, space, ids)
            meaning = current_calibration(connection, self.generation.fingerprint, space.name)
        return [
            self._rank(
                vectors, sha256, parts, index.error, items, k, space, metric, threshold, where or {}, meaning
            )
            for vectors, sha256, parts in zip(whole_and_parts, sha256s, proposals, strict=True)
        ]

    def open_current(self, connection: Connection, space: Space) -> None:
        """Open this snapshot's search structure; one that builds have overtaken and removed is no damage."""
        while True:
            try:
                self.open_index(space, connection)
            except (StoreDamaged, VectorsMissing):
                with self.store.database.reading() as later:
                    overtaken = require_generation(later, self.store).id != self.generation.id
                if not overtaken:
                    raise
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("BEGIN")
                self.follow(connection)
            else:
                return

    def follow(self, connection: Connection) -> None:
        """Move on to the generation that this snapshot sees.

        Raises:
            WrongEncoder: it was made with another encoder.
        """
        current = require_generation(connection, self.store)
        if current.id != self.generation.id:
            if current.fingerprint != self.generation.fingerprint:
                raise WrongEncoder("the index was rebuilt with another encoder meanwhile", "ask again")
            self.generation, self._indexes, self._opened = current, {}, {}

    def open_ahead(self, space: Space) -> None:
        """Open the search structure before it is asked for; what is wrong with it, `find` says or finds overtaken."""
        with suppress(StoreDamaged, EngineUnavailable), self.store.database.reading() as connection:
            self.open_index(space, connection)

    def open_index(self, space: Space, connection: Connection) -> NeighbourSearch:
        """Return what searches a space, read or connected to once, as a snapshot has it.

        Raises:
            StoreDamaged: its file is not what was committed.
            EngineUnavailable: its engine does not answer, or does not hold it.
        """
        collection = collection_of(connection, self.generation, space)
        if collection is None:
            return self.open_file(space)
        opened = self._opened.get(space.name)
        if opened is None or opened.collection != collection:  # what followed since is read anew
            opened = self._opened[space.name] = Opened(collection, collection.open(space))
        return EngineIndex(opened, self.generation, space, connection)

    def open_file(self, space: Space) -> NeighbourIndex:
        """Return the search structure that is a file, read once.

        Raises:
            StoreDamaged: it is not what was committed.
        """
        if space.name not in self._indexes:
            generation, file = self.generation, self.generation.faiss[space.name]
            self._indexes[space.name] = self.store.read_faiss(
                file.sha256,
                dim=space.dim,
                metric=space.metric,
                count=generation.item_count,
                recall=file.recall,
            )
        return self._indexes[space.name]

    def _rank(
        self,
        query: Float32,
        sha256: bytes | None,
        proposals: Sequence[Candidates],
        error: float,
        items: Mapping[int, ItemFacts],
        k: int,
        space: Space,
        metric: Metric,
        threshold: float | None,
        where: Mapping[str, str],
        meaning: Calibration | None,
    ) -> list[Match]:
        ids = sorted({int(id_) for part in proposals for id_ in part.ids})
        if not ids:
            return []
        gallery = np.stack([items[id_].vector for id_ in ids])
        own = self._scored(query, proposals, error, ids, gallery, space)
        exact = own if metric is space.metric else scores(query[0], gallery, metric)
        unknown = [None] * len(ids)
        chances = unknown if meaning is None else meaning.probability(own).tolist()
        is_normalised = space.name == COPY_SPACE and space.metric is Metric.COSINE
        normalised = normalised_scores(own, gallery).tolist() if is_normalised else unknown
        entries = [
            (score, file, items[id_].sha256, chance, standing, id_)
            for id_, score, chance, standing in zip(ids, exact, chances, normalised, strict=True)
            for file in items[id_].files
            if _passes(file, where)
        ]
        values = np.array([entry[0] for entry in entries])
        order = rank(values, [file.path for _, file, *_ in entries], k, threshold)
        distances = distance_from_score(values, metric)
        return [
            Match(
                rank=place,
                path=self.store.shown_path(file.path),
                score=float(score),
                distance=float(distances[position]),
                label=file.label,
                attributes=file.attributes,
                verdict=IDENTICAL if content == sha256 else None,
                probability=chance,
                normalised_score=standing,
                item=id_,
            )
            for place, position in enumerate(order, start=1)
            for score, file, content, chance, standing, id_ in [entries[position]]
        ]

    def _scored(
        self,
        query: Float32,
        proposals: Sequence[Candidates],
        error: float,
        ids: list[int],
        gallery: Float32,
        space: Space,
    ) -> Float64:
        """Score a query, by its whole or by its best part, with all contents that were proposed for any: (m,).

        Raises:
            StoreDamaged: FAISS scored what it proposed otherwise.
        """
        table = np.stack([scores(vector, gallery, space.metric) for vector in query])
        for row, part in zip(table, proposals, strict=True):
            off = np.abs(row[np.searchsorted(ids, part.ids)] - part.scores).max(initial=0)
            if off > FAISS_TOLERANCE + error:
                named = self.generation.faiss[space.name]
                what = named.sha256 if named.kind == ENGINE else self.store.faiss_path(named.sha256)
                raise StoreDamaged(f"{what} disagrees with the vectors in the database", REPAIR_HINT)
        table[1:] -= PART_PENALTY
        best: Float64 = table.max(axis=0)
        return best


def _passes(file: FileFacts, where: Mapping[str, str]) -> bool:
    facts = file.attributes | ({"label": file.label} if file.label is not None else {})
    return all(facts.get(key) == value for key, value in where.items())


def _allowed_items(connection: Connection, where: Mapping[str, str]) -> Int64:
    statement = select(File.item_id).distinct()
    for key, value in where.items():
        column = File.label if key == "label" else File.attributes[key].as_string()
        statement = statement.where(column == value)
    return np.array(connection.execute(statement).scalars().all(), np.int64)
