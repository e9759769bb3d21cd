"""Walk a folder: which files are candidates, which are odd, and which folders could not be seen. Nothing is read.

Links are never followed: inside the catalogue their target is met anyway, and outside it is not part of it.
"""

import fnmatch
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

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
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF", b"BM", b"II*\x00", b"MM\x00*")
BOX_MAGIC = b"ftyp"  # at byte 4 of HEIC and AVIF


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A candidate: its path as text (`os.fsdecode`), and what `stat` says of it."""

    path: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class OddEntry:
    """Something named like a picture, or a folder, that cannot be read as one."""

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


def scan_folder(root: str, exclude: Sequence[str] = (), excluded_paths: frozenset[str] = frozenset()) -> Scan:
    """Walk ``root`` in a fixed order.

    ``exclude`` are globs, matched against a name and against the path below ``root``; ``excluded_paths`` are whole
    paths. Hidden files and folders, trash and thumbnails folders are skipped.
    """
    scan = Scan()
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            scan.unseen_folders.append(folder)
            scan.odd.append(
                OddEntry(folder, 0, 0, "folder-unreadable", f"cannot be listed: {error.strerror}")
            )
            continue
        folders = []
        for entry in entries:
            if _is_skipped(entry, root, exclude, excluded_paths):
                continue
            if entry.is_dir(follow_symlinks=False) and not _is_image_name(entry.name):
                folders.append(entry.path)
            else:
                _add(scan, entry, root)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
        pending.extend(reversed(folders))
    return scan


def _is_skipped(
    entry: os.DirEntry[str], root: str, exclude: Sequence[str], excluded_paths: frozenset[str]
) -> bool:
    if entry.name.startswith(".") or entry.name.lower() in HIDDEN_FOLDERS or entry.path in excluded_paths:
        return True
    if not exclude:
        return False
    below = os.path.relpath(entry.path, root)
    return any(fnmatch.fnmatch(entry.name, glob) or fnmatch.fnmatch(below, glob) for glob in exclude)


def _is_image_name(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _add(scan: Scan, entry: os.DirEntry[str], root: str) -> None:
    """Sort one entry that is not a plain folder into candidates and odd ones."""
    named_like_image = _is_image_name(entry.name)
    if not named_like_image and os.path.splitext(entry.name)[1]:
        return
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return  # gone since the folder was listed: as if it had never been there
    found = FoundFile(entry.path, status.st_size, status.st_mtime_ns)
    if stat.S_ISREG(status.st_mode):
        if named_like_image or _looks_like_image(entry.path):
            scan.files.append(found)
    elif named_like_image:
        reason, message = _oddity(entry, root)
        if reason:
            scan.odd.append(OddEntry(found.path, found.size_bytes, found.mtime_ns, reason, message))


def _oddity(entry: os.DirEntry[str], root: str) -> tuple[str, str]:
    """Name what is wrong with an entry that is not a regular file; ("", "") for a link to what is found anyway."""
    if not entry.is_symlink():
        kind = "a folder" if entry.is_dir() else "a pipe, socket or device"
        return "not-a-file", f"named like a picture, but {kind}"
    target = os.path.realpath(entry.path)
    if os.path.commonpath([target, os.path.realpath(root)]) != os.path.realpath(root):
        return (
            "link-outside",
            f"a link that leaves the catalogue, to {target}; add that folder to the build instead",
        )
    return ("", "") if os.path.exists(target) else ("link-broken", "a link to nothing")


def _looks_like_image(path: str) -> bool:
    """Tell a picture without a suffix by its first bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        head = os.read(descriptor, 12)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return head.startswith(MAGIC) or head[4:8] == BOX_MAGIC


def folder_label(path: str, root: str) -> str | None:
    """Return the class that the folder names: the folder's path below the catalogue, or None directly in it."""
    below = os.path.relpath(os.path.dirname(path), root)
    return None if below == "." else below.replace(os.sep, "/")
