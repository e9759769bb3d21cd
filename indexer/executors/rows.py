"""Vectors as tasks read them: from this process's memory, from a file of this machine, or from what was sent."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.errors import os_errors
from indexer.executors.executor import Executor, Reach, Shared
from retrieval.similarity import Float32

if TYPE_CHECKING:
    from retrieval.block_join import Rows

_SENT = 16_384  # rows at once


@dataclass(frozen=True)
class MappedRows:
    """``count`` float32 vectors in an .npy file, which each task maps into its memory: all tasks share one copy."""

    path: str
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice, /) -> Float32:
        vectors: Float32 = np.load(self.path, mmap_mode="r")
        return vectors[rows]


@dataclass(frozen=True)
class SentRows:
    """``count`` vectors in blocks of ``size``, which were handed to the executor."""

    blocks: tuple[Shared[Float32], ...]
    size: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice, /) -> Float32:
        start, stop, _ = rows.indices(self.count)
        first = start // self.size
        parts = [block.get() for block in self.blocks[first : -(-stop // self.size)]]
        together = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return together[start - first * self.size : stop - first * self.size]


@contextmanager
def handed_over(executor: Executor, vectors: Float32) -> Iterator["Rows"]:
    """Make (n, dim) vectors readable where the executor's tasks are run, for as long as the context lasts.

    Raises:
        NoSpace, PermissionRefused: of the folder for temporary files, where the workers are this machine's.
    """
    if executor.reach is Reach.PROCESS:
        yield vectors
    elif executor.reach is Reach.MACHINE:
        with tempfile.TemporaryDirectory(prefix="index-") as folder:
            path = os.path.join(folder, "vectors.npy")
            with os_errors(f"writing {path} for the workers"):
                np.save(path, vectors)
            yield MappedRows(path, len(vectors))
    else:
        starts = range(0, len(vectors), _SENT)
        blocks = [executor.share(np.ascontiguousarray(vectors[at : at + _SENT])) for at in starts]
        yield SentRows(tuple(blocks), _SENT, len(vectors))
