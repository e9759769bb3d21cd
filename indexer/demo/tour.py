"""The demo itself: draw a catalogue, build an index over it, ask it, look for copies, and put it all on a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.build import build
from indexer.build_report import BuildReport
from indexer.compared import is_comparable
from indexer.decoding.sandbox import Sandbox
from indexer.dedupe import dedupe
from indexer.demo.catalogue import DemoCatalogue, FolderNotEmpty, make_catalogue
from indexer.duplicates.report import DedupeReport
from indexer.encoding import Progress
from indexer.errors import UsageRefused
from indexer.location import STORE_NAME
from indexer.lookup import Gallery
from indexer.query import QueryAnswer, query
from indexer.report import write_demo_page
from indexer.settings import load_settings
from indexer.store import Store, open_store

PAGE = "demo.html"
NEIGHBOURS = 5


@dataclass(frozen=True)
class Tour:
    """What the demo made and found. ``answers`` are those of ``made.queries``, in that order."""

    made: DemoCatalogue
    store: Path
    report: BuildReport
    answers: Sequence[QueryAnswer]
    duplicates: DedupeReport
    page: Path | None


def take_tour(folder: Path, progress: Progress, *, with_page: bool = True) -> Tour:
    """Do everything that a new user would do first, in ``folder``.

    Raises:
        UsageRefused: the folder holds files that the demo did not make.
    """
    try:
        made = make_catalogue(folder)
    except FolderNotEmpty as error:
        raise UsageRefused(str(error)) from error
    path = folder / STORE_NAME
    settings = load_settings(path, {})
    report = build(Store(path), [made.folder], settings, progress=progress)
    store = open_store(path)
    gallery = Gallery(store)
    # Notes of one design are copies by their score, and not by their pixels: those decide where they can.
    duplicates = dedupe(store, settings, verify=is_comparable(gallery.encoder_files().spec))
    page = folder / PAGE if with_page else None
    with Sandbox(limits=settings.limits, workers=settings.jobs) as sandbox:
        answers = query(gallery, made.queries, sandbox, k=NEIGHBOURS)
        if page is not None:
            write_demo_page(page, answers, duplicates, sandbox)
    return Tour(made, path, report, answers, duplicates, page)
