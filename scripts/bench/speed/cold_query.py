"""`index query` as a whole process, beside an interpreter that only imports the libraries that it uses.

    python scripts/bench/speed/cold_query.py [--pictures 10000 100000] [--folder DIR] [--image-dedup-ai COMMAND]

The index is drawn by `large_store.py`; DIR keeps it. COMMAND is the peer's, in an environment of its own: it gets an
index of the same pictures, and is asked for the nearest to the same one. It compares perceptual hashes.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from results import ROOT, Result, medians_in_turns, record, seconds_of

sys.path.insert(0, str(ROOT / "scripts/bench"))

from large_store import make_large_store

ROUNDS = 15
LIBRARIES = "import sqlalchemy.orm, faiss, onnxruntime, click, numpy"


def measured(pictures: int, folder: Path, peer: str | None) -> Result:
    if not (folder / ".index").exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_large_store(folder, pictures, pictures // 10)
    picture = next((folder / "catalogue").rglob("*.jpg"))
    query = [sys.executable, "-m", "indexer", "query", picture, "-q"]
    works = {
        "ours": lambda: seconds_of(query, folder),
        "floor": lambda: seconds_of([sys.executable, "-c", LIBRARIES]),
    }
    if peer is not None:
        hashes = folder / "image-dedup-ai.sqlite"
        if not hashes.exists():
            seconds_of([peer, folder / "catalogue", "--index", hashes])
        works["image-dedup-ai"] = lambda: seconds_of([peer, "--index", hashes, "--near", picture])
    taken = medians_in_turns(works, ROUNDS)
    return Result(
        f"cold query, {pictures:,} pictures",
        "s",
        taken.pop("ours"),
        taken.pop("floor"),
        "an interpreter that imports the libraries used",
        taken,
        must=1.5,
        aim=1.2,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--image-dedup-ai", metavar="COMMAND")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (given.folder or Path(scratch)).resolve()
        results = [measured(n, folder / str(n), given.image_dedup_ai) for n in given.pictures]
    peer = " --image-dedup-ai COMMAND" if given.image_dedup_ai else ""
    record(results, f"scripts/bench/speed/cold_query.py{peer}")


if __name__ == "__main__":
    main()
