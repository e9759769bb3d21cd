"""A verified pair as pictures to look at: side by side, laid on each other, and what differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.compared import Compared, unpadded
from indexer.decoding.encode import png
from indexer.decoding.sandbox import Sandbox
from indexer.durable import replace_file
from indexer.verify import Verification, read_pair
from retrieval.alignment.overlay import blended, differing, laid_on, outlined
from retrieval.preprocess import SMALLEST_SIZE, PreprocessSpec
from retrieval.similarity import Float64
from retrieval.view import Fit

LARGEST_SIDE = 2048  # pixels; of a larger picture an overlay shows no more
_GAP = 16  # pixels between two pictures that stand side by side

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two pictures, (h, w, 3) each; ``laid`` is B as it lies in A, None where no plane map was found."""

    a: Compared
    b: Compared
    laid: Pixels | None
    difference: Pixels | None


def read_overlay(a: Any, b: Any, found: Verification, side: int, sandbox: Sandbox) -> Pair:
    """Decode a verified pair again, so that A's longer side has ``side`` pixels, or as few as the file has.

    Raises:
        Unusable: one of them is no picture any more.
    """
    shape = PreprocessSpec(max(SMALLEST_SIZE, min(side, max(found.size_a))), Fit.PAD)
    first, second = (unpadded(picture) for _, picture in read_pair(a, b, shape, sandbox))
    if found.alignment is None:
        return Pair(first, second, None, None)
    matrix = _between(np.array(found.alignment["matrix"]), first, second)
    laid, _ = laid_on(first.pixels, second.pixels, matrix)
    return Pair(first, second, laid, differing(first.pixels, second.pixels, matrix))


def write_overlay(target: Path, pair: Pair, changes: Sequence[dict[str, Any]]) -> None:
    """Write A with B half transparent where it lies in it, and the changes framed, as a PNG of A's size.

    Without a plane map A and B stand side by side.
    """
    if pair.laid is None:
        replace_file(target, png(_side_by_side(pair.a.pixels, pair.b.pixels)))
        return
    boxes = [_in_picture(change["box_a"], pair.a) for change in changes]
    replace_file(target, png(outlined(blended(pair.a.pixels, pair.laid), boxes)))


def _between(matrix: Float64, a: Compared, b: Compared) -> Float64:
    """Return the map from A's pixels to B's, given that from file to file."""
    return np.asarray(np.diag([1 / b.scale[0], 1 / b.scale[1], 1.0]) @ matrix @ np.diag([*a.scale, 1.0]))


def _in_picture(box: Sequence[int], picture: Compared) -> list[int]:
    x, y = picture.scale
    return [round(box[0] / x), round(box[1] / y), round(box[2] / x), round(box[3] / y)]


def _side_by_side(a: Pixels, b: Pixels) -> Pixels:
    height = max(len(a), len(b))
    page = np.full((height, a.shape[1] + _GAP + b.shape[1], 3), 255, np.uint8)
    page[: len(a), : a.shape[1]] = a
    page[: len(b), -b.shape[1] :] = b
    return page
