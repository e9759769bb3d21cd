"""What `index screen` finds, and what it flags in error: banknotes and a simulated marketplace.

    python scripts/bench/fraud.py --data DIR [--notes 40] [--listings 200] [--json]

DIR holds any of ``banknotes/turkish/train``, ``banknotes/iranian`` (a folder a value) and ``clothing`` (images.csv, of
which ``sender_id`` is the seller). Everything is drawn from a seed, and exact duplicates are dropped.

- notes: half of each value's pictures are genuine in an index, labelled by their value. Of the others, ``--notes`` in
  all, each is captured anew (`alterations.recaptured`), which is the untouched one: (a) it claims another value, (b) it
  is re-printed (blur, halftone, a shift of colours) and captured. (c) pictures that are in the index are altered
  (`alterations.ALTERATIONS`, in turns) and captured, beside untouched captures of them. Of each the share with a reason
  of ``not-genuine`` or ``altered`` is told; for (a) and (b) at the stated 1 %, with the realised false alarms.
- market: half of ``--listings`` incoming pictures are edits (`edits.edited`) of pictures that other sellers have in the
  index, half are sellers' own pictures, not in it. Precision and recall of ``reused``, alone and with ``altered``.
"""

import argparse
import csv
import hashlib
import json
import random
import tempfile
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from alterations import ALTERATIONS, altered, recaptured
from edits import edited
from PIL import Image

from indexer import Index
from indexer.screening.report import ScreenedImage

NOTES = {"turkish": "banknotes/turkish/train", "iranian": "banknotes/iranian"}
LARGEST_SIDE = 640  # pixels


def read(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return np.asarray(picture)


def distinct(paths: Iterable[Path]) -> list[Path]:
    """One path of each content, in an order that the contents give."""
    return [path for _, path in sorted({hashlib.sha256(p.read_bytes()).digest(): p for p in paths}.items())]


def reprinted(picture: np.ndarray, chance: random.Random) -> np.ndarray:
    """Blurred, in other colours, and through a halftone screen of 3 to 5 pixels."""
    soft = cv2.GaussianBlur(picture, (0, 0), chance.uniform(0.8, 1.6)).astype(np.float32)
    shifted = (soft + [chance.uniform(-25, 25) for _ in range(3)]).clip(0, 255)
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width] * (2 * np.pi / chance.uniform(3, 5))
    screen = 127.5 + 63.75 * (np.cos(x) + np.cos(y))
    dots = np.where(shifted > screen[..., np.newaxis], 255, 0).astype(np.float32)
    return np.asarray((0.6 * shifted + 0.4 * cv2.GaussianBlur(dots, (0, 0), 0.7)).clip(0, 255), np.uint8)


def share(images: list[ScreenedImage], *rules: str) -> float:
    return float(np.mean([any(reason.rule in rules for reason in image.reasons) for image in images]))


def measure_notes(folder: Path, count: int, scratch: Path) -> dict[str, float]:
    chance = random.Random(0)
    values = sorted(path for path in folder.iterdir() if path.is_dir())
    genuine: dict[str, list[Path]] = {}
    held: list[Path] = []
    for value in values:
        paths = distinct(path for path in value.iterdir() if path.is_file())
        genuine[value.name], rest = paths[: len(paths) // 2], paths[len(paths) // 2 :]
        held += rest[: max(1, count // len(values))]
    with (scratch / "notes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label"])
        table.writerows([path.resolve(), value] for value, paths in genuine.items() for path in paths)
    known = [path for paths in genuine.values() for path in paths]
    with Index(scratch) as index:
        index.build(scratch / "notes.csv")

        def screened(pictures: list[np.ndarray], labels: list[str]) -> list[ScreenedImage]:
            return [
                index.screen(picture, claim={"label": label}).images[0]
                for picture, label in zip(pictures, labels, strict=True)
            ]

        names = [path.parent.name for path in held]
        untouched = [recaptured(read(path), chance) for path in held]
        others = [chance.choice([value.name for value in values if value.name != name]) for name in names]
        prints = [recaptured(reprinted(read(path), chance), chance) for path in held]
        sources = chance.sample(known, min(count, len(known)))
        drawn = [
            altered(ALTERATIONS[number % len(ALTERATIONS)], read(path), read(sources[number - 1]), chance)
            for number, path in enumerate(sources)
        ]
        seen = [one for one in drawn if one is not None]
        values_of = [path.parent.name for path, one in zip(sources, drawn, strict=True) if one is not None]
        forged = screened([recaptured(one.after, chance) for one in seen], values_of)
        plain = screened(
            [recaptured(read(path), chance) for path in sources], [p.parent.name for p in sources]
        )
        return {
            "genuine": len(known),
            "held_out": len(held),
            "false_alarms": share(screened(untouched, names), "not-genuine"),
            "wrong_value_found": share(screened(untouched, others), "not-genuine"),
            "reprints_found": share(screened(prints, names), "not-genuine"),
            "alterations": len(seen),
            "alterations_found": share(forged, "altered"),
            "untouched_called_altered": share(plain, "altered"),
        }


def measure_market(folder: Path, count: int, scratch: Path) -> dict[str, float]:
    chance = random.Random(0)
    with (folder / "images.csv").open(newline="") as file:
        seller_of = {row["image"]: row["sender_id"] for row in csv.DictReader(file)}
    paths = [path for path in distinct((folder / "images").iterdir()) if path.stem in seller_of]
    chance.shuffle(paths)
    own, catalogue = paths[: count // 2], paths[count // 2 : count // 2 + 10 * count]
    with (scratch / "market.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "seller"])
        table.writerows([path.resolve(), seller_of[path.stem]] for path in catalogue)
    sellers = sorted(set(seller_of.values()), key=int)
    planted = chance.sample(catalogue, count // 2)
    incoming = [(edited(path, chance), seller_of[path.stem], True) for path in planted]
    plain = [(path.read_bytes(), seller_of[path.stem], False) for path in own]
    with Index(scratch) as index:
        index.build(scratch / "market.csv")
        flagged = []
        for content, seller, is_planted in incoming + plain:
            claimed = chance.choice([one for one in sellers if one != seller]) if is_planted else seller
            found = index.screen(content, claim={"seller": claimed}, owner="seller").images[0]
            flagged.append((is_planted, {reason.rule for reason in found.reasons}))
    figures: dict[str, float] = {"catalogue": len(catalogue), "incoming": len(flagged)}
    for name, rules in (("reused", {"reused"}), ("reused_or_altered", {"reused", "altered"})):
        hits = [is_planted for is_planted, found in flagged if found & rules]
        figures[f"{name}_precision"] = float(np.mean(hits)) if hits else float("nan")
        figures[f"{name}_recall"] = sum(hits) / len(planted)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--notes", type=int, default=40)
    parser.add_argument("--listings", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    found: dict[str, dict[str, float]] = {}
    for name, folder in NOTES.items():
        if (arguments.data / folder).is_dir():
            with tempfile.TemporaryDirectory() as scratch:
                found[name] = measure_notes(arguments.data / folder, arguments.notes, Path(scratch))
    if (arguments.data / "clothing/images.csv").is_file():
        with tempfile.TemporaryDirectory() as scratch:
            found["market"] = measure_market(arguments.data / "clothing", arguments.listings, Path(scratch))
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    for name, figures in found.items():
        print(name)
        for figure, value in figures.items():
            print(f"  {figure:28} {value:.4g}")


if __name__ == "__main__":
    main()
