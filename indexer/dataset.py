"""Labelled pictures to learn from, or to be judged on: a folder per class, or a manifest with a column `label`."""

import os
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.decoding.sandbox import Job, Sandbox
from indexer.encoding import Progress, no_progress
from indexer.errors import PermissionRefused, UsageRefused, os_errors
from indexer.manifest import is_manifest, read_manifest
from indexer.scan import folder_label, scan_folder
from indexer.settings import Settings
from retrieval.preprocess import PreprocessSpec
from retrieval.view import View

LABEL_CONFLICT = "label-conflict"
_WINDOW = 64  # jobs on their way at once


@dataclass(frozen=True, slots=True)
class Example:
    """A picture that someone has named."""

    path: str
    label: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A picture that was left out, and why."""

    path: str
    reason: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """Return it as plain values."""
        return {"path": self.path, "reason": self.reason, "message": self.message}


@dataclass(frozen=True)
class LabelledPictures:
    """Decoded examples: row i of ``images``, (n, size, size, 3) uint8, belongs to ``examples[i]``.

    Each content is there once: ``duplicates`` maps a path to the one whose bytes it repeats. One content under two
    labels is unusable, both times.
    """

    examples: list[Example]
    images: npt.NDArray[np.uint8]
    unusable: list[Unusable]
    duplicates: dict[str, str]

    @property
    def labels(self) -> list[str]:
        """One per row."""
        return [example.label for example in self.examples]


def attribute(examples: Sequence[Example], key: str) -> list[str]:
    """List one value per example.

    Raises:
        UsageRefused: an example does not have it.
    """
    for example in examples:
        if key not in example.attributes:
            raise UsageRefused(
                f"{example.path} has no attribute {key!r}",
                f"give a manifest with a column `{key}`, filled in every row",
            )
    return [example.attributes[key] for example in examples]


def read_dataset(path: Path, exclude: Sequence[str] = (), view: View = View.COLOUR) -> list[Example]:
    """List the labelled pictures of a folder with a folder per class, or of a .csv or .parquet manifest.

    Where the ``view`` is that of sounds, sounds are listed.

    Raises:
        UsageRefused: neither of the two, or nothing in it that has a label.
        PermissionRefused: a folder below it cannot be listed.
    """
    if is_manifest(path):
        found = [
            Example(target, facts.label, facts.attributes)
            for target, facts in read_manifest(path).items()
            if facts.label is not None
        ]
        hint = "fill its column `label`"
    elif path.is_dir():
        root = os.path.realpath(path)
        scan = scan_folder(root, exclude, view=view)
        if scan.unseen_folders:
            raise PermissionRefused(
                f"{scan.unseen_folders[0]} cannot be listed, and what lies in it would be missing",
                "check who owns it and its mode",
            )
        labelled = ((file.path, folder_label(file.path, root)) for file in scan.files)
        found = [Example(file, label) for file, label in labelled if label is not None]
        hint = "put the pictures of each class into a folder of that name, or give a manifest with path,label"
    else:
        raise UsageRefused(f"{path} is neither a folder nor a .csv or .parquet manifest")
    if not found:
        raise UsageRefused(f"{path} holds no labelled picture", hint)
    return found


def load_pictures(
    examples: Sequence[Example], shape: PreprocessSpec, settings: Settings, progress: Progress = no_progress
) -> LabelledPictures:
    """Decode examples to the pixels that an encoder of that ``shape`` takes, in the order given.

    The pixels lie in an unnamed temporary file, so that a set larger than memory can be read from all the same.
    """
    images = _pixel_file(len(examples), shape.size)
    contents: dict[int, bytes] = {}
    unusable: dict[int, Unusable] = {}
    with Sandbox(limits=settings.limits, workers=settings.jobs) as sandbox:
        jobs = (Job(key, path=example.path) for key, example in enumerate(examples))
        outcomes = sandbox.run(jobs, size=shape.size, fit=shape.fit, view=shape.view, window=_WINDOW)
        for done, outcome in enumerate(outcomes, start=1):
            if outcome.picture is not None and outcome.sha256 is not None:
                images[outcome.key] = outcome.picture.pixels
                contents[outcome.key] = outcome.sha256
            elif outcome.failure is not None:
                failure = outcome.failure
                unusable[outcome.key] = Unusable(
                    examples[outcome.key].path, str(failure.reason), failure.message
                )
            progress(done, len(examples))
    duplicates = _sort_repeated(examples, contents, unusable)
    rows = sorted(set(contents).difference(unusable).difference(duplicates))
    for row, key in enumerate(rows):
        images[row] = images[key]
    return LabelledPictures(
        [examples[key] for key in rows],
        images[: len(rows)],
        [unusable[key] for key in sorted(unusable)],
        {examples[key].path: examples[first].path for key, first in sorted(duplicates.items())},
    )


def _pixel_file(count: int, size: int) -> npt.NDArray[np.uint8]:
    with os_errors("making room for decoded pictures"), tempfile.TemporaryFile() as file:
        return np.memmap(file, np.uint8, "w+", shape=(max(count, 1), size, size, 3))


def _sort_repeated(
    examples: Sequence[Example], contents: Mapping[int, bytes], unusable: dict[int, Unusable]
) -> dict[int, int]:
    """Return {example: the first of the same content}; contents with several labels become unusable."""
    same: dict[bytes, list[int]] = defaultdict(list)
    for key in sorted(contents):
        same[contents[key]].append(key)
    duplicates = {}
    for keys in same.values():
        labels = sorted({examples[key].label for key in keys})
        for key in keys:
            if len(labels) > 1:
                message = f"the same picture is also labelled otherwise: {', '.join(labels)}"
                unusable[key] = Unusable(examples[key].path, LABEL_CONFLICT, message)
            elif key != keys[0]:
                duplicates[key] = keys[0]
    return duplicates
