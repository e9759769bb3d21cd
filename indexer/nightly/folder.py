"""Where reports lie: ``.index/nights/000031/`` with ``report.json`` and ``report.html``, one folder a night."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from indexer import durable
from indexer.decoding.sandbox import Sandbox
from indexer.errors import os_errors
from indexer.nightly.page import write_night_page
from indexer.nightly.report import NightReport
from indexer.settings import Settings
from indexer.store import Store

REPORT_FILE, PAGE_FILE = "report.json", "report.html"


def night_folder(store: Store, number: int) -> Path:
    """Where the report of a night lies."""
    return store.path / "nights" / f"{number:06d}"


def write_night(
    store: Store,
    settings: Settings,
    report: NightReport,
    took: Callable[[str], dict[str, float]],
    html: Path | None,
) -> None:
    """Write a night's report, in place of what a night that never ended left, and its page to ``html`` too.

    ``took`` notes what the page took, and gives the seconds that the report has.

    Raises:
        NoSpace, PermissionRefused, DiskFailed
        UsageRefused: ``html`` lies in no folder.
    """
    folder = night_folder(store, report.night)
    with os_errors(f"writing {folder}"):
        if folder.exists():
            shutil.rmtree(folder)
        durable.make_folder(folder)
    with Sandbox(limits=settings.limits, workers=settings.jobs) as sandbox:
        write_night_page(folder / PAGE_FILE, report, sandbox)
    if html is not None:
        durable.replace_file(html, (folder / PAGE_FILE).read_bytes())
    durable.failpoint("night.page_written")
    report.seconds = took("report")
    durable.replace_file(folder / REPORT_FILE, json.dumps(report.to_dict(), indent=2).encode())


def drop_old_nights(store: Store, keep: int) -> None:
    """Remove the folders of all but the newest ``keep`` nights; what they found stays in the ledger."""
    nights = store.path / "nights"
    with os_errors(f"removing old reports in {nights}"):
        folders = sorted(path for path in nights.iterdir() if path.name.isdecimal())
        for folder in folders[: max(0, len(folders) - keep)]:
            shutil.rmtree(folder)
