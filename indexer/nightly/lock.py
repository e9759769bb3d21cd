"""The lock of a night, which lasts longer than each of its steps holds the writer's."""

from collections.abc import Iterator
from contextlib import contextmanager

from indexer import durable
from indexer.errors import os_errors
from indexer.store import Store

_LOCK_FILE = "nightly.lock"


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """Be the only one at work on nights; the system frees the lock when the process ends, however it ends.

    Raises:
        StoreLocked: another process is.
        PermissionRefused: the store's folder cannot be written to.
    """
    with os_errors(f"creating {store.path}"):
        store.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with durable.writer_lock(store.path / _LOCK_FILE):
        yield
