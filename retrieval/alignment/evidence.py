"""All that the pixels of two pictures say about whether they are one picture."""

from dataclasses import dataclass

from retrieval.alignment.agreement import Agreement, agreement
from retrieval.alignment.difference import difference
from retrieval.alignment.features import extract
from retrieval.alignment.homography import Alignment, align
from retrieval.alignment.picture import Pixels, require_picture
from retrieval.alignment.regions import Change, changes
from retrieval.alignment.superposition import superpose

_NONE = Agreement(0.0, float("inf"))


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


def compare(a: Pixels, b: Pixels) -> Evidence:
    """Compare two (height, width, 3) uint8 RGB pictures of any sizes.

    Raises:
        PictureInvalid: an array is no picture.
        LibraryMissing: OpenCV is not installed.
    """
    a, b = require_picture(a), require_picture(b)
    alignment = align(extract(a), extract(b))
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
