"""`index verify`: are two pictures one picture, edited or altered, and what was changed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.decoding.picture import Picture, padded_box
from indexer.decoding.sandbox import Job, Sandbox
from indexer.encoders import BUILTIN, EncoderFiles
from indexer.errors import REJECTED, IndexerError, UsageRefused
from retrieval.alignment.evidence import Evidence, compare
from retrieval.alignment.regions import Box
from retrieval.alignment.verdict import Kind, Scores, judge
from retrieval.errors import LibraryMissing
from retrieval.preprocess import Fit, PreprocessSpec, View
from retrieval.similarity import scores

# The longer side at which pictures are compared: what alignment works at, so that nothing is gained by more.
COMPARED_SIDE = 640
# Of the built-in encoder, until they are calibrated on the catalogue at hand; of other encoders nothing is known. Fewer
# than one in 10,000 pairs of photos of different classes reach either (Caltech-101's unseen classes, grocery).
LEAST_COPY, LEAST_OBJECT = 0.9, 0.75
SAME = frozenset({Kind.IDENTICAL, Kind.COPY})
VERIFY_HINT = "pip install 'siamese-index[verify]'"


@dataclass(frozen=True)
class Verification:
    """What two pictures are to each other, and why; boxes are (left, top, right, bottom) in pixels of the files.

    ``probability`` is None until thresholds are calibrated. ``matrix`` takes pixels of A to pixels of B.
    """

    a: str
    b: str
    verdict: str
    reason: str
    scores: dict[str, float]
    alignment: dict[str, Any] | None = None
    changes: list[dict[str, Any]] = field(default_factory=list)
    probability: float | None = None

    @property
    def same(self) -> bool:
        """Whether they are one picture, unaltered."""
        return self.verdict in SAME

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return dict(vars(self))


class Unusable(IndexerError):
    """A picture that cannot be decoded; the message names it and says why."""

    exit_code = REJECTED


def verify(
    a: str | os.PathLike[str], b: str | os.PathLike[str], encoder: EncoderFiles, sandbox: Sandbox
) -> Verification:
    """Compare two picture files, by the encoder's vectors and by their pixels.

    Raises:
        Unusable: one of them is no picture.
        UsageRefused: OpenCV is not installed, or the encoder does not look at pictures.
    """
    shape = encoder.spec.preprocess
    if shape.view is View.SPECTRUM:
        raise UsageRefused(f"encoder {encoder.spec.name} listens to sounds: it is pictures that are verified")
    hashes, seen = _decode([a, b], sandbox, shape)
    by_space = _scores(encoder, [picture.pixels for picture in seen])
    _, (whole_a, whole_b) = _decode([a, b], sandbox, PreprocessSpec(COMPARED_SIDE, Fit.PAD))
    first, second = _compared(whole_a), _compared(whole_b)
    try:
        evidence = compare(first.pixels, second.pixels)
    except LibraryMissing as error:
        raise UsageRefused(f"verifying needs {error}", VERIFY_HINT) from error
    verdict = judge(evidence, same_bytes=hashes[0] == hashes[1], scores=_known(encoder, by_space))
    changes = [
        {
            "box_a": _in_file(change.box_a, first),
            "box_b": _in_file(change.box_b, second),
            "strength": change.strength,
        }
        for change in (evidence.changes if verdict.kind is Kind.ALTERED else ())
    ]
    alignment = _alignment(evidence, first, second)
    return Verification(
        os.fspath(a), os.fspath(b), str(verdict.kind), verdict.reason, by_space, alignment, changes
    )


def _decode(
    paths: Sequence[str | os.PathLike[str]], sandbox: Sandbox, shape: PreprocessSpec
) -> tuple[list[bytes | None], list[Picture]]:
    """Return the SHA-256 and the picture of each file."""
    hashes: dict[int, bytes | None] = {}
    pictures: dict[int, Picture] = {}
    jobs = [Job(key, path=os.fspath(path)) for key, path in enumerate(paths)]
    for outcome in sandbox.run(jobs, size=shape.size, fit=shape.fit, view=shape.view, window=len(jobs)):
        if outcome.picture is None:
            failure = outcome.failure
            reason = f"{failure.reason}: {failure.message}" if failure else "it gave no picture"
            raise Unusable(f"{os.fspath(paths[outcome.key])}: {reason}")
        hashes[outcome.key], pictures[outcome.key] = outcome.sha256, outcome.picture
    return [hashes[key] for key in sorted(hashes)], [pictures[key] for key in sorted(pictures)]


def _scores(encoder: EncoderFiles, pixels: Sequence[npt.NDArray[np.uint8]]) -> dict[str, float]:
    """The pair's score in each space of the encoder."""
    vectors = encoder.load(os.cpu_count() or 1).encode(np.stack(pixels))
    return {
        space.name: float(scores(vectors[space.name][0], vectors[space.name][1:], space.metric)[0])
        for space in encoder.spec.spaces
    }


def _known(encoder: EncoderFiles, by_space: dict[str, float]) -> Scores | None:
    if encoder.source != BUILTIN:
        return None
    return Scores(by_space["copy"], by_space["object"], LEAST_COPY, LEAST_OBJECT)


@dataclass(frozen=True)
class _Compared:
    """A picture as it was compared, and how many pixels of the file one of its pixels is, (x, y)."""

    pixels: npt.NDArray[np.uint8]
    scale: tuple[float, float]


def _compared(picture: Picture) -> _Compared:
    """Cut off the white that `Fit.PAD` put around it."""
    left, top, right, bottom = padded_box(picture.width, picture.height, len(picture.pixels))
    scale = picture.width / (right - left), picture.height / (bottom - top)
    return _Compared(picture.pixels[top:bottom, left:right], scale)


def _in_file(box: Box, picture: _Compared) -> list[int]:
    x, y = picture.scale
    return [round(box[0] * x), round(box[1] * y), round(box[2] * x), round(box[3] * y)]


def _alignment(evidence: Evidence, a: _Compared, b: _Compared) -> dict[str, Any] | None:
    if evidence.alignment is None:
        return None
    found = evidence.alignment
    to_file, from_file = np.diag([*b.scale, 1.0]), np.diag([1 / a.scale[0], 1 / a.scale[1], 1.0])
    matrix = to_file @ found.matrix @ from_file
    return {
        "inliers": found.inliers,
        "overlap_a": found.overlap_a,
        "overlap_b": found.overlap_b,
        "mirrored": found.mirrored,
        "matrix": (matrix / matrix[2, 2]).tolist(),
    }
