"""The stamp of a build that found nothing to do: all that it looked at, by names, sizes and times.

While all of that is as it was, the next build has nothing to do either, and knows it before a database or an encoder
is opened, or the libraries for them are imported. A stamp is a cache: it may be deleted at any time, and whatever does
not fit it means an ordinary build.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer import __version__, durable
from indexer.build_report import BuildReport
from indexer.errors import IndexerError
from indexer.remote import Place, is_remote
from indexer.scan import Scan, scan_folder
from indexer.settings import Settings
from retrieval.view import View

if TYPE_CHECKING:
    from indexer.survey import Survey

STAMP_FILE = "unchanged.json"
_NOT_LOOKED_AT = frozenset({STAMP_FILE, "lock", "catalog.db-shm"})  # readers and locks change them
# A file may change twice within one tick of the system's clock, and look the same: what changed so short a time ago
# is not stamped.
_SETTLED_NS = 1_000_000_000


def unchanged_report(store: Path, catalogues: Sequence[Place], settings: Settings) -> BuildReport | None:
    """Return the report of a build that would find nothing to do; None where one has to be made to know.

    Raises:
        StoreLocked: another process writes.
    """
    started = time.monotonic()
    store = Path(os.path.realpath(store))
    stamp = _read(store / STAMP_FILE)
    if stamp is None or stamp["circumstances"] != _circumstances(catalogues, settings):
        return None
    with durable.writer_lock(store / "lock"):
        if stamp["files"] != _looks([*_store_files(store), *stamp["files"]]):
            return None
        for seen in stamp["catalogues"]:
            left_out = seen["exclude"], frozenset(seen["excluded"])
            if seen["sha256"] != _digest(scan_folder(seen["root"], *left_out, View(seen["view"]))):
                return None
    report = BuildReport(**stamp["report"])
    report.seconds = round(time.monotonic() - started, 3)
    return report


def leave_stamp(
    store: Path,
    catalogues: Sequence[Place],
    settings: Settings,
    work: "Survey",
    report: BuildReport,
    started_ns: int,
) -> None:
    """Stamp a store of which a build that began at ``started_ns`` said ``report``, having found nothing to do.

    What changed since then, or so short before that it may have changed again unseen, is not what was looked at: there
    is no stamp then. Nor is there one where it cannot be written.
    """
    files = _looks([*_store_files(store), *map(str, work.encoder.paths)])
    if any(look is None or look[1] > started_ns - _SETTLED_NS for look in files.values()):
        return
    view = work.encoder.spec.preprocess.view
    stamp = {
        "circumstances": _circumstances(catalogues, settings),
        "files": files,
        "catalogues": [
            {
                "root": listing.root,
                "exclude": list(listing.exclude),
                "excluded": sorted(listing.excluded),
                "view": view,
                "sha256": _digest(listing.scan),
            }
            for listing in work.listings
        ],
        "report": report.to_dict(),
    }
    body = json.dumps(stamp).encode()
    with contextlib.suppress(IndexerError):
        durable.replace_file(store / STAMP_FILE, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def _read(path: Path) -> dict[str, Any] | None:
    """Read a stamp; None if there is none, or other bytes than were written."""
    try:
        sha256, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    sound = hashlib.sha256(body).hexdigest().encode() == sha256
    return dict(json.loads(body)) if sound else None


def _circumstances(catalogues: Sequence[Place], settings: Settings) -> dict[str, Any]:
    """All that decides what a build does besides files: the program, where it is called, what it is asked for."""
    return {
        "program": __version__,
        "folder": os.path.realpath("."),
        "catalogues": [path if is_remote(path) else os.path.realpath(path) for path in catalogues],
        "database": settings.database,
        "vectors": settings.vectors,
        "encoder": settings.encoder,
        "metric": settings.metric,
        "exact_limit": settings.exact_limit,
        "limits": asdict(settings.limits),
    }


def _store_files(store: Path) -> list[str]:
    """Name the store's own files: its database and log, its settings, what is searched, and what a kill left."""
    with contextlib.suppress(OSError):
        folders = [entry for folder in (store, store / "faiss") for entry in os.scandir(folder)]
        return [entry.path for entry in folders if entry.name not in _NOT_LOOKED_AT and not entry.is_dir()]
    return []


def _looks(paths: Iterable[str]) -> dict[str, list[int] | None]:
    """Return size in bytes and time of change in ns by path; None for what is not there."""
    looks: dict[str, list[int] | None] = {}
    for path in paths:
        try:
            status = os.stat(path)
            looks[path] = [status.st_size, status.st_mtime_ns]
        except OSError:
            looks[path] = None
    return looks


def _digest(scan: Scan) -> str:
    """SHA-256, in hex, over all that a scan found."""
    found = [f"{path}\0{size}\0{mtime}" for path, size, mtime in scan.files]
    odd = [f"{odd.path}\0{odd.size_bytes}\0{odd.mtime_ns}\0{odd.reason}\0{odd.message}" for odd in scan.odd]
    return hashlib.sha256("\0\0".join([*found, "", *odd]).encode(errors="surrogateescape")).hexdigest()
