"""List a folder of a bucket by the rules of `indexer.scan`: which objects are candidates. What is known is not read."""

import fnmatch
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import compress
from operator import not_

from indexer.errors import UsageRefused
from indexer.object_store import AT_ONCE, object_store
from indexer.remote import address_of, url_of
from indexer.scan import HEAD_BYTES, HIDDEN_FOLDERS, FoundFile, Kind, Scan, kind_for
from retrieval.view import View

Look = tuple[int, int]  # size in bytes, time of change in ns
_UP_AND_HERE = frozenset({".", ".."})  # of a key these are names like any other


def require_bucket_folder(root: str) -> None:
    """Refuse a catalogue that is not there.

    Raises:
        UsageRefused: there is no such bucket, or nothing in it whose key begins so.
        EngineUnavailable, PermissionRefused: it cannot be asked for now.
    """
    if not has_objects(root) and address_of(root).key:
        raise UsageRefused(
            f"{root} does not exist: no object lies below it",
            f"check the spelling; to forget what the index holds of it, run `index remove {root}`",
        )


def has_objects(root: str) -> bool:
    """Tell whether anything lies below a URL; raises what `require_bucket_folder` does, of the bucket."""
    return object_store().has_any(*_below(root))


def scan_bucket(
    root: str,
    exclude: Sequence[str],
    excluded_paths: frozenset[str],
    view: View,
    known: Callable[[], Mapping[str, Look]],
) -> Scan:
    """List what lies below ``root``, a URL; as `scan.scan_folder`, which says what the other arguments are.

    A picture without a suffix is told by its first bytes, unless ``known``, the index's files by their URLs, has it as
    it is.

    Raises:
        EngineUnavailable, PermissionRefused, UsageRefused: the listing is not whole.
    """
    bucket, prefix = _below(root)
    rules = _Rules(root, exclude, excluded_paths)
    kind = kind_for(view)
    scan = Scan()
    nameless: list[FoundFile] = []
    for listed in object_store().listing(bucket, prefix):
        below = listed.key[len(prefix) :]
        name = below.rpartition("/")[2]
        if not name or rules.leave_out(below):
            continue
        found = FoundFile(url_of(bucket, listed.key), listed.size_bytes, listed.mtime_ns)
        if kind.is_named_so(name):
            scan.files.append(found)
        elif listed.size_bytes and not os.path.splitext(name)[1]:
            nameless.append(found)
    looks = known() if nameless else {}
    is_known = [looks.get(found.path) == (found.size_bytes, found.mtime_ns) for found in nameless]
    scan.files += compress(nameless, is_known)
    scan.files += _that_begin_so(list(compress(nameless, map(not_, is_known))), kind)
    return scan


def _below(root: str) -> tuple[str, str]:
    """Return a folder's bucket, and what the keys below it begin with."""
    bucket, key = address_of(root)
    return bucket, f"{key}/" if key else ""


class _Rules:
    """What is left out, by a key from the catalogue on; folders are judged once."""

    def __init__(self, root: str, exclude: Sequence[str], excluded_paths: frozenset[str]) -> None:
        self._root, self._exclude, self._excluded_paths = root, exclude, excluded_paths
        self._folders = {"": False}

    def leave_out(self, below: str) -> bool:
        folder, slash, _ = below.rpartition("/")
        if slash and folder not in self._folders:
            self._folders[folder] = self.leave_out(folder)
        return bool(slash and self._folders[folder]) or self._is_left_out(below)

    def _is_left_out(self, below: str) -> bool:
        name = below.rpartition("/")[2]
        hidden = name.startswith(".") and name not in _UP_AND_HERE
        if hidden or name.lower() in HIDDEN_FOLDERS or f"{self._root}/{below}" in self._excluded_paths:
            return True
        return any(fnmatch.fnmatch(name, glob) or fnmatch.fnmatch(below, glob) for glob in self._exclude)


def _that_begin_so(nameless: Sequence[FoundFile], kind: Kind) -> list[FoundFile]:
    """Keep what begins like a picture, or a sound; a few are looked at at once."""
    store, kept = object_store(), []
    for start in range(0, len(nameless), AT_ONCE):
        part = nameless[start : start + AT_ONCE]
        heads: list[Future[bytes]] = [store.head(found.path, HEAD_BYTES) for found in part]
        kept += [found for found, head in zip(part, heads, strict=True) if kind.begins_like(head.result())]
    return kept
