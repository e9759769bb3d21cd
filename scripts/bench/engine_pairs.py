"""The same index through FAISS and SQLite, and through Milvus and PostgreSQL: are the answers the same, at what time?

    .venv-engines/bin/python scripts/bench/engine_pairs.py --like copy=COPY.npz object=OBJECT.npz [--count 100000]

COPY.npz and OBJECT.npz are `index export`s of real pictures: the vectors are drawn to lie like theirs (`simulated.py`).
An index is made in files, copied whole, and the copy moved to both servers, which run on this machine alone. Then the
same is done with each: a build of new, changed and removed pictures, a build of nothing new, queries, a `dedupe`. Run it
by the environment that `make test-engines` makes. It prints Markdown.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts/bench")]

from large_store import make_large_store  # noqa: E402  (found by the line above)

from indexer import Index  # noqa: E402
from tests.engines.server import milvus_server  # noqa: E402
from tests.pictures import save  # noqa: E402
from tests.postgres.server import Server, binaries  # noqa: E402

NEW, GONE, QUERIES, K = 500, 500, 200, 10


def index(place: Path, *arguments: object) -> tuple[dict[str, object], float]:
    """Run a verb in a folder; its report and its seconds."""
    command = [sys.executable, "-m", "indexer", *map(str, arguments), "--json", "-q"]
    started = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode in (0, 3), done.stderr
    return json.loads(done.stdout), time.perf_counter() - started


def changed(place: Path) -> None:
    pictures = sorted((place / "catalogue").rglob("*.jpg"))
    for path in pictures[: GONE * 7 : 7]:
        path.unlink()
    for number in range(NEW):
        save(place / f"catalogue/new/{number:04d}.jpg", 50_000 + number)


def answers(place: Path) -> tuple[list[object], float]:
    """Answers to pictures of the catalogue, and the median seconds of one, its decoding and encoding included."""
    told, seconds = [], []
    with Index(place) as opened:
        pictures = sorted((place / "catalogue").rglob("*.jpg"))
        for path in pictures[:: max(1, len(pictures) // QUERIES)][:QUERIES]:
            started = time.perf_counter()
            matches = opened.query(path, K)
            seconds.append(time.perf_counter() - started)
            told.append([(Path(match.path).name, round(match.score, 9)) for match in matches])
    return told, float(np.median(seconds[1:]))


def measured(place: Path) -> tuple[dict[str, object], dict[str, float]]:
    """What an index says, and the seconds that it took."""
    changed(place)
    built, build_s = index(place, "build")
    _, again_s = index(place, "build")
    told, query_s = answers(place)
    found, dedupe_s = index(place, "dedupe")
    groups = [
        [Path(group["keep"]).name, *sorted(Path(member["path"]).name for member in group["members"])]
        for group in found["groups"]
    ]
    checked, check_s = index(place, "check")
    counts = {name: built[name] for name in ("found", "indexed", "removed", "encoded")}
    said = {"build": counts, "query": told, "dedupe": sorted(groups), "check": checked}
    times = {
        f"build, {NEW} new and {GONE} gone": build_s,
        "build, nothing new": again_s,
        "query, warm": query_s,
        "dedupe": dedupe_s,
        "check": check_s,
    }
    return said, times


def agreement(one: list[object], other: list[object]) -> float:
    """The share of answers that are the same, in order, with the same scores."""
    return float(np.mean([a == b for a, b in zip(one, other, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--like", nargs="+", required=True, metavar="SPACE=FILE")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    like = {}
    for pair in given.like:
        space, _, path = pair.partition("=")
        with np.load(path) as data:
            like[space] = data["vectors"].astype(np.float32)
    with ExitStack() as running:
        work = Path(running.enter_context(tempfile.TemporaryDirectory(dir=given.work)))
        files, servers = work / "files", work / "servers"
        make_large_store(files, given.count, given.count // 100, like=like)
        shutil.copytree(files, servers, copy_function=shutil.copy2)
        place = Path(tempfile.mkdtemp(prefix="index-postgres-"))
        place.chmod(0o755)
        programs = binaries()
        assert programs is not None
        postgres = Server(place / "data", programs)
        postgres.start()
        running.callback(shutil.rmtree, place)
        running.callback(postgres.stop, "immediate")
        url = running.enter_context(milvus_server(work / "milvus"))
        _, rows_s = index(servers, "copy", "--to", postgres.url("postgres"))
        copied, vectors_s = index(servers, "copy", "--to", f"{url}/catalogue")
        _, files_s = index(files, "copy", "--to", "files")
        ours, our_times = measured(files)
        theirs, their_times = measured(servers)
    print(
        f"{given.count} pictures, {2 * given.count} vectors; {os.cpu_count()} cores, Python {platform.python_version()}."
    )
    print(
        f"Moved there: rows {rows_s:.0f} s, vectors {vectors_s:.0f} s (files written anew: {files_s:.0f} s); "
        f"recall@10 measured: {copied['recall']}.\n"
    )
    print("| | same answer | FAISS and SQLite, s | Milvus and PostgreSQL, s | ratio |")
    print("| --- | --- | --- | --- | --- |")
    verbs = {name: name.partition(",")[0] for name in our_times}
    for name, verb in verbs.items():
        same = ours[verb] == theirs[verb]
        if verb == "query":
            share = agreement(ours[verb], theirs[verb])
            told = f"{share:.1%} of {QUERIES}"
        else:
            told = "yes" if same else "NO"
        ratio = their_times[name] / our_times[name]
        print(f"| {name} | {told} | {our_times[name]:.3g} | {their_times[name]:.3g} | {ratio:.2f} |")
    print(f"\n{len(ours['dedupe'])} groups of copies.")


if __name__ == "__main__":
    main()
