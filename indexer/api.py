"""The Python API: `Index(folder).build(catalogue)`, `.query(image)`, `.dedupe()`, and `find_duplicates(folder)`."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from indexer.build import BuildReport, build
from indexer.check import Finding, check
from indexer.classify import DEFAULT_HEAD, ClassifyReport, classify
from indexer.decoding.sandbox import Sandbox
from indexer.dedupe import DEFAULT_THRESHOLD, DedupeReport, dedupe
from indexer.encoding import Progress, no_progress
from indexer.export import export
from indexer.ledger import Removal, assign_label, remove
from indexer.location import DATABASE_FILE, STORE_NAME
from indexer.lookup import Gallery, Match
from indexer.query import query
from indexer.repair import RepairReport, repair
from indexer.settings import load_settings
from indexer.status import Status, status
from indexer.store import Store, open_store
from retrieval.similarity import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

    AnyImage = str | Path | bytes | npt.NDArray[np.uint8] | Image
    AnyPath = str | Path


class Index:
    """An index on disk. ``path`` is its folder, or the folder that holds its ``.index``; it need not exist yet.

    Keyword settings (``encoder``, ``metric``, ``jobs``, ``exact_limit``, limits) beat INDEX_* in the environment,
    which beats the index's own ``index.toml``. Errors are those of `indexer.errors`.
    """

    def __init__(self, path: "AnyPath" = STORE_NAME, **settings: Any) -> None:
        folder = Path(path)
        is_store = folder.name == STORE_NAME or (folder / DATABASE_FILE).exists()
        self.path = folder if is_store else folder / STORE_NAME
        self.settings = load_settings(self.path, settings)
        self._gallery: Gallery | None = None
        self._sandbox: Sandbox | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the loaded encoder, the search structures and the decode worker."""
        self._gallery = None
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def build(
        self,
        *catalogues: "AnyPath",
        labels: "AnyPath | None" = None,
        exclude: Sequence[str] | None = None,
        progress: Progress = no_progress,
    ) -> BuildReport:
        """Bring the index up to date with folders or manifests; without any, with those that it remembers."""
        self._gallery = None
        folders = [Path(catalogue) for catalogue in catalogues]
        facts = Path(labels) if labels is not None else None
        return build(
            Store(self.path), folders, self.settings, labels=facts, exclude=exclude, progress=progress
        )

    def query(
        self,
        image: "AnyImage",
        k: int = 10,
        *,
        threshold: float | None = None,
        space: str | None = None,
        metric: str | None = None,
        where: Mapping[str, str] | None = None,
    ) -> list[Match]:
        """Return the k nearest files of the index, best first.

        Raises:
            ValueError: the picture cannot be decoded; the message says why.
        """
        gallery, sandbox = self._opened()
        by = Metric(metric) if metric else None
        answer = query(
            gallery,
            [image],
            sandbox,
            k=k,
            threshold=threshold,
            space=space,
            metric=by,
            where=where,
        )[0]
        if answer.reason is not None:
            raise ValueError(f"{answer.query}: {answer.reason}: {answer.message}")
        return answer.results

    def classify(
        self, *images: "AnyImage", n: int = 5, head: str = DEFAULT_HEAD, space: str | None = None
    ) -> ClassifyReport:
        """Name the n most probable labels of each picture; one that cannot be decoded has its ``reason``.

        ``head`` is ``knn``, ``prototype``, ``svm`` or ``logistic``. Give several pictures at once: the labels are
        read at every call, so that a new one counts.
        """
        gallery, sandbox = self._opened()
        return classify(gallery, images, sandbox, n=n, head=head, space=space)

    def _opened(self) -> tuple[Gallery, Sandbox]:
        """Return the current generation and the decode worker, each opened once."""
        if self._gallery is None:
            self._gallery = Gallery(open_store(self.path))
        if self._sandbox is None:
            self._sandbox = Sandbox(limits=self.settings.limits, workers=1)
        return self._gallery, self._sandbox

    def dedupe(self, threshold: float = DEFAULT_THRESHOLD, *, space: str | None = None) -> DedupeReport:
        """Group the copies in the index around the file to keep; nothing is touched."""
        return dedupe(open_store(self.path), threshold, space)

    def status(self) -> Status:
        """Say what the index holds."""
        return status(open_store(self.path))

    def check(self) -> list[Finding]:
        """Find every mismatch between database, FAISS files, encoder and catalogue."""
        return check(Store(self.path))

    def repair(self) -> RepairReport:
        """Mend what `check` calls damage."""
        self._gallery = None
        return repair(Store(self.path), self.settings)

    def label(self, path: "AnyPath", label: str) -> list[str]:
        """Give the content at ``path`` a label; return the paths that now carry it."""
        return assign_label(open_store(self.path), Path(path), label)

    def remove(self, *paths: "AnyPath") -> Removal:
        """Take files or folders out of the index; they stay on disk."""
        return remove(open_store(self.path), [Path(path) for path in paths], self.settings)

    def export(self, target: "AnyPath", *, space: str | None = None) -> int:
        """Write paths, labels and vectors to .npz, .parquet or .csv; return how many rows."""
        return export(open_store(self.path), Path(target), space)


def find_duplicates(folder: "AnyPath", threshold: float = DEFAULT_THRESHOLD, **settings: Any) -> DedupeReport:
    """Group the copies below ``folder``, with an index that is forgotten afterwards."""
    with tempfile.TemporaryDirectory() as scratch, Index(scratch, **settings) as index:
        index.build(folder)
        return index.dedupe(threshold)
