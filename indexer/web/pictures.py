"""Pictures of the index as bytes to show: read by id, proven to be the content that was indexed, and encoded anew.

What leaves here are pixels: no metadata of the file, and no file that is not in the index, whatever lies at its path.
"""

import hashlib
import os
from pathlib import Path

from indexer import durable
from indexer.compared import unpadded
from indexer.decoding.encode import jpeg
from indexer.decoding.limits import Limits
from indexer.decoding.picture import DecodeFailure
from indexer.decoding.reading import opened
from indexer.decoding.sandbox import Sandbox
from indexer.errors import IndexerError, os_errors
from indexer.images import read_images
from indexer.object_store import object_store
from indexer.remote import is_remote
from indexer.store import Store
from indexer.verify import Unusable
from indexer.web.errors import ApiError, Code
from indexer.web.items import ItemView
from retrieval.preprocess import SMALLEST_SIZE, PreprocessSpec
from retrieval.view import Fit, View

LARGEST_SIDE = 2048  # pixels
SIDES = (64, 128, 256, 512)  # those that thumbnails are made with


def content_of(store: Store, view: ItemView, limits: Limits) -> bytes:
    """Read a content from the first of its files that still has it.

    Raises:
        ApiError: none of them has.
        EngineUnavailable, PermissionRefused, UsageRefused: none of those that could be reached has.
    """
    reasons, unreachable = [], None
    for path in view.stored_paths:
        try:
            content = _read(store.absolute_path(path), limits)
        except DecodeFailure as failure:
            reasons.append(str(failure.reason))
            continue
        except IndexerError as error:
            unreachable = error
            continue
        if hashlib.sha256(content).digest() == view.sha256:
            return content
        reasons.append("changed since it was indexed")
    if unreachable is not None:
        raise unreachable
    raise ApiError(
        404, Code.PICTURE_GONE, f"no file has item {view.item} any more", {"reasons": sorted(set(reasons))}
    )


def _read(path: str, limits: Limits) -> bytes:
    if is_remote(path):
        return object_store().read(path, limits).data
    with opened(os.fsencode(path), limits) as (file, _):
        return file.read()


def named_content(store: Store, view: ItemView, limits: Limits) -> tuple[str, bytes]:
    """Return what a content is called, by its first path as the user can open it, and its bytes.

    Raises:
        ApiError: none of its files has them.
    """
    return store.shown_path(view.stored_paths[0]), content_of(store, view, limits)


def shown(content: bytes, view: ItemView, side: int, sandbox: Sandbox, seen_as: View) -> bytes:
    """Encode a content anew, as a JPEG of at most ``side`` pixels on its longer side; of a sound its spectrum.

    Raises:
        Unusable: it cannot be decoded any more.
    """
    of_sound = seen_as is View.SPECTRUM
    size = side if of_sound else max(SMALLEST_SIZE, min(side, max(view.width, view.height)))
    shape = PreprocessSpec(size, Fit.PAD, view=View.SPECTRUM if of_sound else View.COLOUR)
    read = read_images([content], shape, sandbox)[0]
    if read.picture is None:
        raise Unusable(f"item {view.item}: {read.reason}: {read.message}")
    return jpeg(read.picture.pixels if of_sound else unpadded(read.picture).pixels)


def thumbnail_side(side: int) -> int:
    """Return the largest side of `SIDES` that is not above ``side``: a few sizes are kept, not hundreds."""
    return max(known for known in SIDES if known <= side)


class Thumbnails:
    """Thumbnails on disk, in the store: made once for a content, and good for ever."""

    def __init__(self, store: Store) -> None:
        self._folder = store.path / "thumbnails"

    def read(self, sha256: bytes, side: int) -> bytes | None:
        """Return a thumbnail, a JPEG, if it was made before."""
        try:
            return self._path(sha256, side).read_bytes()
        except OSError:
            return None

    def keep(self, sha256: bytes, side: int, thumbnail: bytes) -> None:
        """Keep a thumbnail; where nothing can be written it is made again the next time."""
        path = self._path(sha256, side)
        try:
            with os_errors(f"writing {path}"):
                durable.make_folder(path.parent)
            durable.replace_file(path, thumbnail)
        except (IndexerError, FileNotFoundError):  # another request that made it was faster
            return

    def _path(self, sha256: bytes, side: int) -> Path:
        name = sha256.hex()
        return self._folder / name[:2] / f"{name}-{side}.jpg"
