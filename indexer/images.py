"""Pictures as users hand them over: files, bytes, PIL images or arrays in; pixels, or a reason, out."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.decoding.picture import DecodeFailure, Picture
from indexer.decoding.sandbox import Job, Sandbox
from retrieval.preprocess import PreprocessSpec


@dataclass(frozen=True)
class QueryImage:
    """A picture that was asked about, or why it is none; ``sha256`` is that of a file's or bytes' content."""

    name: str
    picture: Picture | None
    sha256: bytes | None
    reason: str | None = None
    message: str | None = None


def read_images(
    images: Sequence[Any],
    shape: PreprocessSpec,
    sandbox: Sandbox,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[QueryImage]:
    """Decode images, in the order given, those that come from outside in the sandbox.

    ``meanwhile`` is called while the sandbox starts.
    """
    ready: dict[int, QueryImage] = {}
    jobs: list[Job] = []
    for key, image in enumerate(images):
        if isinstance(image, str | os.PathLike):
            jobs.append(Job(key, path=os.fspath(image)))
        elif isinstance(image, bytes):
            jobs.append(Job(key, data=image))
        else:
            ready[key] = _from_memory(f"image {key}", image, shape)
    if jobs:
        sandbox.start()
        meanwhile()
    for outcome in sandbox.run(jobs, size=shape.size, fit=shape.fit, view=shape.view, window=len(jobs)):
        failure = outcome.failure
        reason, message = (str(failure.reason), failure.message) if failure else (None, None)
        name = name_of(images[outcome.key])
        ready[outcome.key] = QueryImage(name, outcome.picture, outcome.sha256, reason, message)
    return [ready[key] for key in range(len(images))]


def name_of(image: str | os.PathLike[str] | bytes) -> str:
    """Return what a picture is called: a file by its path, bytes by the beginning of their SHA-256."""
    return f"bytes:{hashlib.sha256(image).hexdigest()[:12]}" if isinstance(image, bytes) else os.fspath(image)


def _from_memory(name: str, image: Any, shape: PreprocessSpec) -> QueryImage:
    """Take an array or a PIL image, which its owner has decoded already."""
    from indexer.decoding.decode import from_array, from_image

    convert = from_array if isinstance(image, np.ndarray) else from_image
    try:
        picture = convert(image, size=shape.size, fit=shape.fit, view=shape.view)
    except DecodeFailure as failure:
        return QueryImage(name, None, None, str(failure.reason), str(failure))
    return QueryImage(name, picture, None)
