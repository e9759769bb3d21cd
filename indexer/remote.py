"""Places on an object store: ``s3://BUCKET/KEY`` as text. A key is data: nothing in it is resolved or made shorter.

No path on disk looks like one: absolute paths begin with a slash, and those that the store keeps have no two in a row.
A URL names where something lies and nothing else; who may read it, and on which server, is for the AWS settings to say.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeGuard

from indexer.errors import UsageRefused

SCHEME = "s3://"
Place = Path | str  # a path on disk, or a URL as text: `Path` would take one of its slashes

_ANY_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


class Address(NamedTuple):
    """Where an object lies, or with what the keys below a folder begin."""

    bucket: str
    key: str


def is_remote(place: object) -> TypeGuard[str]:
    """Tell a URL from a path on disk."""
    return isinstance(place, str) and place.startswith(SCHEME)


def place_of(given: str | os.PathLike[str]) -> Place:
    """Take what a user named: a URL stays text, without the slash that it may end in; all else is a path.

    Raises:
        UsageRefused: another scheme than ``s3``, or no bucket's name, such as one with a password before it.
    """
    text = os.fspath(given)
    scheme = _ANY_SCHEME.match(text)
    if scheme is None:
        return Path(text)
    if scheme[0] != SCHEME:
        raise UsageRefused(f"{scheme[0]} cannot be read", f"known are folders, manifests and {SCHEME}")
    if not _BUCKET.fullmatch(address_of(text).bucket):
        raise UsageRefused(
            f"a URL has to begin with a bucket's name, {SCHEME}BUCKET/…",
            "credentials and the server are read from what the AWS tools use: AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ~/.aws",
        )
    return text.removesuffix("/")


def require_catalogue(url: str) -> None:
    """Refuse what no folder of a bucket is called by.

    Raises:
        UsageRefused: it has a query, or ends in two slashes.
    """
    if "?" in url:
        raise UsageRefused(
            f"{url.partition('?')[0]}?… has a query, which no folder has", f"name {SCHEME}BUCKET/FOLDER alone"
        )
    if url.endswith("/"):
        raise UsageRefused(f"{url}/ ends in two slashes", "name the folder above it")


def absolute(place: Place) -> str:
    """Name a file or a folder as the index does: links in its folder resolved, itself not; URLs as they are."""
    if is_remote(place):
        return place
    path = Path(place)
    return os.path.join(os.path.realpath(path.parent), path.name) if path.name else os.path.realpath(path)


def address_of(url: str) -> Address:
    """Split a URL; what follows the first slash is the key, whatever it is."""
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    return Address(bucket, key)


def url_of(bucket: str, key: str) -> str:
    """Join what `address_of` splits."""
    return f"{SCHEME}{bucket}/{key}"


def holds(folder: str, path: str) -> bool:
    """Tell whether a path lies below a folder, both absolute or both URLs."""
    return path.startswith(folder if folder == os.sep else f"{folder}/")


def path_below(path: str, root: str) -> str:
    """Return a path as it is called from its catalogue on."""
    return path[len(root) + 1 :] if is_remote(root) else os.path.relpath(path, root)


def common_folder(paths: Iterable[str]) -> str:
    """Return the innermost folder that all files lie in, which are all on disk, or all in one bucket."""
    folders = [path.rpartition("/")[0] + "/" for path in paths]
    if not is_remote(folders[0]):
        return os.path.commonpath(folders)
    shared = os.path.commonprefix(folders)  # noqa: RUF071  (of text: no part of a key is a path's)
    return shared.rpartition("/")[0].rstrip("/")
