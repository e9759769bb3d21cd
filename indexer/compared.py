"""Pictures as they are compared point by point: whole, in their own proportions, and no larger than it takes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.decoding.picture import Picture, padded_box
from indexer.errors import UsageRefused
from retrieval.alignment.opencv import opencv
from retrieval.alignment.regions import Box
from retrieval.alignment.verdict import Scores
from retrieval.encoder import EncoderSpec
from retrieval.errors import LibraryMissing
from retrieval.preprocess import PreprocessSpec
from retrieval.view import Fit, View

# The longer side at which pictures are compared: what alignment works at, so that nothing is gained by more.
COMPARED = PreprocessSpec(640, Fit.PAD)
VERIFY_HINT = "pip install 'siamese-index[verify]'"


@dataclass(frozen=True, eq=False)
class Compared:
    """A picture as it is compared, (h, w, 3), and how many pixels of the file one of its pixels is, (x, y)."""

    pixels: npt.NDArray[np.uint8]
    scale: tuple[float, float]

    def in_file(self, box: Box) -> list[int]:
        """Return a box of these pixels in pixels of the file."""
        x, y = self.scale
        return [round(box[0] * x), round(box[1] * y), round(box[2] * x), round(box[3] * y)]


def unpadded(picture: Picture) -> Compared:
    """Cut off the white that `Fit.PAD` put around a picture."""
    left, top, right, bottom = padded_box(picture.width, picture.height, len(picture.pixels))
    scale = picture.width / (right - left), picture.height / (bottom - top)
    return Compared(picture.pixels[top:bottom, left:right], scale)


def require_comparable(spec: EncoderSpec) -> None:
    """Refuse to verify what cannot be.

    Raises:
        UsageRefused: OpenCV is not installed, or the encoder does not look at pictures.
    """
    if spec.preprocess.view is View.SPECTRUM:
        raise UsageRefused(f"encoder {spec.name} listens to sounds: it is pictures that are verified")
    try:
        opencv()
    except LibraryMissing as error:
        raise UsageRefused(f"verifying needs {error}", VERIFY_HINT) from error


def is_comparable(spec: EncoderSpec) -> bool:
    """Tell whether pictures can be verified here."""
    try:
        require_comparable(spec)
    except UsageRefused:
        return False
    return True


def known_scores(spec: EncoderSpec, cosines: Mapping[str, float]) -> Scores | None:
    """Return a pair's cosines by space with what is known of the encoder's; None where nothing is."""
    least = {space.name: space.threshold for space in spec.spaces if space.threshold is not None}
    if not least:
        return None
    known = {name: cosine for name, cosine in cosines.items() if name in least}
    return Scores(known.get("copy"), known.get("object"), least.get("copy", 1.0), least.get("object", 1.0))
