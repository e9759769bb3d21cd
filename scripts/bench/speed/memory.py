"""The most memory that a first build takes, beside its model and one batch, and beside what others take for the same folder.

    python scripts/bench/speed/memory.py PHOTOS [--counts 1000 100000] [--fastdup PYTHON] [--imagededup PYTHON] [--work DIR]

Beyond the photos that there are, pictures are cut-outs of them, each another (`sizes.py`). Memory is what all processes of
a command hold, shared pages by their share, sampled ten times a second. The floor is a process that has the built-in
encoder and gives it one batch. The row is that of the largest count; what a build took for fewer stands in its note.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import peers
from results import ROOT, Result, record
from sizes import enlarged

sys.path.insert(0, str(ROOT / "scripts/bench"))

from foundation import PeakMemory

ONE_BATCH = """
import os
import numpy as np
from indexer.embedding import BATCH
from indexer.encoders import BUILTIN, read_encoder
encoder = read_encoder(BUILTIN)
size = encoder.spec.preprocess.size
encoder.load(1, at_once=os.cpu_count() or 1).encode(np.zeros((BATCH, size, size, 3), np.uint8))
"""


def peak_mib(command: Sequence[object], cwd: Path) -> float:
    """Run a command to its end, which must be a good one; return the most that its processes held."""
    process = subprocess.Popen(
        [str(part) for part in command], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    sampler = PeakMemory(process.pid)
    sampler.start()
    code = process.wait()
    sampler.running = False
    if code:
        raise SystemExit(f"{command[0]} ended with {code}")
    return sampler.peak_mib


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--fastdup", metavar="PYTHON")
    parser.add_argument("--imagededup", metavar="PYTHON")
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    photos = sorted(given.photos.rglob("*.jpg"))
    ours: dict[int, float] = {}
    others: dict[str, float] = {}
    for count in sorted(given.counts):
        with tempfile.TemporaryDirectory(dir=given.work) as scratch:
            place = Path(scratch)
            pictures = place / "pictures"
            enlarged(photos, count, pictures)
            ours[count] = peak_mib([sys.executable, "-m", "indexer", "build", pictures, "-q"], place)
            if count == max(given.counts):
                if given.fastdup:
                    command = peers.fastdup(given.fastdup, pictures, place / "fastdup")
                    others["fastdup"] = peak_mib(command, place)
                if given.imagededup:
                    command = peers.imagededup(given.imagededup, pictures)
                    others["imagededup, encoding alone"] = peak_mib(command, place)
                floor = peak_mib([sys.executable, "-c", ONE_BATCH], place)
    *fewer, most = ours
    note = ", ".join(f"{ours[count]:.0f} MiB for {count:,}" for count in fewer)
    row = Result(
        f"peak memory, build of {most:,} pictures",
        "MiB",
        ours[most],
        floor,
        "the model and one batch",
        others,
        note=note,
    )
    named = [f" --{peer} PYTHON" for peer in ("fastdup", "imagededup") if getattr(given, peer)]
    record([row], "scripts/bench/speed/memory.py PHOTOS" + "".join(named))


if __name__ == "__main__":
    main()
