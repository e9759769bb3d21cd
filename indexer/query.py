"""Queries as users pose them: files, bytes, PIL images or arrays in; ranked neighbours, or a reason, out."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from indexer.decoding.sandbox import Sandbox
from indexer.encoders import COPY_SPACE
from indexer.images import QueryImage, read_images
from indexer.lookup import Gallery, Match
from retrieval.encoder import Space
from retrieval.metric import Metric
from retrieval.similarity import Float32


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
    verify: int | None = None,
    parts: bool = True,
) -> list[QueryAnswer]:
    """Rank the index for each image, in the order given; files and bytes are decoded in the sandbox.

    With ``parts``, in the space of copies, parts of an image are looked for too where nothing stands out for its whole.
    With ``verify`` the best so many candidates of each are verified against it, and those that show it come first.

    Raises:
        UsageRefused: no such space, or a metric that it cannot be compared by; what cannot be verified.
        WrongEncoder, StoreDamaged: the index cannot be trusted to answer.
    """
    if verify is not None:
        from indexer.compared import require_comparable

        require_comparable(gallery.generation.spec)
    chosen, by = gallery.generation.space(space), metric or gallery.generation.metric
    ready, vectors = embed(gallery, images, sandbox, chosen, lambda: gallery.open_ahead(chosen))
    usable = [image for image, entry in zip(images, ready, strict=True) if entry.picture is not None]
    contents = [entry.sha256 for entry in ready if entry.picture is not None]
    matches = nearest(
        gallery,
        usable,
        contents,
        vectors,
        sandbox,
        k=k,
        threshold=threshold,
        space=chosen,
        metric=by,
        where=where,
        verify=verify,
        parts=parts,
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


def nearest(
    gallery: Gallery,
    images: Sequence[Any],
    sha256s: Sequence[bytes | None],
    vectors: Float32,
    sandbox: Sandbox,
    *,
    k: int,
    space: Space,
    metric: Metric,
    threshold: float | None = None,
    where: Mapping[str, str] | None = None,
    verify: int | None = None,
    parts: bool = False,
) -> list[list[Match]]:
    """Rank the index for images that are embedded: (n, dim) vectors of ``space``; the rest as in `query`.

    The images themselves are looked at only for their parts and to verify.

    Raises:
        UsageRefused: the space cannot be compared by that metric.
        StoreDamaged: the index cannot be trusted to answer.
    """
    if not images:
        return []
    find = partial(
        gallery.find, k=max(k, verify or 0), space=space, metric=metric, threshold=threshold, where=where
    )
    matches = find(list(vectors), sha256s)
    if parts and space.name == COPY_SPACE and metric is Metric.COSINE:
        from indexer.query_parts import encode_parts, is_decided

        open_ = [place for place, found in enumerate(matches) if not is_decided(found)]
        if open_:
            seen = encode_parts([images[place] for place in open_], sandbox, gallery.network(), space)
            again = [np.vstack([vectors[place], more]) for place, more in zip(open_, seen, strict=True)]
            for place, found in zip(open_, find(again, [sha256s[place] for place in open_]), strict=True):
                matches[place] = found
    if verify is not None:
        from indexer.rerank import reranked

        spec = gallery.generation.spec
        matches = [
            reranked(found, image, verify, sandbox, spec=spec, space=space.name, metric=metric)[:k]
            for found, image in zip(matches, images, strict=True)
        ]
    return matches


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
    ready, vectors = encode(gallery, images, sandbox, meanwhile)
    return ready, vectors.get(space.name, np.empty((0, space.dim), np.float32))


def encode(
    gallery: Gallery,
    images: Sequence[Any],
    sandbox: Sandbox,
    meanwhile: Callable[[], object] = lambda: None,
) -> tuple[list[QueryImage], dict[str, Float32]]:
    """Decode and encode as `embed` does, for all spaces: {space: (usable, dim)}, empty where no image is usable.

    Raises:
        WrongEncoder: the encoder is not the one that the index was made with.
    """
    with ThreadPoolExecutor(1) as pool:
        network = pool.submit(gallery.network)  # loads while pictures are decoded and the vectors are read
        ready = read_images(images, gallery.generation.spec.preprocess, sandbox, meanwhile)
        encoder = network.result()
    pixels = [entry.picture.pixels for entry in ready if entry.picture is not None]
    return ready, dict(encoder.encode(np.stack(pixels))) if pixels else {}
