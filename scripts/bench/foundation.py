"""Measure build, query and rebuild on a folder of real photos, each beside its floor, in one run.

Usage: python scripts/bench/foundation.py PHOTOS [--work DIR]

PHOTOS is copied first and never written to. Prints a table, and one JSON document with --json.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np

from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Job, Sandbox
from indexer.encoders import BUILTIN, read_encoder
from indexer.scan import scan_folder

QUERIES, K = 200, 10


def index(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "indexer", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def seconds(command: list[str], cwd: Path, runs: int = 7) -> float:
    """Median wall seconds of a whole process."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        times.append(time.perf_counter() - started)
    return float(np.median(times))


class PeakMemory(threading.Thread):
    """Samples the proportional memory (PSS) of a process and all its children, in MiB."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak_mib, self.largest_mib, self.running = pid, 0.0, 0.0, True

    def run(self) -> None:
        while self.running:
            sizes = [self._pss(pid) for pid in self._tree(self.pid)]
            self.peak_mib = max(self.peak_mib, sum(sizes))
            self.largest_mib = max(self.largest_mib, *sizes, 0.0)
            time.sleep(0.1)

    def _tree(self, pid: int) -> list[int]:
        children = []
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            children += [int(child) for child in task.read_text().split()]
        return [pid, *(p for child in children for p in self._tree(child))]

    @staticmethod
    def _pss(pid: int) -> float:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            return 0.0
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def build_measured(catalogue: Path, cwd: Path) -> tuple[dict, float, float]:
    """First build as a user runs it: its report, peak MiB of all its processes, peak MiB of the largest."""
    command = [sys.executable, "-m", "indexer", "build", str(catalogue), "--json", "-q"]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True)
    sampler = PeakMemory(process.pid)
    sampler.start()
    out, _ = process.communicate()
    sampler.running = False
    return json.loads(out), sampler.peak_mib, sampler.largest_mib


def encoder_rate(pixels: np.ndarray, least_seconds: float = 8.0) -> float:
    """Images/s of the encoder alone, on pictures already decoded."""
    network = read_encoder(BUILTIN).load(1, at_once=os.cpu_count() or 1)
    network.encode(pixels[:64])
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < least_seconds:
        network.encode(pixels[:64])
        done += 64
    return done / (time.perf_counter() - started)


def decode_all(paths: list[str], workers: int) -> tuple[np.ndarray, float]:
    """Decode pictures through the sandbox: pixels, and images/s."""
    spec = read_encoder(BUILTIN).spec.preprocess
    with Sandbox(limits=Limits(), workers=workers) as sandbox:
        run = partial(sandbox.run, size=spec.size, fit=spec.fit)
        sandbox.start()
        list(run([Job(0, path=paths[0])], window=1))
        started = time.perf_counter()
        jobs = (Job(i, path=path) for i, path in enumerate(paths))
        pictures = [o.picture.pixels for o in run(jobs, window=8 * workers) if o.picture]
    return np.stack(pictures), len(pictures) / (time.perf_counter() - started)


def check_queries(cwd: Path, paths: list[str]) -> dict[str, object]:
    """Query some of the catalogue's own pictures and hold every answer to a brute-force numpy search."""
    chosen = random.Random(0).sample(paths, QUERIES)
    started = time.perf_counter()
    answers = json.loads(index("query", *chosen, "-k", K, "--json", cwd=cwd).stdout)["queries"]
    took = time.perf_counter() - started
    index("export", "vectors.npz", cwd=cwd)
    with np.load(cwd / "vectors.npz") as data:
        names, contents, vectors = data["path"], data["sha256"], data["vectors"].astype(np.float64)
    row_of = {name: row for row, name in enumerate(names.tolist())}
    selfs = equal = 0
    for path, answer in zip(chosen, answers, strict=True):
        own = row_of[os.path.relpath(path, cwd)]
        results = answer["results"]
        first = row_of[results[0]["path"]]
        selfs += results[0]["score"] >= 0.999 and contents[first] == contents[own]
        scores = (vectors @ vectors[own]).round(9)
        expected = sorted(range(len(names)), key=lambda row: (-scores[row], names[row]))[:K]
        equal += [result["path"] for result in results] == [names[row] for row in expected]
    return {"queries": QUERIES, "found_itself_first": selfs, "equal_to_brute_force": equal, "seconds": took}


def move_and_edit(catalogue: Path, paths: list[str]) -> None:
    """Move 100 files into another folder and edit 10: one corner gets another colour."""
    from PIL import Image

    chosen = random.Random(1).sample(paths, 110)
    (catalogue / "moved").mkdir()
    for i, path in enumerate(chosen[:100]):
        shutil.move(path, catalogue / "moved" / f"{i:03d}-{Path(path).name}")
    for path in chosen[100:]:
        with Image.open(path) as picture:
            edited = picture.convert("RGB")
        edited.paste((255, 0, 0), (0, 0, 12, 12))
        edited.save(path, quality=90)


def measure(photos: Path, work: Path) -> dict[str, object]:
    catalogue = work / "photos"
    shutil.copytree(photos, catalogue)
    paths = [found.path for found in scan_folder(str(catalogue)).files]
    figures: dict[str, object] = {"photos": len(paths), "cores": os.cpu_count()}

    pixels, decode_rate = decode_all(paths[:2000], os.cpu_count() or 1)
    before = encoder_rate(pixels)
    report, peak_mib, largest_mib = build_measured(catalogue, work)
    after = encoder_rate(pixels)
    rate, alone = report["encoded"] / report["seconds"], (before + after) / 2
    figures["build"] = {
        "indexed": report["indexed"],
        "rejected": len(report["rejected"]),
        "images_per_s": rate,
        "encoder_only_images_per_s": alone,
        "decode_only_images_per_s": decode_rate,
        "ratio_to_encoder_only": rate / alone,
        "ratio_to_decode_and_encode": rate * (1 / alone + 1 / decode_rate),
        "peak_mib_all_processes": peak_mib,
        "peak_mib_largest_process": largest_mib,
    }
    figures["query"] = check_queries(work, paths)

    rebuild = seconds([sys.executable, "-m", "indexer", "build", str(catalogue), "-q"], work)
    find = seconds(["find", str(catalogue), "-printf", "%s %T@ %p\n"], work)
    imports = seconds([sys.executable, "-c", "import indexer.build, indexer.encoding"], work)
    figures["unchanged"] = {
        "rebuild_s": rebuild,
        "find_s": find,
        "start_up_s": imports,
        "ratio": rebuild / (find + imports),
        "report": json.loads(index("build", catalogue, "--json", cwd=work).stdout),
    }
    single = [sys.executable, "-m", "indexer", "query", paths[0]]
    libraries = "import sqlalchemy.orm, faiss, onnxruntime, click, numpy"
    # A query and its floor in turns: the machine changes its pace from one second to the next.
    turns = [
        [seconds(command, work, runs=1) for command in (single, [sys.executable, "-c", libraries])]
        for _ in range(15)
    ]
    query_s, imports_s = (float(value) for value in np.median(turns, axis=0))
    figures["cold_query"] = {
        "seconds": query_s,
        "imports_s": imports_s,
        "ratio": query_s / imports_s,
        "fastest_s": min(turn[0] for turn in turns),
        "help_s": seconds([sys.executable, "-m", "indexer", "--help"], work),
    }
    found = json.loads(index("dedupe", "--json", cwd=work).stdout)
    figures["dedupe"] = {
        "threshold": found["threshold"],
        "groups": len(found["groups"]),
        "pairs": found["pairs"],
        "pairs_share": found["pairs"] / (len(paths) * (len(paths) - 1) / 2),
        "seconds": found["seconds"],
    }
    move_and_edit(catalogue, paths)
    figures["moved_100_edited_10"] = json.loads(index("build", catalogue, "--json", cwd=work).stdout)
    figures["check_exit_code"] = index("check", cwd=work).returncode
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--work", type=Path, help="where to work (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.work) as work:
        print(json.dumps(measure(arguments.photos, Path(work).resolve()), indent=1))


if __name__ == "__main__":
    main()
