"""A build of an unchanged catalogue, beside a bare walk over it that looks at every file's size and date.

    python scripts/bench/speed/rebuild.py [--files 100000] [--folder DIR]

The index is drawn by `large_store.py`; the walk is a process of its own that does nothing else. DIR keeps it. Once more
without its stamp: as after something was written to the index.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from results import ROOT, Result, medians_in_turns, record, seconds_of

sys.path.insert(0, str(ROOT / "scripts/bench"))

from large_store import make_large_store

ROUNDS = 7
SETTLED_S = 1.5  # what changed a moment ago is not stamped
WALK = """
import os, sys
def walk(folder):
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            walk(entry.path)
        else:
            entry.stat(follow_symlinks=False)
walk(sys.argv[1])
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (given.folder or Path(scratch)).resolve()
        if not (folder / ".index").exists():
            make_large_store(folder, given.files, given.files // 10)
        catalogue, build = folder / "catalogue", [sys.executable, "-m", "indexer", "build", "-q"]
        stamp = folder / ".index/unchanged.json"
        seconds_of(build, folder)  # the drawn rows become those of a build

        def without_stamp() -> float:
            stamp.unlink()
            return seconds_of(build, folder)

        time.sleep(SETTLED_S)
        seconds_of(build, folder)
        taken = medians_in_turns(
            {
                "ours": lambda: seconds_of(build, folder),
                "unstamped": without_stamp,
                "walk": lambda: seconds_of([sys.executable, "-c", WALK, catalogue]),
                "start": lambda: seconds_of([sys.executable, "-c", "import indexer.build"]),
            },
            ROUNDS,
        )
    floor = taken["walk"], "a bare walk with stat"
    results = [
        Result(f"unchanged rebuild, {given.files:,} files", "s", taken["ours"], *floor, must=3, aim=1.5),
        Result(
            f"unchanged rebuild, {given.files:,} files, after something was written to the index",
            "s",
            taken["unstamped"],
            *floor,
            note=f"of it {taken['start']:.2f} s to start and import",
        ),
    ]
    record(results, f"scripts/bench/speed/rebuild.py --files {given.files}")


if __name__ == "__main__":
    main()
