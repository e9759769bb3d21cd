"""Read, decode and encode pictures, and write their vectors down batch by batch: a killed build loses one batch."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection, delete, insert, select

from indexer.checksums import embedding_checksum, item_checksum
from indexer.decoding.picture import Picture
from indexer.decoding.sandbox import Job, Outcome, Sandbox, Wants
from indexer.durable import failpoint
from indexer.embedding import BATCH, Pixels, embed, read_batches, vectors_of
from indexer.encoders import EncoderFiles
from indexer.executors.executor import Executor, Reach
from indexer.executors.opening import open_executor
from indexer.memory import return_what_is_free
from indexer.plan import Candidate, Rejected
from indexer.prefetch import Prefetch
from indexer.remote import is_remote
from indexer.settings import Settings
from indexer.store import Store
from indexer.tables import Embedding, Item, Rejection
from retrieval.preprocess import PreprocessSpec
from retrieval.similarity import Float32

VANISHED = "vanished"
NO_VECTOR = "no-vector"

Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file whose content is known and encoded; the candidate's size and time are those that it had when it was read."""

    candidate: Candidate
    sha256: bytes


@dataclass
class Encoded:
    """What became of the files that were read; ``pictures`` counts those that the encoder saw."""

    files: list[ReadFile] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    vanished: list[Candidate] = field(default_factory=list)
    pictures: int = 0


@dataclass
class _Batch:
    """Pictures on their way through the encoder, and rejections on their way to the database."""

    pictures: dict[bytes, tuple[Picture, ReadFile]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)


_Encode = Callable[[Mapping[bytes, Pixels]], tuple[dict[str, Float32], dict[bytes, str]]]
_Batches = Generator[tuple[_Batch, _Encode]]


def encode_files(
    store: Store,
    encoder: EncoderFiles,
    encoder_id: int,
    candidates: Sequence[Candidate],
    encoded: set[bytes],
    settings: Settings,
    progress: Progress,
) -> Encoded:
    """Give every candidate's content its vectors; contents in ``encoded`` have them and are only hashed.

    ``encoded`` grows by what is written down. Workers of an executor decode and encode; writing is done here.
    """
    result = Encoded()
    if not candidates:
        return result
    write = _Writer(store, encoder, encoder_id)
    with open_executor(settings.executor) as executor:
        if executor.reach is Reach.PROCESS:
            arriving = _decoded_here(store, encoder, candidates, encoded, settings, progress, result)
        else:
            arriving = _encoded_there(executor, encoder, candidates, encoded, settings, progress, result)
        with closing(arriving) as batches:
            _write_down(batches, write, encoded, result)
    return_what_is_free()  # the encoder is gone, and what comes next needs its memory
    return result


def _write_down(batches: _Batches, write: "_Writer", encoded: set[bytes], result: Encoded) -> None:
    for batch, encode in batches:
        _flush(batch, encode, write, encoded, result)


def _decoded_here(
    store: Store,
    encoder: EncoderFiles,
    candidates: Sequence[Candidate],
    encoded: set[bytes],
    settings: Settings,
    progress: Progress,
    result: Encoded,
) -> _Batches:
    """Decode in processes of this machine; what encodes is this one, on all cores."""
    with Sandbox(limits=settings.limits, workers=settings.jobs) as sandbox:
        sandbox.start()
        batch = _Batch()
        arriving = _outcomes(store, sandbox, candidates, encoded, encoder.spec.preprocess)
        with Prefetch(arriving, depth=BATCH, hurry=sandbox.hurry) as outcomes:
            # Loaded while the first pictures are decoded.
            encode = partial(vectors_of, encoder.load(1, at_once=os.cpu_count() or 1))
            for done, (candidate, outcome) in enumerate(outcomes, start=1):
                _sort_outcome(candidate, outcome, encoded, batch, result)
                if len(batch.pictures) >= BATCH or len(batch.rejected) >= BATCH:
                    yield batch, encode
                    batch = _Batch()
                progress(done, len(candidates))
        yield batch, encode


def _encoded_there(
    executor: Executor,
    encoder: EncoderFiles,
    candidates: Sequence[Candidate],
    encoded: set[bytes],
    settings: Settings,
    progress: Progress,
    result: Encoded,
) -> _Batches:
    """Read files here and have workers decode and encode them, a batch a task."""
    tasks = read_batches((candidate.found.path for candidate in candidates), encoded, settings.limits)
    work = partial(embed, executor.share(encoder), encoder.fingerprint, settings.limits)
    done = 0
    for embedded in executor.map(work, tasks):
        batch = _Batch()
        for outcome in embedded.outcomes:
            _sort_outcome(candidates[outcome.key], outcome, encoded, batch, result)
        yield batch, embedded.vectors_of
        done += len(embedded.outcomes)
        progress(done, len(candidates))


def _outcomes(
    store: Store,
    sandbox: Sandbox,
    candidates: Sequence[Candidate],
    encoded: set[bytes],
    shape: PreprocessSpec,
) -> Generator[tuple[Candidate, Outcome]]:
    """Hash first what may be a content that is known, told by its size; decode the rest, and what costs most to read."""
    with store.database.reading() as connection:
        sizes = set(connection.execute(select(Item.size_bytes)).scalars())
    run = partial(sandbox.run, size=shape.size, fit=shape.fit, view=shape.view, window=BATCH)
    known = set()
    perhaps = (
        key
        for key, candidate in enumerate(candidates)
        if candidate.found.size_bytes in sizes and not is_remote(candidate.found.path)
    )
    for outcome in run(_jobs(candidates, perhaps, "hash")):
        if outcome.sha256 is None or outcome.sha256 in encoded:
            known.add(outcome.key)
            yield candidates[outcome.key], outcome
    new = (key for key in range(len(candidates)) if key not in known)
    for outcome in run(_jobs(candidates, new, "pixels")):
        yield candidates[outcome.key], outcome


def _jobs(candidates: Sequence[Candidate], keys: Iterable[int], wants: Wants) -> Iterator[Job]:
    return (Job(key, path=candidates[key].found.path, wants=wants) for key in keys)


def _sort_outcome(
    candidate: Candidate, outcome: Outcome, encoded: set[bytes], batch: _Batch, result: Encoded
) -> None:
    failure = outcome.failure
    if failure is not None and failure.reason == VANISHED:
        result.vanished.append(candidate)
    elif failure is not None:
        batch.rejected.append(_rejected(candidate, str(failure.reason), failure.message))
    elif outcome.sha256 is not None:
        read = ReadFile(candidate.as_read(outcome.size_bytes, outcome.mtime_ns), outcome.sha256)
        result.files.append(read)
        if outcome.picture is not None and outcome.sha256 not in encoded:
            batch.pictures[outcome.sha256] = (outcome.picture, read)


def _rejected(candidate: Candidate, reason: str, message: str) -> Rejected:
    found = candidate.found
    return Rejected(candidate.path, candidate.listing.id, found.size_bytes, found.mtime_ns, reason, message)


def _flush(batch: _Batch, encode: _Encode, write: "_Writer", encoded: set[bytes], result: Encoded) -> None:
    """Encode a batch and write it down."""
    if not batch.pictures and not batch.rejected:
        return
    vectors: dict[str, Float32] = {}
    if batch.pictures:
        result.pictures += len(batch.pictures)
        vectors = _encode(batch, encode, result)
        failpoint("embed.mid_batch")
    write(batch, vectors)
    encoded.update(batch.pictures)
    result.rejected.extend(batch.rejected)


def _encode(batch: _Batch, encode: _Encode, result: Encoded) -> dict[str, Float32]:
    """Encode a batch; pictures that the encoder makes no vector of are rejected."""
    pixels = {sha256: picture.pixels for sha256, (picture, _) in batch.pictures.items()}
    vectors, failed = encode(pixels)
    for sha256, message in failed.items():
        _, read = batch.pictures.pop(sha256)
        result.files = [file for file in result.files if file.sha256 != sha256]
        batch.rejected.append(_rejected(read.candidate, NO_VECTOR, message))
    return vectors


class _Writer:
    """Writes one batch down in one transaction: a checkpoint, not yet part of any generation."""

    def __init__(self, store: Store, encoder: EncoderFiles, encoder_id: int) -> None:
        self._store = store
        self._fingerprint = encoder.fingerprint
        self._encoder_id = encoder_id

    def __call__(self, batch: _Batch, vectors: dict[str, Float32]) -> None:
        with self._store.database.writing() as connection:
            ids = self._item_ids(connection, batch)
            rows = [
                self._embedding(space, ids[sha256], sha256, vector)
                for space, matrix in vectors.items()
                for sha256, vector in zip(batch.pictures, matrix, strict=True)
            ]
            if rows:
                stale = Embedding.item_id.in_(ids.values()), Embedding.encoder_id == self._encoder_id
                connection.execute(delete(Embedding).where(*stale))
                connection.execute(insert(Embedding), rows)
            write_rejections(connection, batch.rejected)
            failpoint("checkpoint.before_commit")
        failpoint("checkpoint.after_commit")

    def _item_ids(self, connection: Connection, batch: _Batch) -> dict[bytes, int]:
        """Return the ids of the batch's contents, those that are new being inserted."""
        wanted = select(Item.sha256, Item.id).where(Item.sha256.in_(batch.pictures))
        known = {row.sha256: row.id for row in connection.execute(wanted)}
        rows = []
        for sha256, (picture, read) in batch.pictures.items():
            if sha256 not in known:
                size_bytes = read.candidate.found.size_bytes
                facts = (size_bytes, picture.width, picture.height, picture.format)
                names = ("size_bytes", "width", "height", "format")
                checksum = item_checksum(sha256, *facts)
                rows.append({"sha256": sha256, "checksum": checksum, **dict(zip(names, facts, strict=True))})
        if rows:
            connection.execute(insert(Item), rows)
        return {row.sha256: row.id for row in connection.execute(wanted)}

    def _embedding(self, space: str, item_id: int, sha256: bytes, vector: Float32) -> dict[str, object]:
        blob = vector.astype("<f4").tobytes()
        checksum = embedding_checksum(self._fingerprint, space, sha256, blob)
        return {
            "encoder_id": self._encoder_id,
            "space": space,
            "item_id": item_id,
            "vector": blob,
            "checksum": checksum,
        }


def write_rejections(connection: Connection, rejected: Sequence[Rejected]) -> None:
    """Replace what the database says of these files' rejections."""
    if not rejected:
        return
    rows = [{name: getattr(entry, name) for name in Rejected.__dataclass_fields__} for entry in rejected]
    connection.execute(delete(Rejection).where(Rejection.path.in_([entry.path for entry in rejected])))
    connection.execute(insert(Rejection), rows)
