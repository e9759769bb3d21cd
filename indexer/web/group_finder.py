"""Finds the duplicate groups of each generation in the background, by `index dedupe` in a process of its own.

A join of all vectors takes seconds to minutes of every core: in its own process, with a low priority, it is requests
that come first. While it is at work, the groups of the generation before are shown; where there are none, somebody
waits for them, and the priority is an ordinary one.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, Literal

from indexer.decoding.sandbox_process import import_path
from indexer.errors import IndexerError
from indexer.store import Store
from indexer.web.duplicate_groups import DuplicateGroups, groups_of
from indexer.web.ending import end
from indexer.web.galleries import Galleries

_BEGIN_AFTER_S = 1.0  # a page that opens with the server comes first
_LOOK_EVERY_S = 1.0
_NICENESS = 10
FinderState = Literal["ready", "computing", "failed"]


class GroupFinder:
    """Watches for new generations; ``found`` has the groups, None before the first were found."""

    def __init__(self, store: Store, galleries: Galleries) -> None:
        self._store, self._galleries = store, galleries
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="duplicate groups", daemon=True)
        self.found: DuplicateGroups | None = None
        self.state: FinderState = "computing"
        self.problem: str | None = None

    def start(self) -> None:
        """Start to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End what is being found, and the watch."""
        self._ended.set()
        process = self._process
        if process is not None:
            end(process)
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        looked_at = None
        self._ended.wait(_BEGIN_AFTER_S)
        while not self._ended.is_set():
            generation = self._newest()
            if generation is not None and generation != looked_at:
                looked_at = generation
                self._find(generation)
            self._ended.wait(_LOOK_EVERY_S)

    def _newest(self) -> int | None:
        """Return the generation that requests see now; it is loaded for them by this."""
        with suppress(IndexerError), self._galleries.taken() as gallery:
            return gallery.generation.id
        return None

    def _find(self, generation: int) -> None:
        self.state = "computing"
        document, problem = self._dedupe()
        if document is None:
            self.state, self.problem = "failed", problem
            return
        try:
            with self._store.database.reading() as connection:
                self.found = groups_of(connection, document, generation)
        except IndexerError as error:
            self.state, self.problem = "failed", str(error)
            return
        self.state, self.problem = "ready", None

    def _dedupe(self) -> tuple[Any, str]:
        """Run `index dedupe --json`; return its document, or None and what it said."""
        command = [sys.executable, "-P", "-m", "indexer", "dedupe", "--json", "--quiet", "--store"]
        try:
            self._process = process = subprocess.Popen(
                [*command, self._store.path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": import_path()},
            )
        except OSError as error:
            return None, f"`index dedupe` cannot be started: {error}"
        if self.found is not None:
            with suppress(OSError):  # it ended already
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        if self._ended.is_set():  # `stop` may have looked before there was a process to end
            process.kill()
        out, words = process.communicate()
        if process.returncode:
            return None, words.decode(errors="replace").strip()[:1000] or f"exit code {process.returncode}"
        return json.loads(out), ""
