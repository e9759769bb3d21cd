"""`index verify`: are two pictures one picture, edited or altered, and what was changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.calibrations import Calibration
from indexer.compared import COMPARED, Compared, known_scores, require_comparable, unpadded
from indexer.decoding.picture import Picture
from indexer.decoding.sandbox import Sandbox
from indexer.encoders import BUILTIN, COPY_SPACE, EncoderFiles, read_encoder
from indexer.errors import REJECTED, IndexerError, IndexNotFound
from indexer.images import QueryImage, read_images
from indexer.lookup import Gallery
from indexer.settings import Settings
from indexer.store import open_store
from indexer.trial import require_bounded
from retrieval.alignment.evidence import Evidence, compare
from retrieval.alignment.verdict import Kind, judge
from retrieval.encoder import Encoder
from retrieval.preprocess import PreprocessSpec
from retrieval.similarity import scores

SAME = frozenset({Kind.IDENTICAL, Kind.COPY})


@dataclass(frozen=True)
class Verification:
    """What two pictures are to each other, and why; boxes are (left, top, right, bottom) in pixels of the files.

    ``probability`` is that of a copy by the copy space's score alone, None until that is calibrated. ``matrix`` takes pixels of A to pixels of B; sizes are
    (width, height).
    """

    a: str
    b: str
    verdict: str
    reason: str
    scores: dict[str, float]
    size_a: tuple[int, int]
    size_b: tuple[int, int]
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


class Unusable(IndexerError, ValueError):
    """A picture that cannot be decoded; the message names it and says why."""

    exit_code = REJECTED


def encoder_at(store: Path, settings: Settings) -> tuple[EncoderFiles, Calibration | None]:
    """Read the encoder of an index, and what its copy scores mean there.

    Where there is no index, it is the encoder in the settings, or else the built-in one.
    """
    try:
        gallery = Gallery(open_store(store))
    except IndexNotFound:
        files = read_encoder(settings.encoder or BUILTIN)
        require_bounded(files)
        return files, None
    files = gallery.encoder_files()
    has_copy = any(space.name == COPY_SPACE for space in files.spec.spaces)
    known = gallery.calibrations(COPY_SPACE) if has_copy else []
    return files, known[0] if known else None


def verify(
    a: Any, b: Any, encoder: Encoder, sandbox: Sandbox, calibration: Calibration | None = None
) -> Verification:
    """Compare two pictures, by an encoder's vectors and by their pixels.

    Each is a path, bytes, a PIL image or a uint8 array; files and bytes are decoded in the sandbox.

    Raises:
        Unusable: one of them is no picture.
        UsageRefused: OpenCV is not installed, or the encoder does not look at pictures.
    """
    require_comparable(encoder.spec)
    seen = read_pair(a, b, encoder.spec.preprocess, sandbox)
    by_space = _scores(encoder, [picture.pixels for _, picture in seen])
    (read_a, whole_a), (read_b, whole_b) = read_pair(a, b, COMPARED, sandbox)
    first, second = unpadded(whole_a), unpadded(whole_b)
    evidence = compare(first.pixels, second.pixels)
    same_bytes = read_a.sha256 is not None and read_a.sha256 == read_b.sha256
    verdict = judge(evidence, same_bytes=same_bytes, scores=known_scores(encoder.spec, by_space))
    changes = [
        {
            "box_a": first.in_file(change.box_a),
            "box_b": second.in_file(change.box_b),
            "strength": change.strength,
        }
        for change in (evidence.changes if verdict.kind is Kind.ALTERED else ())
    ]
    alignment = _alignment(evidence, first, second)
    return Verification(
        a=read_a.name,
        b=read_b.name,
        verdict=str(verdict.kind),
        reason=verdict.reason,
        scores=by_space,
        size_a=(whole_a.width, whole_a.height),
        size_b=(whole_b.width, whole_b.height),
        alignment=alignment,
        changes=changes,
        probability=_probability(by_space, calibration),
    )


def read_pair(a: Any, b: Any, shape: PreprocessSpec, sandbox: Sandbox) -> list[tuple[QueryImage, Picture]]:
    """Decode two pictures.

    Raises:
        Unusable: one of them is no picture.
    """
    pair = []
    for image in read_images([a, b], shape, sandbox):
        if image.picture is None:
            raise Unusable(f"{image.name}: {image.reason}: {image.message}")
        pair.append((image, image.picture))
    return pair


def _scores(encoder: Encoder, pixels: Sequence[npt.NDArray[np.uint8]]) -> dict[str, float]:
    """The pair's score in each space of the encoder."""
    vectors = encoder.encode(np.stack(pixels))
    return {
        space.name: float(scores(vectors[space.name][0], vectors[space.name][1:], space.metric)[0])
        for space in encoder.spec.spaces
    }


def _probability(by_space: dict[str, float], calibration: Calibration | None) -> float | None:
    if calibration is None:
        return None
    return float(calibration.probability(np.array([by_space[calibration.space]]))[0])


def _alignment(evidence: Evidence, a: Compared, b: Compared) -> dict[str, Any] | None:
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
