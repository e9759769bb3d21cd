"""Open-set recognition: below which score a query belongs to none of the classes that the gallery knows."""

import numpy as np

from retrieval.similarity import Float64, Int64


def unknown_threshold(held_out: Float64, targets: Int64, quantile: float) -> float:
    """Find the best class score below which a query is unknown, from the gallery's (n, classes) held-out scores.

    It is the ``quantile`` of what pictures score with their own class when they are left out of it: of known
    pictures at most that share is called unknown, as far as the gallery is like what will be asked.

    Where every class has one picture only, leaving it out leaves nothing of its class, and the pictures stand for
    the unknown instead: all but that share of them must be unknown to the other classes, so that a query has to be
    nearer to a class than the classes are to each other.
    """
    own = np.zeros(held_out.shape, bool)
    own[np.arange(len(held_out)), targets] = True
    known = held_out[own]
    known = known[np.isfinite(known)]
    if len(known):
        return float(np.quantile(known, quantile, method="lower"))
    strangers = np.where(own, -np.inf, held_out).max(axis=1)
    # Just above: as near as a stranger is not near enough.
    return float(np.nextafter(np.quantile(strangers, 1 - quantile, method="higher"), np.inf))
