"""What is said of incoming images: by KEY=VALUE for all of them, and by a CSV file for each."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from indexer.errors import UsageRefused
from indexer.manifest import read_manifest
from indexer.remote import Place, absolute, is_remote


def read_claims(
    images: Sequence[Place], said: Mapping[str, str], table: Path | None
) -> list[tuple[Place, dict[str, str]]]:
    """Return the images with what is claimed of each; without images, those of the table.

    The table has a column ``path``, beside the file or in the working directory, and one for each claim; what is
    ``said`` of all beats it.

    Raises:
        UsageRefused: no image at all, or the table cannot be meant.
    """
    facts = read_manifest(table, [os.path.realpath(".")]) if table is not None else {}
    listed = {
        path: dict(found.attributes) | ({"label": found.label} if found.label is not None else {})
        for path, found in facts.items()
    }
    chosen = list(images) or [_shown(path) for path in listed]
    if not chosen:
        raise UsageRefused("there is no image to screen", "name IMAGE..., or a --claims file that lists some")
    return [(image, listed.get(absolute(image), {}) | dict(said)) for image in chosen]


def _shown(path: str) -> Place:
    if is_remote(path):
        return path
    return Path(os.path.relpath(path) if path.startswith(os.path.realpath(".") + os.sep) else path)
