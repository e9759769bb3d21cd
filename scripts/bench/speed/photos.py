"""A first build of a folder of photos, beside its floor and the peers that look for copies by a network's vectors.

    python scripts/bench/speed/photos.py PHOTOS [--fastdup PYTHON] [--imagededup PYTHON] [--immaculate COMMAND]

The floor is that of doing both halves on the same cores, one after the other, and nothing else: decoding all pictures
in the build's own processes, and encoding pixels that are there. Peers are those of environments of their own; they
group copies too, so ours for them is `index build` and `index dedupe` together. Everything runs in turns, twice.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import peers
from results import ROOT, Result, medians_in_turns, record, seconds_of, timed

sys.path.insert(0, str(ROOT / "scripts/bench"))

from foundation import build_measured, index

from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Job, Sandbox
from indexer.encoders import BUILTIN, read_encoder
from indexer.scan import scan_folder

TURNS, AT_ONCE = 2, 64


def floor_seconds(paths: list[str]) -> float:
    """Decode all pictures, then encode as many."""
    shape, cores = read_encoder(BUILTIN).spec.preprocess, os.cpu_count() or 1
    network = read_encoder(BUILTIN).load(1, at_once=cores)
    with Sandbox(limits=Limits(), workers=cores) as sandbox:
        run = partial(sandbox.run, size=shape.size, fit=shape.fit, window=AT_ONCE)
        list(run([Job(0, path=paths[0])]))
        started, kept = time.perf_counter(), []
        for outcome in run(Job(key, path=path) for key, path in enumerate(paths)):
            if outcome.picture is not None and len(kept) < AT_ONCE:
                kept.append(outcome.picture.pixels)
        decoded = time.perf_counter() - started
    batch = np.stack(kept)
    network.encode(batch)
    started = time.perf_counter()
    for _ in range(len(paths) // AT_ONCE):
        network.encode(batch)
    rest = len(paths) % AT_ONCE
    if rest:
        network.encode(batch[:rest])
    return decoded + time.perf_counter() - started


class Builds:
    """Our builds of one folder, each in an empty place; their peaks of memory, and what dedupe took after them."""

    def __init__(self, photos: Path, work: Path) -> None:
        self._photos, self._place = photos, work / "ours"
        self.peaks_mib: list[float] = []
        self.dedupes: list[float] = []

    def build(self) -> float:
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir()
        started = time.perf_counter()
        _, peak_mib, _ = build_measured(self._photos, self._place)
        seconds = time.perf_counter() - started
        self.peaks_mib.append(peak_mib)
        self.dedupes.append(timed(lambda: index("dedupe", "-q", cwd=self._place)))
        return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--fastdup", metavar="PYTHON")
    parser.add_argument("--imagededup", metavar="PYTHON")
    parser.add_argument("--immaculate", metavar="COMMAND")
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    photos = given.photos.resolve()
    paths = [found.path for found in scan_folder(str(photos)).files]
    with tempfile.TemporaryDirectory(dir=given.work) as scratch:
        work = Path(scratch)
        builds = Builds(photos, work)
        works = {"floor": lambda: floor_seconds(paths), "ours": builds.build}
        if given.fastdup:
            works["fastdup"] = lambda: seconds_of(
                peers.fastdup(given.fastdup, photos, work / "fastdup"), work
            )
        if given.imagededup:
            works["imagededup, encoding alone"] = lambda: seconds_of(
                peers.imagededup(given.imagededup, photos)
            )
        if given.immaculate:
            works["immaculate, SSCD distilled"] = lambda: seconds_of(
                peers.immaculate(given.immaculate, photos)
            )
        taken = medians_in_turns(works, TURNS)
    rates = {name: len(paths) / seconds for name, seconds in taken.items()}
    ours, floor = rates.pop("ours"), rates.pop("floor")
    with_dedupe = len(paths) / (taken["ours"] + float(np.median(builds.dedupes)))
    name = f"build of {len(paths):,} photos"
    floor_is = "decoding, then encoding, on the same cores"
    command = "scripts/bench/speed/photos.py PHOTOS --fastdup PYTHON --imagededup PYTHON --immaculate COMMAND"
    record(
        [
            Result(
                name,
                "photos/s",
                ours,
                floor,
                floor_is,
                more_is_better=True,
                must=0.85,
                aim=0.95,
                note=f"peak memory of all processes {max(builds.peaks_mib):.0f} MiB",
            ),
            Result(
                f"{name} and `index dedupe`",
                "photos/s",
                with_dedupe,
                peers=rates,
                more_is_better=True,
                must_of_peer=1.5,
                aim_of_peer=3,
            ),
        ],
        command,
    )


if __name__ == "__main__":
    main()
