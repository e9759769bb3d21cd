"""All that the pixels of two pictures say about whether they are one picture."""

from dataclasses import dataclass

from retrieval.alignment.agreement import Agreement, agreement
from retrieval.alignment.difference import difference
from retrieval.alignment.features import Features, extract
from retrieval.alignment.homography import Alignment, align
from retrieval.alignment.picture import Pixels, require_picture
from retrieval.alignment.regions import Change, changes
from retrieval.alignment.superposition import superpose

_NONE = Agreement(0.0, float("inf"))
_HALF = 50  # points in place that count for half of what any number of them does


@dataclass(frozen=True)
class Evidence:
    """Where A lies in B, how well what they share agrees, and what was changed.

    ``strongest`` is the largest local difference, reported as a change or not, in times what is usual in the pair.
    Without an alignment there is nothing else.
    """

    alignment: Alignment | None
    agreement: Agreement = _NONE
    changes: tuple[Change, ...] = ()
    strongest: float = 0.0

    @property
    def support(self) -> float:
        """How much speaks for one picture, from 0 to below 1: points in place, times overlap, times agreement.

        It orders pairs that were verified, and is no probability.
        """
        if self.alignment is None:
            return 0.0
        found = self.alignment
        points = found.inliers / (found.inliers + _HALF)
        return points * max(found.overlap_a, found.overlap_b) * self.agreement.share


def compare(a: Pixels, b: Pixels, *, features_a: Features | None = None) -> Evidence:
    """Compare two (height, width, 3) uint8 RGB pictures of any sizes.

    ``features_a`` are those of A, where it is compared with several and they were extracted once.

    Raises:
        PictureInvalid: an array is no picture.
        LibraryMissing: OpenCV is not installed.
    """
    a, b = require_picture(a), require_picture(b)
    alignment = align(features_a or extract(a), extract(b))
    if alignment is None:
        return Evidence(None)
    pair = superpose(a, b, alignment.matrix)
    compared = difference(pair) if pair else None
    if pair is None or compared is None:
        return Evidence(alignment)
    sizes = (a.shape[1], a.shape[0]), (b.shape[1], b.shape[0])
    return Evidence(
        alignment,
        agreement(compared.a, compared.b, compared.compared),
        changes(compared.excess, pair.to_a, pair.to_b, *sizes),
        float(compared.excess.max()),
    )
