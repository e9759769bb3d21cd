"""From files to vectors as tasks: contents go out in batches, and what comes back is small.

Files are read where the catalogue is, so that no worker has to see it, nor can say of a file that it is gone. Workers
decode in a sandbox of their own, and keep it and the encoder for the next batch.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from indexer.arrivals import Arrivals
from indexer.decoding.limits import Limits
from indexer.decoding.picture import DecodeFailure
from indexer.decoding.reading import Content, examined
from indexer.decoding.sandbox import Job, Outcome, Rejection, Sandbox
from indexer.encoders import EncoderFiles
from indexer.executors.executor import Shared
from retrieval.encoder import Encoder
from retrieval.errors import VectorsInvalid
from retrieval.similarity import Float32

BATCH = 64
_BATCH_BYTES = 64 << 20
_NOTHING = np.empty((0, 0, 3), np.uint8)

Pixels = npt.NDArray[np.uint8]


@dataclass
class Batch:
    """Files as they were read: ``outcomes`` of all; ``contents`` by key of those that are to be encoded."""

    outcomes: list[Outcome] = field(default_factory=list)
    contents: dict[int, bytes] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether it is worth a task, or as much as may be held."""
        size = sum(map(len, self.contents.values()))
        return len(self.outcomes) >= BATCH or size >= _BATCH_BYTES


@dataclass
class Embedded:
    """A batch's outcomes, their pictures without pixels; each content's vectors by space, or why it has none."""

    outcomes: list[Outcome]
    vectors: dict[bytes, dict[str, Float32]] = field(default_factory=dict)
    failed: dict[bytes, str] = field(default_factory=dict)

    def vectors_of(self, pictures: Iterable[bytes]) -> tuple[dict[str, Float32], dict[bytes, str]]:
        """Return (n, dim) vectors by space of those contents that have one, in that order; and why others have none."""
        wanted = list(pictures)
        rows = [self.vectors[sha256] for sha256 in wanted if sha256 not in self.failed]
        spaces = rows[0] if rows else {}
        vectors = {space: np.stack([row[space] for row in rows]) for space in spaces}
        return vectors, {sha256: self.failed[sha256] for sha256 in wanted if sha256 in self.failed}


class Embedder:
    """A sandbox and a started encoder, on one core; on the way out of its context they end."""

    def __init__(self, encoder: EncoderFiles, limits: Limits) -> None:
        self._sandbox = Sandbox(limits=limits, workers=1)
        self._sandbox.start()
        self._network = encoder.load(threads=1)

    def __enter__(self) -> "Embedder":
        return self

    def __exit__(self, *raised: object) -> None:
        self._sandbox.close()

    def __call__(self, batch: Batch) -> Embedded:
        """Decode and encode a batch's contents."""
        shape = self._network.spec.preprocess
        jobs = [Job(key, data=content) for key, content in batch.contents.items()]
        run = self._sandbox.run(jobs, size=shape.size, fit=shape.fit, view=shape.view, window=BATCH)
        decoded = {outcome.key: outcome for outcome in run}
        outcomes, pixels = [], {}
        for read in batch.outcomes:
            known = decoded.get(read.key, read)
            picture = known.picture
            if picture is not None and read.sha256 is not None:
                pixels[read.sha256] = picture.pixels
                picture = replace(picture, pixels=_NOTHING)
            outcomes.append(replace(read, picture=picture, failure=known.failure))
        vectors, failed = vectors_of(self._network, pixels)
        rows = enumerate(sha256 for sha256 in pixels if sha256 not in failed)
        by_content = {
            sha256: {space: matrix[row] for space, matrix in vectors.items()} for row, sha256 in rows
        }
        return Embedded(outcomes, by_content, failed)


def read_batches(paths: Iterable[str], encoded: Set[bytes], limits: Limits) -> Iterator[Batch]:
    """Read files, whose keys are their numbers; contents in ``encoded`` are only hashed.

    Raises:
        EngineUnavailable, PermissionRefused, UsageRefused: an object store cannot be read.
    """
    batch = Batch()
    for outcome, content in _contents(paths, limits):
        batch.outcomes.append(outcome)
        if content is not None and outcome.sha256 not in encoded:
            batch.contents[outcome.key] = content
        if batch.is_full:
            yield batch
            batch = Batch()
    if batch.outcomes:
        yield batch


def embed(encoder: Shared[EncoderFiles], fingerprint: str, limits: Limits, batch: Batch) -> Embedded:
    """Do one task, in a worker that did others before."""
    global _kept
    if _kept is None or _kept[0] != (fingerprint, limits):
        _kept = (fingerprint, limits), Embedder(encoder.get(), limits)
    return _kept[1](batch)


def vectors_of(
    network: Encoder, pictures: Mapping[bytes, Pixels]
) -> tuple[dict[str, Float32], dict[bytes, str]]:
    """Encode pictures by their contents: (n, dim) vectors by space, in that order; and why others have none.

    Where the encoder fails on one picture, the others are encoded.
    """
    failed: dict[bytes, str] = {}
    try:
        return _encode(network, list(pictures.values())), failed
    except VectorsInvalid:
        for sha256, pixels in pictures.items():
            try:
                network.encode(pixels[None])
            except VectorsInvalid as error:
                failed[sha256] = f"the encoder fails on it: {error}"
        return _encode(network, [p for sha256, p in pictures.items() if sha256 not in failed]), failed


_kept: tuple[tuple[str, Limits], Embedder] | None = None  # of this worker process, as long as it lives


def _encode(network: Encoder, pictures: list[Pixels]) -> dict[str, Float32]:
    size = network.spec.preprocess.size
    return network.encode(np.stack(pictures) if pictures else np.empty((0, size, size, 3), np.uint8))


def _contents(paths: Iterable[str], limits: Limits) -> Iterator[tuple[Outcome, bytes | None]]:
    """Read and hash files where they are, objects as they come."""
    arrivals = Arrivals((Job(key, path=path) for key, path in enumerate(paths)), limits)
    try:
        while come := arrivals.next(wait=True):
            job, failure = come
            if failure is not None:
                yield Outcome(job.key, failure=Rejection(failure.reason, str(failure))), None
            elif job.data is not None:
                sha256 = hashlib.sha256(job.data).digest()
                yield Outcome(job.key, sha256, len(job.data), job.mtime_ns), job.data
            else:
                yield _read(job.key, str(job.path), limits)
    finally:
        arrivals.close()


def _read(key: int, path: str, limits: Limits) -> tuple[Outcome, bytes | None]:
    """Read and hash a whole file."""

    def whole(content: Content) -> tuple[Outcome, bytes]:
        outcome = Outcome(key, content.sha256, content.size_bytes, content.mtime_ns)
        if isinstance(content.data, bytes):
            return outcome, content.data
        content.data.seek(0)
        return outcome, content.data.read(content.size_bytes)

    try:
        return examined(os.fsencode(path), limits, whole)
    except DecodeFailure as failure:
        return Outcome(key, failure=Rejection(failure.reason, str(failure))), None
