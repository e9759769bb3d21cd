"""Queries as users pose them: files, bytes, PIL images or arrays in; ranked neighbours, or a reason, out."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from indexer.decoding.picture import Picture
from indexer.decoding.sandbox import Job, Sandbox
from indexer.lookup import Gallery, Match
from retrieval.encoder import Space
from retrieval.preprocess import PreprocessSpec
from retrieval.similarity import Float32, Metric


@dataclass(frozen=True)
class QueryAnswer:
    """One query's neighbours, best first; or ``reason`` and ``message`` where the picture cannot be used."""

    query: str
    space: str
    metric: str
    results: list[Match] = field(default_factory=list)
    reason: str | None = None
    message: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain values."""
        document: dict[str, Any] = {"query": self.query, "space": self.space, "metric": self.metric}
        document["results"] = [match.to_dict() for match in self.results]
        if self.reason is not None:
            document |= {"reason": self.reason, "message": self.message}
        return document


@dataclass(frozen=True)
class QueryImage:
    """A query picture ready for the encoder, or why it is not; ``sha256`` is that of a file's or bytes' content."""

    name: str
    picture: Picture | None
    sha256: bytes | None
    reason: str | None = None
    message: str | None = None


def query(
    gallery: Gallery,
    images: Sequence[Any],
    sandbox: Sandbox,
    *,
    k: int = 10,
    threshold: float | None = None,
    space: str | None = None,
    metric: Metric | None = None,
    where: Mapping[str, str] | None = None,
) -> list[QueryAnswer]:
    """Rank the index for each image, in the order given; files and bytes are decoded in the sandbox.

    Raises:
        UsageRefused: no such space, or a metric that it cannot be compared by.
        WrongEncoder, StoreDamaged: the index cannot be trusted to answer.
    """
    chosen, by = gallery.generation.space(space), metric or gallery.generation.metric
    ready, vectors = embed(gallery, images, sandbox, chosen, lambda: gallery.open_ahead(chosen))
    matches: list[list[Match]] = []
    if len(vectors):
        contents = [entry.sha256 for entry in ready if entry.picture is not None]
        matches = gallery.find(
            vectors, contents, k, space=chosen, metric=by, threshold=threshold, where=where
        )
    results = iter(matches)
    return [
        QueryAnswer(
            entry.name,
            chosen.name,
            by.value,
            next(results) if entry.picture else [],
            entry.reason,
            entry.message,
        )
        for entry in ready
    ]


def embed(
    gallery: Gallery,
    images: Sequence[Any],
    sandbox: Sandbox,
    space: Space,
    meanwhile: Callable[[], object] = lambda: None,
) -> tuple[list[QueryImage], Float32]:
    """Decode images, in the order given, and encode those that can be: (usable, dim) vectors of ``space``.

    Files and bytes are decoded in the sandbox; ``meanwhile`` is called while that starts and the encoder loads.

    Raises:
        WrongEncoder: the encoder is not the one that the index was made with.
    """
    with ThreadPoolExecutor(1) as pool:
        network = pool.submit(gallery.network)  # loads while pictures are decoded and the vectors are read
        ready = _read(images, gallery.generation.spec.preprocess, sandbox, meanwhile)
        encoder = network.result()
    pixels = [entry.picture.pixels for entry in ready if entry.picture is not None]
    if not pixels:
        return ready, np.empty((0, space.dim), np.float32)
    return ready, encoder.encode(np.stack(pixels))[space.name]


def _read(
    images: Sequence[Any], shape: PreprocessSpec, sandbox: Sandbox, meanwhile: Callable[[], object]
) -> list[QueryImage]:
    """Decode all images, those that come from outside in the sandbox."""
    ready: dict[int, QueryImage] = {}
    jobs: list[Job] = []
    for key, image in enumerate(images):
        if isinstance(image, str | os.PathLike):
            jobs.append(Job(key, path=Path(image)))
        elif isinstance(image, bytes):
            jobs.append(Job(key, data=image))
        else:
            ready[key] = _from_memory(key, image, shape)
    if jobs:
        sandbox.start()
        meanwhile()
    for outcome in sandbox.run(jobs, size=shape.size, fit=shape.fit, view=shape.view, window=len(jobs)):
        failure = outcome.failure
        reason, message = (str(failure.reason), failure.message) if failure else (None, None)
        name = _name(images[outcome.key])
        ready[outcome.key] = QueryImage(name, outcome.picture, outcome.sha256, reason, message)
    return [ready[key] for key in range(len(images))]


def _name(image: str | os.PathLike[str] | bytes) -> str:
    return f"bytes:{hashlib.sha256(image).hexdigest()[:12]}" if isinstance(image, bytes) else os.fspath(image)


def _from_memory(key: int, image: Any, shape: PreprocessSpec) -> QueryImage:
    """Take an array or a PIL image, which its owner has decoded already."""
    from indexer.decoding.decode import from_array, from_image

    convert = from_array if isinstance(image, np.ndarray) else from_image
    return QueryImage(f"image {key}", convert(image, size=shape.size, fit=shape.fit, view=shape.view), None)
