"""Walk a folder: which files are candidates, which are odd, and which folders could not be seen. Nothing is read.

Links are never followed: inside the catalogue their target is met anyway, and outside it is not part of it.
"""

import fnmatch
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from indexer.decoding.sound_formats import SOUND_SUFFIXES, is_sound
from indexer.remote import path_below
from retrieval.view import View

# fmt: off
IMAGE_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
    ".heic", ".heif", ".avif",
})
# fmt: on
# Folders that programs and systems keep for themselves.
HIDDEN_FOLDERS = frozenset(
    {"@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information", "trash"}
)
HEAD_BYTES = 12  # by which one is told that has no suffix
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF", b"BM", b"II*\x00", b"MM\x00*")
BOX_MAGIC = b"ftyp"  # at byte 4 of HEIC and AVIF
_name = attrgetter("name")


@dataclass(frozen=True)
class Kind:
    """What is looked for: its name, its suffixes in lower case, and how to tell one from its first 12 bytes."""

    noun: str
    suffixes: frozenset[str]
    begins_like: Callable[[bytes], bool]

    def is_named_so(self, name: str) -> bool:
        """Tell by a name's suffix."""
        return name[name.rfind(".") :].lower() in self.suffixes


class FoundFile(NamedTuple):
    """A candidate: its path as text (`os.fsdecode`), and what `stat` says of it."""

    path: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class OddEntry:
    """Something named like a picture or a sound, or a folder, that cannot be read as one."""

    path: str
    size_bytes: int
    mtime_ns: int
    reason: str
    message: str


@dataclass
class Scan:
    """What a walk found; ``unseen_folders`` could not be listed, so nothing is known of what lies in them."""

    files: list[FoundFile] = field(default_factory=list)
    odd: list[OddEntry] = field(default_factory=list)
    unseen_folders: list[str] = field(default_factory=list)


def scan_folder(
    root: str,
    exclude: Sequence[str] = (),
    excluded_paths: frozenset[str] = frozenset(),
    view: View = View.COLOUR,
) -> Scan:
    """Walk ``root`` in a fixed order, looking for sounds where the ``view`` is theirs and for pictures otherwise.

    ``exclude`` are globs, matched against a name and against the path below ``root``; ``excluded_paths`` are whole
    paths. Hidden files and folders, trash and thumbnails folders are skipped.
    """
    kind = kind_for(view)
    scan = Scan()
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=_name)
        except OSError as error:
            scan.unseen_folders.append(folder)
            scan.odd.append(
                OddEntry(folder, 0, 0, "folder-unreadable", f"cannot be listed: {error.strerror}")
            )
            continue
        folders = []
        for entry in entries:
            name = entry.name
            if name[0] == "." or name.lower() in HIDDEN_FOLDERS:
                continue
            path = entry.path
            if path in excluded_paths or (exclude and _is_excluded(entry, root, exclude)):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
                if not kind.is_named_so(name):
                    continue
            _add(scan, entry, root, kind)
        pending.extend(reversed(folders))
    return scan


def _is_excluded(entry: os.DirEntry[str], root: str, exclude: Sequence[str]) -> bool:
    below = os.path.relpath(entry.path, root)
    return any(fnmatch.fnmatch(entry.name, glob) or fnmatch.fnmatch(below, glob) for glob in exclude)


def _add(scan: Scan, entry: os.DirEntry[str], root: str, kind: Kind) -> None:
    """Sort one entry that is not a plain folder into candidates and odd ones."""
    named_so = kind.is_named_so(entry.name)
    if not named_so and os.path.splitext(entry.name)[1]:
        return
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return  # gone since the folder was listed: as if it had never been there
    found = FoundFile(entry.path, status.st_size, status.st_mtime_ns)
    if entry.is_file(follow_symlinks=False):
        if named_so or kind.begins_like(_head(entry.path)):
            scan.files.append(found)
    elif named_so:
        reason, message = _oddity(entry, root, kind)
        if reason:
            scan.odd.append(OddEntry(found.path, found.size_bytes, found.mtime_ns, reason, message))


def _oddity(entry: os.DirEntry[str], root: str, kind: Kind) -> tuple[str, str]:
    """Name what is wrong with an entry that is not a regular file; ("", "") for a link to what is found anyway."""
    if not entry.is_symlink():
        what = "a folder" if entry.is_dir() else "a pipe, socket or device"
        return "not-a-file", f"named like a {kind.noun}, but {what}"
    target = os.path.realpath(entry.path)
    if os.path.commonpath([target, os.path.realpath(root)]) != os.path.realpath(root):
        return (
            "link-outside",
            f"a link that leaves the catalogue, to {target}; add that folder to the build instead",
        )
    return ("", "") if os.path.exists(target) else ("link-broken", "a link to nothing")


def _head(path: str) -> bytes:
    """Return a file's first `HEAD_BYTES`; none if it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, HEAD_BYTES)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _is_picture(head: bytes) -> bool:
    return (head.startswith(MAGIC) or head[4:8] == BOX_MAGIC) and not is_sound(head)  # WAV is RIFF as WebP is


PICTURES = Kind("picture", IMAGE_SUFFIXES, _is_picture)
SOUNDS = Kind("sound", SOUND_SUFFIXES, is_sound)


def kind_for(view: View) -> Kind:
    """Return what an encoder of that view takes."""
    return SOUNDS if view is View.SPECTRUM else PICTURES


def folder_label(path: str, root: str) -> str | None:
    """Return the class that the folder names: the folder's path below the catalogue, or None directly in it.

    A label is text: bytes of a name that are none stand in it as hexadecimal escapes.
    """
    below = path_below(path, root).rpartition(os.sep)[0]
    if not below:
        return None
    return os.fsencode(below).decode("utf-8", "backslashreplace").replace(os.sep, "/")
