"""Damage to one object of a store, drawn at random: what there is to damage, and how."""

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096


@dataclass(frozen=True)
class Target:
    """A file to damage, and others of its kind: one to swap it with, and what lay there one generation ago."""

    path: Path
    other: Path
    older: Path


def flip(target: Target, draw: random.Random) -> None:
    data = bytearray(target.path.read_bytes()) or bytearray(1)
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    target.path.write_bytes(data)


def zero_a_page(target: Target, draw: random.Random) -> None:
    data = bytearray(target.path.read_bytes())
    start = draw.randrange(len(data) // PAGE + 1) * PAGE
    data[start : start + PAGE] = bytes(len(data[start : start + PAGE]))
    target.path.write_bytes(data)


def cut(target: Target, draw: random.Random) -> None:
    size = target.path.stat().st_size
    os.truncate(target.path, draw.choice([1, size // 2, max(0, size - 1), draw.randrange(size + 1)]))


def append(target: Target, draw: random.Random) -> None:
    with target.path.open("ab") as file:
        file.write(draw.randbytes(draw.choice([1, PAGE])))


def swap(target: Target, draw: random.Random) -> None:
    mine, theirs = target.path.read_bytes(), target.other.read_bytes()
    target.path.write_bytes(theirs)
    target.other.write_bytes(mine)


def put_older(target: Target, draw: random.Random) -> None:
    shutil.copyfile(target.older, target.path)


def delete(target: Target, draw: random.Random) -> None:
    target.path.unlink()


def empty(target: Target, draw: random.Random) -> None:
    target.path.write_bytes(b"")


def to_folder(target: Target, draw: random.Random) -> None:
    target.path.unlink()
    target.path.mkdir()


def dangle(target: Target, draw: random.Random) -> None:
    target.path.unlink()
    target.path.symlink_to("nothing")


def forbid(target: Target, draw: random.Random) -> None:
    target.path.chmod(0)


Damage = Callable[[Target, random.Random], None]
DAMAGES: dict[str, Damage] = {
    damage.__name__: damage
    for damage in (
        flip, zero_a_page, cut, append, swap, put_older, delete, empty, to_folder, dangle, forbid,
    )
}  # fmt: skip
# What takes a file away as a whole: whoever did it has to undo it, for no program can.
IN_THE_WAY = {"to_folder", "dangle", "forbid"}
