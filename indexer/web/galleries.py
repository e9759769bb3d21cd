"""The current generation, loaded once, and handed to requests: each keeps its own to its end.

A request holds one snapshot of the database and the search structures of the generation that this snapshot sees. A
build that commits meanwhile changes neither; the next request sees the new generation, and the first of them loads it.
What the old one took up is free when its last request ends.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from indexer.committed import Committed, require_generation
from indexer.errors import IndexNotFound, WrongEncoder
from indexer.lookup import Gallery
from indexer.store import Store


class Galleries:
    """Opens the generation that requests see. May be used from any number of threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loading = threading.Lock()
        self._current: Gallery | None = None

    @property
    def current(self) -> Committed | None:
        """The newest generation that was loaded, None before the first."""
        return self._current.generation if self._current is not None else None

    @contextmanager
    def taken(self) -> Iterator[Gallery]:
        """Give the current generation, on one snapshot, to this thread.

        Raises:
            IndexNotFound: nothing was committed yet.
            StoreDamaged: it cannot be loaded.
        """
        if not self._store.database.exists():
            raise IndexNotFound(f"the index in {self._store.path} is gone", "make one: `index build FOLDER`")
        with self._store.snapshot() as snapshot:
            loaded = self._loaded(snapshot)
            yield loaded.on(snapshot)

    def _loaded(self, snapshot: Store) -> Gallery:
        current = self._current
        with snapshot.database.reading() as connection:
            seen = require_generation(connection, snapshot).id
        if current is not None and current.generation.id == seen:
            return current
        with self._loading:
            current = self._current
            if current is not None and current.generation.id == seen:
                return current
            loaded = _load(snapshot, current)
            if current is None or current.generation.id < loaded.generation.id:
                self._current = loaded
            return loaded


def _load(snapshot: Store, before: Gallery | None) -> Gallery:
    """Open every search structure of the generation that a snapshot sees, and its encoder unless ``before`` has it."""
    gallery = Gallery(snapshot)
    if before is not None and before.generation.fingerprint == gallery.generation.fingerprint:
        gallery = before.on(snapshot)
    with snapshot.database.reading() as connection:
        gallery.follow(connection)
        opened = None
        while (
            opened != gallery.generation.id
        ):  # one that builds have overtaken moves on, and all are opened anew
            opened = gallery.generation.id
            for space in gallery.generation.spec.spaces:
                gallery.open_current(connection, space)
    with suppress(
        WrongEncoder
    ):  # what needs no encoder is answered all the same, and what does says what is wrong
        gallery.network()
    return gallery
