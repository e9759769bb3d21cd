"""Whether a pair of pictures is one picture, edited, and what was changed: measured on photos and banknotes.

    python scripts/bench/verification.py --data DIR [--half report|tune] [--pairs 100] [--json]

DIR holds any of ``photos/bsds500``, ``banknotes/iranian`` and ``banknotes/euro``; what is missing is left out. The
limits in ``retrieval/alignment`` were chosen on the pictures whose name's SHA-256 begins with an even byte (``tune``);
what is reported is measured on the others.

- altered: each picture is altered (a piece of another picture, two of eight digits, a copy-move, a missing strip, in
  turns) and captured anew (`alterations.recaptured`); beside it, the untouched one is captured anew. AUC ranks the
  pairs by their strongest change, a pair without an alignment by 0. A hit is a reported box whose centre lies in the
  altered box, or whose IoU with it is 0.3 at least.
- copies: each picture against a copy with three stacked edits (`edits.edited`), and against other pictures of its
  class (the banknote's value; all photos are one class). Verified is the verdict ``copy`` or ``altered``.
"""

import argparse
import hashlib
import io
import json
import random
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from alterations import ALTERATIONS, Box, altered, recaptured
from edits import edited
from PIL import Image

from retrieval.alignment.evidence import Evidence, compare
from retrieval.alignment.verdict import Kind, judge
from retrieval.evaluation.verification import area_under_curve, roc_curve

SETS = {"bsds500": "photos/bsds500", "iranian": "banknotes/iranian", "euro": "banknotes/euro/testDB"}
LARGEST_SIDE = 640  # pixels
OTHERS = 3  # other pictures of its class that each picture is compared with
LEAST_IOU = 0.3
Figures = dict[str, float]


def read(source: Path | bytes) -> np.ndarray:
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return np.asarray(picture)


def chosen(folder: Path, half: str, count: int) -> list[Path]:
    """Up to ``count`` pictures of one half, the same every time."""
    parity = {"tune": 0, "report": 1}[half]
    digests = {path: hashlib.sha256(path.name.encode()).digest() for path in sorted(folder.rglob("*.jpg"))}
    return sorted((p for p, digest in digests.items() if digest[0] % 2 == parity), key=digests.__getitem__)[
        :count
    ]


def class_of(path: Path) -> str:
    """Iranian banknotes lie in a folder for each value; euro photos begin with it."""
    return path.stem.split("_")[0].split("-")[0] if path.parent.name == "testDB" else path.parent.name


def is_hit(box: Box, truth: Box) -> bool:
    (left, top, right, bottom), (x, y, x_end, y_end) = box, truth
    if x <= (left + right) / 2 < x_end and y <= (top + bottom) / 2 < y_end:
        return True
    shared = max(0, min(right, x_end) - max(left, x)) * max(0, min(bottom, y_end) - max(top, y))
    both = (right - left) * (bottom - top) + (x_end - x) * (y_end - y) - shared
    return shared >= LEAST_IOU * both


def measure_alterations(paths: list[Path]) -> dict[str, Figures]:
    rows = []
    for number, path in enumerate(paths):
        chance = random.Random(number)
        kind = ALTERATIONS[number % len(ALTERATIONS)]
        drawn = altered(kind, read(path), read(paths[number - 1]), chance)
        if drawn is None:
            continue
        forged, started = recaptured(drawn.after, chance), time.perf_counter()
        found = compare(drawn.before, forged)
        seconds = time.perf_counter() - started
        untouched = compare(drawn.before, recaptured(drawn.before, chance))
        hit = any(is_hit(change.box_a, drawn.box) for change in found.changes)
        rows.append((kind.__name__, found, untouched, hit, seconds))
    groups = {"all": rows} | {
        kind.__name__: [row for row in rows if row[0] == kind.__name__] for kind in ALTERATIONS
    }
    return {name: altered_figures(group) for name, group in groups.items() if group}


def altered_figures(rows: list) -> Figures:
    _, found, untouched, hits, seconds = zip(*rows, strict=True)
    strengths = np.array([evidence.strongest for evidence in (*found, *untouched)])
    labels = np.arange(len(strengths)) < len(found)
    false = [len(evidence.changes) for evidence in untouched]
    kinds = [judge(evidence).kind for evidence in untouched]
    return {
        "pairs": len(rows),
        "aligned": np.mean([evidence.alignment is not None for evidence in (*found, *untouched)]),
        "auc": area_under_curve(roc_curve(strengths, labels)),
        "hits": np.mean(hits),
        "called_altered": np.mean([judge(evidence).kind is Kind.ALTERED for evidence in found]),
        "untouched_called_copy": np.mean([kind is Kind.COPY for kind in kinds]),
        "untouched_with_boxes": np.mean([count > 0 for count in false]),
        "false_boxes_each": np.mean(false),
        "milliseconds": 1000 * float(np.median(seconds)),
    }


def measure_copies(paths: list[Path]) -> Figures:
    pictures = {path: read(path) for path in paths}
    copies, others = [], []
    for number, path in enumerate(paths):
        copies.append(compare(pictures[path], read(edited(path, random.Random(number)))))
        same_class = (other for other in paths[number + 1 :] if class_of(other) == class_of(path))
        others += [compare(pictures[path], pictures[other]) for other in islice(same_class, OTHERS)]

    def verified(pairs: list[Evidence]) -> float:
        return float(np.mean([judge(evidence).kind in {Kind.COPY, Kind.ALTERED} for evidence in pairs]))

    return {
        "copies": len(copies),
        "copies_aligned": float(np.mean([evidence.alignment is not None for evidence in copies])),
        "copies_verified": verified(copies),
        "others": len(others),
        "others_aligned": float(np.mean([evidence.alignment is not None for evidence in others])),
        "others_falsely_verified": verified(others),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--half", choices=("report", "tune"), default="report")
    parser.add_argument("--pairs", type=int, default=100, help="pictures of each set")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)  # milliseconds are those of one core
    found = {}
    for name, folder in SETS.items():
        paths = chosen(arguments.data / folder, arguments.half, arguments.pairs)
        if paths:
            found[name] = {"altered": measure_alterations(paths), "copies": measure_copies(paths)}
            if not arguments.json:
                show(name, found[name])
    if arguments.json:
        print(json.dumps(found, indent=1, default=float))


def show(name: str, figures: dict) -> None:
    for kind, values in figures["altered"].items():
        print(f"{name:8} {kind:15}", "  ".join(f"{key} {value:.4g}" for key, value in values.items()))
    print(
        f"{name:8} {'copies':15}",
        "  ".join(f"{key} {value:.4g}" for key, value in figures["copies"].items()),
        flush=True,
    )


if __name__ == "__main__":
    main()
