"""What verifying the first candidates adds to a ranking by vectors: edited copies among many other photos.

    python scripts/bench/reranking.py PHOTOS [--gallery 1000] [--queries 200] [--candidates 10] [--json]

PHOTOS is a folder of photos, read to any depth; exact duplicates are dropped. Half of the queries are edits of photos
in the gallery, in turns: a crop, mirrored, turned, three stacked edits, pasted on another photo, in a screenshot's
frame, with a text over it. The other half are the same edits of photos that are not in the gallery. Candidates are the
nearest by the built-in encoder's `copy` space.

- top-1: of the queries with a match, those that rank it first.
- µAP (`retrieval/evaluation/micro_ap`): all pairs of a query and a candidate in one ranking. Before, by score; after,
  a pair that is verified (copy or altered) by 1 + `Evidence.support`, any other by its score.
"""

import argparse
import hashlib
import io
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from edits import crop, edited, mirror, screenshot, turn, write_on
from PIL import Image

from indexer.compared import COMPARED, unpadded
from indexer.decoding.decode import from_image
from indexer.encoders import load_builtin
from retrieval.alignment.evidence import Evidence, compare
from retrieval.alignment.features import extract
from retrieval.alignment.verdict import Kind, judge
from retrieval.encoder import Encoder
from retrieval.evaluation.micro_ap import micro_average_precision

SPACE = "copy"
Edit = Callable[[Path, Path, random.Random], Image.Image]


def read(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("RGB")


def single(kind: Callable[[Image.Image, random.Random], Image.Image]) -> Edit:
    return lambda path, _other, chance: kind(read(path), chance)


def stacked(path: Path, _other: Path, chance: random.Random) -> Image.Image:
    return Image.open(io.BytesIO(edited(path, chance))).convert("RGB")


def pasted(path: Path, other: Path, chance: random.Random) -> Image.Image:
    """On another photo, of which it covers half of each side to all but a fifth."""
    ground, picture = read(other), read(path)
    share = chance.uniform(0.5, 0.8)
    picture = picture.resize((round(ground.width * share), round(ground.height * share)))
    ground.paste(
        picture, tuple(chance.randint(0, g - p) for g, p in zip(ground.size, picture.size, strict=True))
    )
    return ground


EDITS: dict[str, Edit] = {
    "crop": single(crop), "mirror": single(mirror), "turn": single(turn), "stacked": stacked, "pasted": pasted,
    "screenshot": single(screenshot), "text": single(write_on),
}  # fmt: skip


def photos(folder: Path) -> list[Path]:
    by_content = {hashlib.sha256(path.read_bytes()).digest(): path for path in sorted(folder.rglob("*.jpg"))}
    found = sorted(by_content.values())
    random.Random(0).shuffle(found)
    return found


def vectors(encoder: Encoder, images: list[Image.Image]) -> np.ndarray:
    shape = encoder.spec.preprocess
    parts = []
    for start in range(0, len(images), 32):
        batch = [
            from_image(image, size=shape.size, fit=shape.fit).pixels for image in images[start : start + 32]
        ]
        parts.append(encoder.encode(np.stack(batch))[SPACE])
    return np.concatenate(parts)


def compared(image: Image.Image) -> np.ndarray:
    return unpadded(from_image(image, size=COMPARED.size, fit=COMPARED.fit)).pixels


def weight(score: float, evidence: Evidence) -> float:
    verified = judge(evidence).kind in {Kind.COPY, Kind.ALTERED}
    return 1 + evidence.support if verified else score


def measure(folder: Path, gallery_size: int, count: int, candidates: int) -> dict:
    paths = photos(folder)
    gallery, strangers = paths[:gallery_size], paths[gallery_size:]
    sources = gallery[: count // 2] + strangers[: count // 2]
    kinds = [list(EDITS)[(number % (count // 2)) % len(EDITS)] for number in range(len(sources))]
    queries = [
        EDITS[kind](path, strangers[-1 - number], random.Random(number))
        for number, (path, kind) in enumerate(zip(sources, kinds, strict=True))
    ]
    encoder = load_builtin()
    similarity = vectors(encoder, queries) @ vectors(encoder, [read(path) for path in gallery]).T
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :candidates]
    before = np.take_along_axis(similarity, nearest, axis=1).astype(np.float64)
    after, milliseconds = before.copy(), []
    for row, query in enumerate(queries):
        pixels = compared(query)
        features = extract(pixels)
        for column, item in enumerate(nearest[row]):
            candidate, started = compared(read(gallery[item])), time.perf_counter()
            evidence = compare(pixels, candidate, features_a=features)
            after[row, column] = weight(before[row, column], evidence)
            milliseconds.append(1000 * (time.perf_counter() - started))
    same = nearest == np.arange(len(queries))[:, None]
    same[count // 2 :] = False
    return {
        "gallery": len(gallery),
        "queries": len(queries),
        "among_candidates": float(same.any(axis=1)[: count // 2].mean()),
        "before": figures(before, same, count // 2),
        "after": figures(after, same, count // 2),
        "falsely_verified": int(((after > 1) & ~same).sum()),
        "milliseconds": float(np.median(milliseconds)),
        "by_edit": {kind: by_kind(kind, kinds[: count // 2], before, after, same) for kind in EDITS},
    }


def figures(scores: np.ndarray, same: np.ndarray, positives: int) -> dict[str, float]:
    uap, recall = micro_average_precision(scores.ravel(), same.ravel(), positives)
    return {"top_1": firsts(scores, same)[:positives].mean(), "uap": uap, "recall_at_90_precision": recall}


def firsts(scores: np.ndarray, same: np.ndarray) -> np.ndarray:
    return same[np.arange(len(scores)), scores.argmax(axis=1)]


def by_kind(
    kind: str, kinds: list[str], before: np.ndarray, after: np.ndarray, same: np.ndarray
) -> list[float]:
    rows = [row for row, one in enumerate(kinds) if one == kind]
    return [float(firsts(scores[rows], same[rows]).mean()) for scores in (before, after)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--gallery", type=int, default=1000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)  # milliseconds are those of one core
    found = measure(arguments.photos, arguments.gallery, arguments.queries, arguments.candidates)
    if arguments.json:
        print(json.dumps(found, indent=1, default=float))
        return
    for name, value in found.items():
        print(name, json.dumps(value, default=lambda number: round(float(number), 4)))


if __name__ == "__main__":
    main()
