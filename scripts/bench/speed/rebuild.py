"""A build of an unchanged catalogue, beside a bare walk over it that looks at every file's size and date.

    python scripts/bench/speed/rebuild.py [--files 100000] [--folder DIR]

The index is drawn by `large_store.py`; the walk is a process of its own that does nothing else. DIR keeps it.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from results import ROOT, Result, medians_in_turns, record, seconds_of

sys.path.insert(0, str(ROOT / "scripts/bench"))

from large_store import make_large_store

ROUNDS = 7
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
        seconds_of(build, folder)  # the drawn rows become those of a build
        taken = medians_in_turns(
            {
                "ours": lambda: seconds_of(build, folder),
                "walk": lambda: seconds_of([sys.executable, "-c", WALK, catalogue]),
                "start": lambda: seconds_of([sys.executable, "-c", "import indexer.build"]),
            },
            ROUNDS,
        )
    result = Result(
        f"unchanged rebuild, {given.files:,} files",
        "s",
        taken["ours"],
        taken["walk"],
        "a bare walk with stat",
        must=3,
        aim=1.5,
        note=f"of it {taken['start']:.2f} s to start and import",
    )
    record([result], f"scripts/bench/speed/rebuild.py --files {given.files}")


if __name__ == "__main__":
    main()
