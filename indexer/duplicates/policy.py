"""Which members a policy may touch: copies without doubt, of a file to keep that is there with its content intact.

Likeness alone is not enough: a banknote and another one of its series score as high as a photo and its thumbnail. A
member is touched if it has the same bytes, or if pixels were verified or somebody decided that it is a copy.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from indexer import durable
from indexer.duplicates.report import DuplicateGroup, Member
from indexer.lookup import IDENTICAL
from indexer.remote import is_remote
from retrieval.alignment.verdict import Kind


class Policy(StrEnum):
    """What is done with the members of a group."""

    LIST = "list"  # nothing
    TRASH = "trash"  # they are moved away
    HARDLINK = "hardlink"  # those with the same bytes become links of the kept file
    SCRIPT = "script"  # nothing; a shell script that moves them is printed


@dataclass(frozen=True)
class Step:
    """A member to be disposed of, and the file that is kept instead; paths are absolute, ``sha256`` is in hex."""

    path: str
    keep: str
    sha256: str
    same_bytes: bool


@dataclass(frozen=True)
class Skipped:
    """A member that is left alone, and why."""

    path: str
    reason: str


def sort_out(group: DuplicateGroup, policy: Policy) -> tuple[list[Step], list[Skipped]]:
    """Look at the kept file and at each member on disk; return those that may be touched, and the others."""
    steps, skipped = [], []
    problem = _unsound(group.keep, group.keep_sha256)
    for member in group.members:
        reason = _doubt(member, policy) or (problem and f"the kept file {group.keep} {problem}")
        if reason is None and (own := _unsound(member.path, member.sha256)):
            reason = f"it {own}"
        reason = reason or _on_disk(group.keep, member.path, policy)
        if reason:
            skipped.append(Skipped(member.path, reason))
        else:
            path, keep = os.path.abspath(member.path), os.path.abspath(group.keep)
            steps.append(Step(path, keep, member.sha256, member.verdict == IDENTICAL))
    return steps, skipped


def touchable(groups: list[DuplicateGroup], policy: Policy) -> Iterator[str]:
    """Yield the paths of the members that a policy may touch if they and their kept files are sound on disk."""
    for group in groups:
        yield from (member.path for member in group.members if _doubt(member, policy) is None)


def _doubt(member: Member, policy: Policy) -> str | None:
    if policy is Policy.HARDLINK and member.verdict != IDENTICAL:
        return "it does not have the same bytes"
    if member.verdict is None:
        return "likeness alone speaks for it: verify the pictures (--verify), or decide the pair"
    if member.verdict not in {IDENTICAL, Kind.COPY}:
        return f"it is {member.verdict}"
    return None


def _unsound(path: str, sha256: str) -> str | None:
    """Say what is wrong with a file; None if it is a plain file with that content."""
    if is_remote(path):
        return "lies on an object store, which is never written to, nor relied on to keep a file"
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return "is not a plain file"
        if durable.sha256_of(Path(path)) != sha256:
            return "changed since it was indexed"
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _on_disk(keep: str, path: str, policy: Policy) -> str | None:
    """Say why two sound files had better stay as they are."""
    try:
        kept, own = os.lstat(keep), os.lstat(path)
    except OSError as error:
        return f"it or the kept file cannot be seen: {error.strerror}"
    if (kept.st_dev, kept.st_ino) == (own.st_dev, own.st_ino):
        return "it is the kept file itself, by a hard link or another path: it takes up nothing"
    if policy is Policy.HARDLINK and kept.st_dev != own.st_dev:
        return "it lies on another file system than the kept file"
    return None
