"""Simulated nights over a catalogue that grows: what each costs, and that every planted copy is told exactly once.

    python scripts/bench/nights.py [--nights 30] [--new 60] [--first 2000] [--copies 4]

Pictures are noise, which the tests' tiny encoder tells apart: what is measured is the night and not the encoder. Each
night brings ``--new`` pictures, and among them ``--copies`` darkened copies of pictures from any night before, and one
with the same bytes; three files are renamed and two leave. Five nights are killed (SIGKILL) at a named step and run
again.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STEPS = ["night.built", "night.page_written", "night.reported", "night.before_commit", "night.after_commit"]

Pair = frozenset[str]


class Catalogue:
    """A growing folder. ``planted`` are the pairs that a night has to tell of, by what a picture was first called."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.paths: list[Path] = []
        self.first_name: dict[str, str] = {}
        self.planted: set[Pair] = set()
        self._used: set[Path] = set()
        self._count = 0

    def grow(self, count: int, copies: int) -> None:
        """Bring ``count`` pictures: copies of old ones, one with the same bytes, and the rest unlike any other."""
        old = [path for path in self.paths if path not in self._used]
        for original in self.random.sample(old, min(copies + 1, len(old))):
            self._used.add(original)
            path = self._next()
            if copies and len(self._used) % (copies + 1) == 0:
                shutil.copy2(original, path)
            else:
                with Image.open(original) as opened:
                    opened.point(lambda value: value * 0.97).save(path)
            self._used.add(path)
            self.planted.add(frozenset({self._first(original), self._first(path)}))
            count -= 1
        for _ in range(count):
            path = self._next()
            pixels = np.random.default_rng(self._count).integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(path)

    def stir(self) -> None:
        """Rename three files, and let two go that nothing was planted on."""
        for path in self.random.sample(self.paths, 3):
            target = path.with_name(f"renamed-{self._count}-{path.name}")
            path.rename(target)
            self.paths[self.paths.index(path)] = target
            self.first_name[target.name] = self._first(path)
            if path in self._used:
                self._used.add(target)
        for path in self.random.sample([path for path in self.paths if path not in self._used], 2):
            path.unlink()
            self.paths.remove(path)

    def _next(self) -> Path:
        self._count += 1
        path = self.folder / f"seller-{self._count % 7}" / f"{self._count:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.paths.append(path)
        return path

    def _first(self, path: Path) -> str:
        return self.first_name.get(path.name, path.name)

    def pair(self, entry: dict[str, Any]) -> Pair:
        """Read a finding's pair."""
        return frozenset({self._first(Path(entry["path"])), self._first(Path(entry["with"]))})


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--new", type=int, default=60)
    parser.add_argument("--first", type=int, default=2000, help="pictures of the first night")
    parser.add_argument("--copies", type=int, default=4, help="planted copies a night")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory(prefix="index-nights-") as folder:
        return play(Path(folder), options)


def play(folder: Path, options: argparse.Namespace) -> int:
    from tests.crash.server import Server
    from tests.tiny_encoder import write_tiny_encoder

    server = Server({"INDEX_ENCODER": str(write_tiny_encoder(folder / "encoder"))})
    catalogue = Catalogue(folder / "shop", options.seed)
    killed = dict(zip(range(3, options.nights, max(1, options.nights // 5)), STEPS, strict=False))
    told: list[Pair] = []
    print("night   new  pictures  found  build s  compare s  report s  total s  killed at")
    for night in range(1, options.nights + 1):
        if night > 1:
            catalogue.stir()
        catalogue.grow(options.first if night == 1 else options.new, 0 if night == 1 else options.copies)
        step = killed.get(night)
        if step is not None:
            ended = server.start("nightly", "shop", cwd=folder, failpoint=f"{step}:1:kill").wait(600)
            assert ended.code == -signal.SIGKILL, ended.err
        report = server.start("nightly", "shop", "--json", cwd=folder).wait(600).json()
        if step == "night.after_commit":  # that night ended; this one has nothing to tell
            assert report["found"] == 0
            report = read_report(folder, report["night"] - 1)
        told += [catalogue.pair(entry) for entry in report["queue"]]
        took = report["seconds"]
        print(
            f"{night:5d} {len(report['new']):5d} {report['pictures']:9d} {report['found']:6d} {took['build']:8.2f}"
            f" {took['compare']:10.2f} {took['report']:9.2f} {took['total']:8.2f}  {step or ''}",
            flush=True,
        )
    whole = server.start("dedupe", "--json", cwd=folder).wait(600).json()
    server.close()
    assert len(told) == len(set(told)), "something was told twice"
    assert set(told) == catalogue.planted, f"{len(catalogue.planted - set(told))} planted pairs were not told"
    print(f"{len(told)} pairs planted, each told once; {len(killed)} nights killed")
    print(f"`index dedupe` over all {report['pictures']} pictures: {whole['seconds']:.2f} s")
    return 0


def read_report(folder: Path, night: int) -> dict[str, Any]:
    document = json.loads((folder / f".index/nights/{night:06d}/report.json").read_text())
    return dict(document)


if __name__ == "__main__":
    sys.exit(main())
