"""imagededup's protocol: of all pairs of 1,800 photos, find those that are one photo, without calling others so.

    python scripts/bench/transformed_pairs.py --data DIR [--model model.onnx --spec spec.json] [--sscd FOLDER]

300 photos that the encoder never saw, each as it is and five times changed, as the authors of imagededup did: a crop,
mirrored, upside down, turned by 25 degrees, stretched to a square. Its benchmark says how well hashes and networks
find them (https://idealo.github.io/imagededup/user_guide/benchmarks/). Recall is given at a precision of 99.9 % and of
98.8 %, over all pairs; and for `index dedupe`, by its plain threshold and with `--verify`, as it comes.
"""

import argparse
import os
import random
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
from builtin_quality import copies
from copies import BUILTIN, encoders, normalised
from PIL import Image, ImageOps

from indexer import Index
from indexer.decoding.decode import from_image

PHOTOS = 300
PRECISIONS = (0.999, 0.988)


def crop(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Keep a random part: 60 to 90 % of each side."""
    w, h = (int(side * chance.uniform(0.6, 0.9)) for side in picture.size)
    left, top = chance.randint(0, picture.width - w), chance.randint(0, picture.height - h)
    return picture.crop((left, top, left + w, top + h))


def versions(picture: Image.Image, chance: random.Random) -> list[Image.Image]:
    side = min(picture.size)
    return [
        picture,
        crop(picture, chance),
        ImageOps.mirror(picture),
        ImageOps.flip(picture),
        picture.rotate(25, Image.Resampling.BICUBIC, expand=True),
        picture.resize((side, side)),
    ]


def recall_at(precision: float, scores: np.ndarray, same: np.ndarray) -> float:
    """Recall of the lowest threshold that keeps the precision."""
    order = np.argsort(-scores, kind="stable")
    right = same[order].cumsum()
    kept = np.flatnonzero(right / np.arange(1, len(right) + 1) >= precision)
    return float(right[kept[-1]] / same.sum()) if len(kept) else 0.0


def deduped(pictures: list[Image.Image], owners: np.ndarray, *, verify: bool) -> tuple[float, float, float]:
    """Recall and precision over pairs of one group, and seconds, of `index dedupe` on a folder with the pictures."""
    with tempfile.TemporaryDirectory() as folder, Index(Path(folder)) as index:
        catalogue = Path(folder, "catalogue")
        catalogue.mkdir()
        for number, picture in enumerate(pictures):
            picture.save(catalogue / f"{number}.png")
        index.build(catalogue)
        report = index.dedupe(verify=verify)
    found = right = 0
    for group in report.groups:
        members = [int(Path(path).stem) for path in (group.keep, *(member.path for member in group.members))]
        for a, b in combinations(members, 2):
            found += 1
            right += int(owners[a] == owners[b])
    versions_each = len(pictures) // PHOTOS
    total = PHOTOS * versions_each * (versions_each - 1) // 2
    return right / total, right / max(1, found), report.seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=BUILTIN / "model.onnx")
    parser.add_argument("--spec", type=Path)
    parser.add_argument("--sscd", type=Path)
    arguments = parser.parse_args()
    pictures = []
    for number, photo in enumerate(copies(arguments.data).photos[:PHOTOS]):
        with Image.open(photo.path) as opened:
            pictures += versions(opened.convert("RGB"), random.Random(number))
    owners = np.repeat(np.arange(PHOTOS), len(pictures) // PHOTOS)
    upper = np.triu_indices(len(pictures), 1)
    same = (owners[:, None] == owners)[upper]
    print(f"{len(pictures)} pictures, {int(same.sum())} pairs to find, {os.cpu_count()} cores")
    for name, (encoder, space) in encoders(arguments).items():
        shape = encoder.spec.preprocess
        pixels = np.stack([from_image(p, size=shape.size, fit=shape.fit).pixels for p in pictures])
        vectors = encoder.encode(pixels)[space]
        plain = (vectors @ vectors.T).astype(np.float64)
        alone = plain - 2 * np.eye(len(plain))
        standing = normalised(alone, vectors)
        for kind, scores in (("one vector", plain), ("normalised", np.maximum(standing, standing.T))):
            found = ", ".join(f"{recall_at(p, scores[upper], same):.3f} at {p:.1%}" for p in PRECISIONS)
            print(f"{name:15} {kind:12} recall {found}", flush=True)
    for verify in (False, True):
        recall, precision, seconds = deduped(pictures, owners, verify=verify)
        command = "index dedupe --verify" if verify else "index dedupe"
        print(f"{command:28} recall {recall:.3f} at {precision:.2%}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
