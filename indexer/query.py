"""Queries as users pose them: files, bytes, PIL images or arrays in; ranked neighbours, or a reason, out."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from indexer.decode import Picture, from_array, from_image
from indexer.lookup import Gallery, Match
from indexer.sandbox import Job, Sandbox
from indexer.settings import Settings
from retrieval.encoder import EncoderSpec
from retrieval.similarity import Metric


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
class _Ready:
    """A query picture ready for the encoder, or why it is not."""

    name: str
    picture: Picture | None
    sha256: bytes | None
    reason: str | None = None
    message: str | None = None


def query(
    gallery: Gallery,
    images: Sequence[Any],
    settings: Settings,
    *,
    k: int = 10,
    threshold: float | None = None,
    space: str | None = None,
    metric: Metric | None = None,
    where: Mapping[str, str] | None = None,
) -> list[QueryAnswer]:
    """Rank the index for each image, in the order given.

    Raises:
        UsageRefused: no such space, or a metric that it cannot be compared by.
        WrongEncoder, StoreDamaged: the index cannot be trusted to answer.
    """
    chosen, by = gallery.generation.space(space), metric or gallery.generation.metric
    ready = _read(images, gallery, settings)
    usable = [entry for entry in ready if entry.picture is not None]
    matches: list[list[Match]] = []
    if usable:
        pixels = np.stack([entry.picture.pixels for entry in usable if entry.picture is not None])
        vectors = gallery.network().encode(pixels)[chosen.name]
        contents = [entry.sha256 for entry in usable]
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


def _read(images: Sequence[Any], gallery: Gallery, settings: Settings) -> list[_Ready]:
    """Decode all images, those that come from outside in the sandbox, while the encoder loads."""
    spec = gallery.generation.spec
    ready: dict[int, _Ready] = {}
    jobs: list[Job] = []
    for key, image in enumerate(images):
        if isinstance(image, str | os.PathLike):
            jobs.append(Job(key=key, path=Path(image), data=None, wants="pixels"))
        elif isinstance(image, bytes):
            jobs.append(Job(key=key, path=None, data=image, wants="pixels"))
        else:
            ready[key] = _from_memory(key, image, spec, settings)
    if jobs:
        ready |= _decode(jobs, gallery, spec, settings)
    return [ready[key] for key in range(len(images))]


def _decode(jobs: list[Job], gallery: Gallery, spec: EncoderSpec, settings: Settings) -> dict[int, _Ready]:
    ready: dict[int, _Ready] = {}
    names = {job.key: _name(job) for job in jobs}
    size, fit = spec.preprocess.size, spec.preprocess.fit
    workers = min(len(jobs), settings.jobs)
    with Sandbox(size=size, fit=fit, limits=settings.limits, workers=workers) as sandbox:
        sandbox.start()
        gallery.network()  # loads while the workers start
        for outcome in sandbox.run(jobs, window=8 * workers):
            failure = outcome.failure
            reason, message = (str(failure.reason), failure.message) if failure else (None, None)
            ready[outcome.key] = _Ready(names[outcome.key], outcome.picture, outcome.sha256, reason, message)
    return ready


def _name(job: Job) -> str:
    if job.path is not None:
        return str(job.path)
    return f"bytes:{hashlib.sha256(job.data or b'').hexdigest()[:12]}"


def _from_memory(key: int, image: Any, spec: EncoderSpec, settings: Settings) -> _Ready:
    """Take an array or a PIL image, which its owner has decoded already."""
    convert = from_array if isinstance(image, np.ndarray) else from_image
    picture = convert(image, size=spec.preprocess.size, fit=spec.preprocess.fit, limits=settings.limits)
    return _Ready(f"image {key}", picture, None)
