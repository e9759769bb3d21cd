"""Hold stated false-positive rates to what comes true on pictures that no threshold was set by, in two domains.

Usage: python scripts/bench/calibration.py A B [--pictures 1000] [--seed 0] [--json]

A and B are folders of photos; of each, half of a seeded sample is indexed and calibrated by synthetic copies, and the
other half, indexed by itself, says what share of its different pairs reaches the threshold: an edited copy against
every other picture of its half, none left out: pictures that are there twice count as false positives. The thresholds of
A are held to B too, beside those that were calibrated on B.
"""

import argparse
import json
import math
import random
import shutil
import tempfile
from pathlib import Path

import numpy as np

from indexer import Index
from indexer.calibrate import measure_calibration
from indexer.decoding.sandbox import Sandbox
from indexer.encoding import no_progress
from indexer.known_pairs import FIT, HELD_OUT
from indexer.lookup import Gallery
from indexer.scan import scan_folder
from indexer.settings import load_settings
from indexer.store import open_store
from indexer.synthetic import EditedCopies, edited_copies
from retrieval.calibration import ProbabilityMap, reliability_bins
from retrieval.errors import CalibrationRefused
from retrieval.thresholds import SCORE_CENTRES

RATES = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)


def copies_of(photos: list[str], work: Path, seed: int) -> EditedCopies:
    folder = work / "photos"
    folder.mkdir(parents=True)
    for number, photo in enumerate(photos):
        shutil.copy(photo, folder / f"{number:05d}{Path(photo).suffix}")
    with Index(work) as index:
        index.build(folder)
    settings = load_settings(work / ".index", {})
    with Sandbox(limits=settings.limits, workers=2) as sandbox:
        gallery = Gallery(open_store(work / ".index"))
        space = gallery.generation.space("copy")
        return edited_copies(gallery, sandbox, space, seed, no_progress)


class Fresh:
    """All pairs of pictures that no threshold was set by: same ones, and different ones without any guard."""

    def __init__(self, copies: EditedCopies) -> None:
        copies.guard = math.inf
        self.same = np.concatenate([part for half in copies.same for part in half.values()])
        halves = [copies.different(half) for half in (FIT, HELD_OUT)]
        self.different = np.concatenate([half.scores for half in halves])
        self.counts = sum(half.histogram for half in halves)

    def rate(self, threshold: float) -> float:
        return float((self.different >= threshold).mean())

    def recall(self, threshold: float) -> float:
        return float((self.same >= threshold).mean())

    def trust(self, document: dict) -> tuple[float, float]:
        learned = ProbabilityMap.from_list(document["knots"])
        probabilities = learned.probability(np.concatenate([self.same, SCORE_CENTRES]))
        weights = np.concatenate(
            [np.full(len(self.same), 1 / len(self.same)), self.counts / self.counts.sum()]
        )
        found = reliability_bins(probabilities, np.arange(len(probabilities)) < len(self.same), weights)
        return found.ece, found.brier


def measured(folder: Path, count: int, work: Path, seed: int) -> tuple[dict[float, dict | None], Fresh]:
    photos = [file.path for file in scan_folder(str(folder), []).files]
    chosen = random.Random(seed).sample(sorted(photos), min(count, len(photos)))
    known = copies_of(chosen[::2], work / "learned", seed)
    documents: dict[float, dict | None] = {}
    for rate in RATES:
        try:
            documents[rate] = measure_calibration(known, rate) | known.facts
        except CalibrationRefused as error:
            print(f"{folder.name} at {rate:g}: {error}")
            documents[rate] = None
    return documents, Fresh(copies_of(chosen[1::2], work / "fresh", seed + 1))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("a", type=Path)
    parser.add_argument("b", type=Path)
    parser.add_argument("--pictures", type=int, default=1000, help="of each folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        domains = {
            folder: measured(folder, options.pictures, Path(scratch) / str(number), options.seed)
            for number, folder in enumerate((options.a, options.b))
        }
    for origin, (documents, _) in domains.items():
        for target, (_, fresh) in domains.items():
            if origin == options.b and target == options.a:
                continue
            for rate, document in documents.items():
                if document is None:
                    continue
                ece, brier = fresh.trust(document)
                threshold = document["threshold"]
                row = {
                    "calibrated_on": origin.name,
                    "judged_on": target.name,
                    "stated": rate,
                    "threshold": threshold,
                    "realised": fresh.rate(threshold),
                    "recall": fresh.recall(threshold),
                    "different": len(fresh.different),
                    "same": len(fresh.same),
                    "ece": ece,
                    "brier": brier,
                    "effective_negatives": document["effective_negatives"],
                    "left_out": document["left_out"],
                    "guard": document["guard"],
                }
                rows.append(row)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(
            " ".join(
                f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in row.items()
            )
        )


if __name__ == "__main__":
    main()
