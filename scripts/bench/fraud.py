"""What `index screen` finds, and what it flags in error: banknotes and a simulated marketplace.

    python scripts/bench/fraud.py --data DIR [--notes 120] [--alterations 60] [--listings 200] [--json]

DIR holds any of ``banknotes/turkish/train``, ``banknotes/iranian`` (a folder a value) and ``clothing`` (images.csv, of
which ``sender_id`` is the seller). Everything is drawn from a seed, and exact duplicates are dropped.

- notes: a third of each value's pictures is for training, a third is genuine in an index, labelled by its value. Of the
  last third, ``--notes`` in all, each is captured anew (`alterations.recaptured`), which is the untouched one; it claims
  another value; and it is re-printed (blur, halftone, a shift of colours) and captured. Told is the share that is not
  genuine at the stated 1 %, and at the p-value that 1 % of the untouched ones reach; with the built-in encoder and,
  where torch is installed, with one that `index train` made of the first third.
- alterations: ``--alterations`` pictures of the index are altered (`alterations.ALTERATIONS`, in turns) and captured,
  beside untouched captures of them. Told is the share with a reason of ``altered``, and of those altered at the strength
  of change that 1 % of the untouched ones reach.
- market: half of ``--listings`` incoming pictures are edits (`edits.edited`) of pictures that other sellers have in the
  index, half are sellers' own pictures, not in it. Precision and recall of ``reused``, alone and with ``altered``.
"""

import argparse
import csv
import hashlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from alterations import ALTERATIONS, altered, recaptured
from edits import edited
from PIL import Image

from indexer import Index
from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Sandbox
from indexer.encoders import BUILTIN
from indexer.lookup import Gallery
from indexer.screening.options import ALTERED, NOT_GENUINE, REUSED, RULE_NAMES, ScreenOptions
from indexer.screening.report import ScreenedImage
from indexer.screening.screen import screen
from indexer.store import open_store

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


@dataclass(frozen=True)
class Notes:
    """Pictures of notes, in folders by value: to train on, to be genuine, and to come in."""

    train: list[Path]
    genuine: list[Path]
    incoming: list[Path]
    values: list[str]

    @classmethod
    def of(cls, folder: Path, count: int) -> "Notes":
        parts: tuple[list[Path], ...] = ([], [], [])
        values = sorted(path for path in folder.iterdir() if path.is_dir())
        for value in values:
            for number, path in enumerate(distinct(path for path in value.iterdir() if path.is_file())):
                parts[number % 3].append(path)
        train, genuine, rest = parts
        return cls(
            train, genuine, random.Random(0).sample(rest, min(count, len(rest))), [v.name for v in values]
        )


def write_labels(path: Path, pictures: list[Path]) -> Path:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label"])
        table.writerows([picture.resolve(), picture.parent.name] for picture in pictures)
    return path


def measure_genuine(notes: Notes, encoder: str, scratch: Path) -> dict[str, float]:
    """Of p-values: small where hardly a genuine picture is as far."""
    chance = random.Random(0)
    names = [path.parent.name for path in notes.incoming]
    others = [chance.choice([value for value in notes.values if value != name]) for name in names]
    untouched = [recaptured(read(path), chance) for path in notes.incoming]
    prints = [recaptured(reprinted(read(path), chance), chance) for path in notes.incoming]
    with Index(scratch, encoder=encoder) as index:
        index.build(write_labels(scratch / "genuine.csv", notes.genuine))
        gallery = Gallery(open_store(index.path))
        off = frozenset(RULE_NAMES) - {NOT_GENUINE}
        with Sandbox(limits=Limits(), workers=1) as sandbox:

            def p_values(pictures: list[np.ndarray], labels: list[str], fpr: float) -> np.ndarray:
                claims = [{"label": label} for label in labels]
                found = screen(
                    gallery, pictures, sandbox, ScreenOptions(fpr=fpr, off=off, verify=False), claims
                )
                told = [[reason.evidence["p_value"] for reason in image.reasons] for image in found.images]
                return np.array([min(values, default=1.0) for values in told])

            groups = {
                "untouched": (untouched, names),
                "wrong_value": (untouched, others),
                "reprints": (prints, names),
            }
            stated = {name: p_values(*group, 0.01) < 1 for name, group in groups.items()}
            ranked = {name: p_values(*group, 0.99) for name, group in groups.items()}
    least = np.quantile(ranked["untouched"], 0.01, method="lower")
    return {
        "genuine": len(notes.genuine),
        "incoming": len(names),
        "false_alarms": float(stated["untouched"].mean()),
        "wrong_value_found": float(stated["wrong_value"].mean()),
        "reprints_found": float(stated["reprints"].mean()),
        "wrong_value_at_1%": float((ranked["wrong_value"] <= least).mean()),
        "reprints_at_1%": float((ranked["reprints"] <= least).mean()),
    }


def trained(notes: Notes, scratch: Path) -> str:
    """Train a head on the built-in trunk, as `index train` does; its folder."""
    manifest, encoder = write_labels(scratch / "train.csv", notes.train), scratch / "encoder"
    command = [
        sys.executable,
        "-m",
        "indexer",
        "train",
        manifest,
        "--preset",
        "banknote",
        "--out",
        encoder,
        "--quiet",
    ]
    done = subprocess.run([str(part) for part in command], check=False, stdout=subprocess.DEVNULL)
    if done.returncode not in {0, 3}:
        raise SystemExit(done.returncode)
    return str(encoder)


def strength(image: ScreenedImage) -> float:
    """Of the strongest change; 0 where none is told."""
    changes = [
        change for reason in image.reasons if reason.rule == ALTERED for change in reason.evidence["changes"]
    ]
    return max((change["strength"] for change in changes), default=0.0)


def measure_alterations(notes: Notes, count: int, scratch: Path) -> dict[str, float]:
    chance = random.Random(0)
    known = notes.train + notes.genuine
    sources = chance.sample(known, min(count, len(known)))
    drawn = [
        altered(ALTERATIONS[number % len(ALTERATIONS)], read(path), read(sources[number - 1]), chance)
        for number, path in enumerate(sources)
    ]
    forged = [recaptured(one.after, chance) for one in drawn if one is not None]
    plain = [recaptured(read(path), chance) for path in sources]
    with Index(scratch) as index:
        index.build(write_labels(scratch / "known.csv", known))
        found = [index.screen(picture).images[0] for picture in forged]
        untouched = [index.screen(picture).images[0] for picture in plain]
    least = np.quantile([strength(image) for image in untouched], 0.99, method="higher")
    return {
        "known": len(known),
        "alterations": len(forged),
        "alterations_found": share(found, ALTERED),
        "untouched_called_altered": share(untouched, ALTERED),
        "untouched_found": share(untouched, REUSED, ALTERED),
        "alterations_at_1%": float(np.mean([strength(image) > least for image in found])),
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
    parser.add_argument("--notes", type=int, default=120)
    parser.add_argument("--alterations", type=int, default=60)
    parser.add_argument("--listings", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    found: dict[str, dict[str, float]] = {}

    def measured(name: str, measure: Callable[[Path], dict[str, float]]) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            found[name] = measure(Path(scratch))
        if not arguments.json:
            print(
                name,
                *(f"  {figure:26} {value:.4g}" for figure, value in found[name].items()),
                sep="\n",
                flush=True,
            )

    for name, folder in NOTES.items():
        if not (arguments.data / folder).is_dir():
            continue
        notes = Notes.of(arguments.data / folder, arguments.notes)
        measured(f"{name}, built-in encoder", partial(measure_genuine, notes, BUILTIN))
        if find_spec("torch"):
            with tempfile.TemporaryDirectory() as scratch:
                measured(f"{name}, trained", partial(measure_genuine, notes, trained(notes, Path(scratch))))
        measured(f"{name}, alterations", partial(measure_alterations, notes, arguments.alterations))
    if (arguments.data / "clothing/images.csv").is_file():
        measured("market", partial(measure_market, arguments.data / "clothing", arguments.listings))
    if arguments.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
