"""The ink of a page: signatures and drawings, whatever they are drawn with and on.

What paper and pen look like leaves no trace: ink becomes black, ground becomes white, and the ink's bounding box is
cut out, as offline signature verification does (Hafemann, Sabourin and Oliveira 2017).
"""

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_CONTRAST = 24  # grey levels between ink and ground; a page with less is blank, but for noise
_MARGIN = 1 / 14  # of the box's longer side, on each side: a sixteenth of the result
_REACH = 1 / 64  # of the page's longer side


def ink_of(page: Grey) -> Grey:
    """Cut the ink out of a (height, width) grey page: 0 where there is ink, 255 elsewhere, with a margin around.

    The ground is what there is more of, so chalk on a board is ink as well. A blank page gives one white pixel.
    """
    dark = page <= otsu_threshold(page)
    if dark.all() or not dark.any() or page[~dark].mean() - page[dark].mean() < _CONTRAST:
        return _BLANK
    ink = without_specks(dark if 2 * np.count_nonzero(dark) <= dark.size else ~dark)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return _BLANK
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    margin = round(_MARGIN * max(box.shape))
    return np.pad(np.where(box, np.uint8(0), np.uint8(255)), margin, constant_values=255)


_BLANK = np.full((1, 1), 255, np.uint8)


def otsu_threshold(page: Grey) -> int:
    """Return the grey level that best parts the levels up to it from those above it (Otsu 1979).

    Best is the largest variance between the two classes; of equally good levels it is the middle.
    """
    counts = np.bincount(page.ravel(), minlength=256).astype(np.float64)
    below, sums = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    weights = below * (below[-1] - below)
    gaps = (sums[-1] * below - below[-1] * sums) ** 2
    between = np.divide(gaps, weights, out=np.zeros(256), where=weights > 0)
    return int(np.flatnonzero(between == between.max()).mean())


def without_specks(ink: Mask) -> Mask:
    """Drop ink that has too little ink around it: what a stroke's end still has, and dust has not.

    A pixel stays if the square around it, a 32nd of the page wide, holds at least half as many ink pixels as it is
    wide: a stroke one pixel wide that ends there.
    """
    reach = max(1, round(_REACH * max(ink.shape)))
    side = 2 * reach + 1
    sums = np.pad(ink, (reach + 1, reach)).cumsum(axis=0, dtype=np.int32).cumsum(axis=1)
    around = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    near: Mask = around > reach
    return ink & near
