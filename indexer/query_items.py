"""Queries by what the index holds already: by the stored vectors, so that nothing is decoded or encoded again."""

from collections.abc import Mapping, Sequence

import numpy as np

from indexer.compared import require_comparable
from indexer.decoding.sandbox import Sandbox
from indexer.lookup import Gallery
from indexer.query import QueryAnswer, nearest
from indexer.sound_rows import read_items
from retrieval.metric import Metric


def query_items(
    gallery: Gallery,
    ids: Sequence[int],
    sandbox: Sandbox,
    *,
    k: int = 10,
    threshold: float | None = None,
    space: str | None = None,
    metric: Metric | None = None,
    where: Mapping[str, str] | None = None,
    verify: int | None = None,
) -> list[QueryAnswer]:
    """Rank the index for contents that it holds, by their ids and in the order given; as `query` does for images.

    The sandbox is needed only to verify, against each content's first file.

    Raises:
        UsageRefused: no such space, or a metric that it cannot be compared by; what cannot be verified.
        StoreDamaged: there is no such content, or the index cannot be trusted to answer.
    """
    if verify is not None:
        require_comparable(gallery.generation.spec)
    chosen, by = gallery.generation.space(space), metric or gallery.generation.metric
    with gallery.store.database.reading() as connection:
        items = read_items(connection, gallery.generation, chosen, ids)
    paths = [items[id_].files[0].path for id_ in ids]
    matches = nearest(
        gallery,
        [gallery.store.absolute_path(path) for path in paths],
        [items[id_].sha256 for id_ in ids],
        np.stack([items[id_].vector for id_ in ids]),
        sandbox,
        k=k,
        threshold=threshold,
        space=chosen,
        metric=by,
        where=where,
        verify=verify,
    )
    names = [gallery.store.shown_path(path) for path in paths]
    return [
        QueryAnswer(name, chosen.name, by.value, found) for name, found in zip(names, matches, strict=True)
    ]
