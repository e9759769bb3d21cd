"""The Python API: `Index(folder).build(catalogue)`, `.query(image)`, `.dedupe()`, and `find_duplicates(folder)`."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from indexer.build import build
from indexer.build_report import BuildReport
from indexer.calibrate import DEFAULT_FPR, CalibrationReport, calibrate
from indexer.check import Finding, check
from indexer.classify import DEFAULT_HEAD, ClassifyReport, classify
from indexer.decisions import Decided, decide
from indexer.decoding.sandbox import Sandbox
from indexer.dedupe import dedupe
from indexer.duplicates.disposal import dispose
from indexer.duplicates.policy import Policy
from indexer.duplicates.report import DedupeReport
from indexer.duplicates.scope import Scope
from indexer.duplicates.undo import LAST, Undone, undo
from indexer.duplicates.watermark import remember_seen
from indexer.encoding import Progress, no_progress
from indexer.export import export
from indexer.ledger import Removal, assign_label, remove
from indexer.location import STORE_NAME, is_store
from indexer.lookup import Gallery, Match
from indexer.query import query
from indexer.remote import place_of
from indexer.repair import RepairReport, repair
from indexer.screening.options import ScreenOptions
from indexer.screening.report import ScreenReport
from indexer.screening.screen import screen
from indexer.settings import load_settings
from indexer.status import Status, status
from indexer.store import Store, open_store
from indexer.verify import Verification, encoder_at, verify
from retrieval.encoder import Encoder
from retrieval.metric import Metric

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
        is_the_store = folder.name == STORE_NAME or is_store(folder)
        self.path = folder if is_the_store else folder / STORE_NAME
        self.settings = load_settings(self.path, settings)
        self._gallery: Gallery | None = None
        self._sandbox: Sandbox | None = None
        self._encoder: Encoder | None = None  # the one that verifies, which needs no index

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the loaded encoder, the search structures and the decode worker."""
        self._gallery = self._encoder = None
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
        folders = [place_of(catalogue) for catalogue in catalogues]
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
        verify: int | None = None,
        parts: bool = True,
    ) -> list[Match]:
        """Return the k nearest files of the index, best first.

        With ``verify`` the best so many candidates are verified against the picture, and those that show it come first.
        ``parts`` of it are looked for too in the space ``copy``, where nothing stands out for the whole.

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
            verify=verify,
            parts=parts,
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

    def verify(self, a: "AnyImage", b: "AnyImage") -> Verification:
        """Judge whether two pictures are one, edited or altered, and what was changed.

        The encoder is that of the index, or, where there is no index yet, the one that it would be built with.

        Raises:
            ValueError: one of them cannot be decoded; the message says which and why.
            UsageRefused: OpenCV is not installed, or the encoder does not look at pictures.
        """
        files, calibration = encoder_at(self.path, self.settings)
        if self._encoder is None or self._encoder.fingerprint != files.fingerprint:
            self._encoder = files.load(os.cpu_count() or 1)
        return verify(a, b, self._encoder, self._decoding(), calibration)

    def screen(
        self,
        *images: "AnyImage",
        claim: Mapping[str, str] | None = None,
        owner: str | None = None,
        key: str | None = None,
        fpr: float | None = None,
    ) -> ScreenReport:
        """Judge incoming images, of which ``claim`` is said, against the index; keywords as of `index screen`.

        An image that cannot be decoded has its ``reason`` and no verdict.
        """
        gallery, sandbox = self._opened()
        options = ScreenOptions.of(self.settings, {"owner": owner, "key": key, "fpr": fpr})
        return screen(gallery, images, sandbox, options, [claim or {}] * len(images))

    def _opened(self) -> tuple[Gallery, Sandbox]:
        """Return the current generation and the decode worker, each opened once."""
        if self._gallery is None:
            self._gallery = Gallery(open_store(self.path))
        return self._gallery, self._decoding()

    def _decoding(self) -> Sandbox:
        if self._sandbox is None:
            self._sandbox = Sandbox(limits=self.settings.limits, workers=1)
        return self._sandbox

    def dedupe(
        self,
        threshold: float | None = None,
        *,
        space: str | None = None,
        within: str | None = None,
        across: str | None = None,
        reference: "AnyPath | None" = None,
        new: bool = False,
        verify: bool = False,
        prefer: Sequence[str] = (),
        policy: str = "list",
        trash: "AnyPath | None" = None,
    ) -> DedupeReport:
        """Group the copies in the index around the file to keep; the keywords are the options of `index dedupe`.

        Nothing is touched unless ``policy`` is ``trash`` or ``hardlink``; the report's ``run`` names what was done.
        """
        store = open_store(self.path)
        scope = Scope(within, across, place_of(reference) if reference is not None else None, new)
        report = dedupe(store, self.settings, threshold, space, scope=scope, prefer=prefer, verify=verify)
        if Policy(policy) in {Policy.TRASH, Policy.HARDLINK}:
            dispose(store, report, Policy(policy), trash=Path(trash) if trash is not None else None)
        if new:
            remember_seen(store, report.newest_item)
        return report

    def undo(self, run: str = LAST) -> Undone:
        """Bring back what a run of `dedupe` moved to the trash or made links; without a name, the newest."""
        return undo(open_store(self.path), run)

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

    def calibrate(
        self,
        source: "AnyPath",
        *,
        fpr: float = DEFAULT_FPR,
        space: str | None = None,
        seed: int = 0,
        progress: Progress = no_progress,
    ) -> CalibrationReport:
        """Set a space's threshold for a stated rate of false positives, and make its scores probabilities.

        ``source`` is ``"synthetic"`` (edited copies of the index's pictures), ``"decisions"``, or a CSV file a,b,same.
        """
        gallery, sandbox = self._opened()
        return calibrate(gallery, sandbox, source, fpr=fpr, space=space, seed=seed, progress=progress)

    def decide(self, a: "AnyPath", b: "AnyPath", verdict: str | None, note: str = "") -> Decided:
        """Write down what two files' contents are to each other; None takes back what was decided.

        ``verdict`` is ``same``, ``same-object``, ``different``, ``fraud`` or ``cleared``.
        """
        return decide(open_store(self.path), place_of(a), place_of(b), verdict, note, source="api")

    def label(self, path: "AnyPath", label: str) -> list[str]:
        """Give the content at ``path`` a label; return the paths that now carry it."""
        return assign_label(open_store(self.path), place_of(path), label)

    def remove(self, *paths: "AnyPath") -> Removal:
        """Take files or folders out of the index; they stay on disk."""
        return remove(open_store(self.path), [place_of(path) for path in paths], self.settings)

    def export(self, target: "AnyPath", *, space: str | None = None) -> int:
        """Write paths, labels and vectors to .npz, .parquet or .csv; return how many rows."""
        return export(open_store(self.path), Path(target), space)


def find_duplicates(
    folder: "AnyPath",
    threshold: float | None = None,
    *,
    within: str | None = None,
    across: str | None = None,
    reference: "AnyPath | None" = None,
    verify: bool = False,
    prefer: Sequence[str] = (),
    **settings: Any,
) -> DedupeReport:
    """Group the copies below ``folder``, with an index that is forgotten afterwards; keywords as in `Index.dedupe`."""
    with tempfile.TemporaryDirectory() as scratch, Index(scratch, **settings) as index:
        index.build(folder)
        return index.dedupe(
            threshold, within=within, across=across, reference=reference, verify=verify, prefer=prefer
        )
