"""The folder that a training run writes: its state while it runs, an encoder and its papers when it is done."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.durable import TEMPORARY_SUFFIX, replace_file, unlink
from indexer.encoders import CARD_FILE, GRAPH_FILE, SPEC_FILE
from indexer.errors import PermissionRefused, UsageRefused, os_errors

WEIGHTS_FILE = "weights.safetensors"
METRICS_FILE = "metrics.json"
CURVES_FILE = "curves.png"
LOGS_FOLDER = "tensorboard"
_RUN_FILE = "run.json"
_STATE_FILE = "state.safetensors"


@dataclass(frozen=True)
class TrainingFolder:
    """``told`` is what the run was told. Every file is replaced whole; the graph comes last: a folder that has one is done."""

    path: Path
    told: Mapping[str, Any]

    def open(self, *, resume: bool) -> bytes | None:
        """Find the state to go on from; None where a run begins. Nothing is written yet.

        Raises:
            UsageRefused: not a folder, one that holds something else, or the state of a run that was told otherwise.
            PermissionRefused: nothing can be written there.
        """
        self._require_writable()
        with os_errors(f"reading {self.path}"):
            names = {entry.name for entry in self.path.iterdir()} if self.path.exists() else set()
        names = {
            name for name in names if not name.endswith(TEMPORARY_SUFFIX)
        }  # what a killed run left half written
        if GRAPH_FILE in names:
            raise UsageRefused(
                f"{self.path} holds an encoder already", "give another folder, or remove that one"
            )
        if _RUN_FILE not in names:
            if names:
                raise UsageRefused(
                    f"{self.path} holds other files", "give a folder that is empty or not there yet"
                )
            return None
        self._require_same()
        if not resume:
            raise UsageRefused(
                f"{self.path} holds an unfinished run",
                "add --resume to go on with it, or give another folder",
            )
        state = self.path / _STATE_FILE
        with os_errors(f"reading {state}"):
            return state.read_bytes() if state.exists() else None

    def _require_writable(self) -> None:
        """Learn before the work, and not after it, that there is no place for what comes of it."""
        if not str(
            self.path
        ).isprintable():  # TensorBoard takes text, and an encoder is named after its folder
            raise UsageRefused(
                f"{self.path} is not a name in UTF-8 without control characters", "give another"
            )
        there = next(folder for folder in (self.path, *self.path.absolute().parents) if folder.exists())
        if not there.is_dir():
            raise UsageRefused(f"{self.path} cannot be a folder: {there} is a file")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionRefused(f"{there} cannot be written to", "check who owns it and its mode")

    def _require_same(self) -> None:
        path = self.path / _RUN_FILE
        with os_errors(f"reading {path}"):
            try:
                before = dict(json.loads(path.read_text(encoding="utf-8")))
            except (TypeError, ValueError) as error:
                raise UsageRefused(
                    f"{path} is not what a run writes: {error}", "give another folder"
                ) from error
        now = json.loads(_json(self.told))
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        if changed:
            raise UsageRefused(
                f"{self.path} holds an unfinished run of other settings: {', '.join(changed)}",
                "give the same ones, or another folder",
            )

    def keep_state(self, state: bytes) -> None:
        """Replace the state to go on from; with the first one, a run has begun."""
        with os_errors(f"making {self.path}"):
            self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / _RUN_FILE).exists():
            self._write(_RUN_FILE, _json(self.told))
        self._write(_STATE_FILE, state)

    def finish(
        self, *, graph: bytes, spec: str, weights: bytes, metrics: Mapping[str, Any], card: str
    ) -> None:
        """Write the encoder and its papers, and let go of the state."""
        self._write(WEIGHTS_FILE, weights)
        self._write(METRICS_FILE, _json(metrics))
        self._write(CARD_FILE, card.encode(errors="backslashreplace"))  # names that are not UTF-8
        self._write(SPEC_FILE, spec.encode())
        self._write(GRAPH_FILE, graph)
        half_written = [path.name for path in self.path.glob(f"*{TEMPORARY_SUFFIX}")]
        for name in (_STATE_FILE, _RUN_FILE, *half_written):
            unlink(self.path / name)

    def _write(self, name: str, content: bytes) -> None:
        replace_file(self.path / name, content)


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
