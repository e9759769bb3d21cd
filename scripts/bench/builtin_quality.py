"""How well an encoder finds the same thing and the same picture, on public data sets laid out as folders.

    python scripts/bench/builtin_quality.py --data DIR [--model model.onnx --spec spec.json] [--json]

DIR holds any of ``photos/caltech101``, ``clothing/images`` with ``clothing/images.csv``, ``grocery`` and
``banknotes/turkish``; what is missing is left out. One row per embedding space:

- caltech: the last 51 classes by name, every photo against all others: MAP@R and Recall@1;
- grocery: 81 iconic pictures to the validation photos (1-shot), and the training photos to them (5-NN): top-1;
- banknotes: Turkish lira, training to test photos (1-NN), exact duplicates dropped: top-1;
- clothing: photos by senders with odd numbers, by kind of garment, every photo against all others: MAP@R and Recall@1;
- copies: 300 references among 3,000 other photos; 300 queries, each a reference with three stacked edits, and 300
  edited photos of something else. uAP ranks all pairs of a query and its nearest 10 by score, so it asks for one
  threshold that fits all queries; top-1 does not.
"""

import argparse
import csv
import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from edits import edited

from indexer.decoding.decode import decode
from indexer.decoding.limits import Limits
from retrieval.encoder import parse_spec
from retrieval.onnx_encoder import OnnxEncoder

BUILTIN = Path(__file__).resolve().parents[2] / "indexer" / "builtin"
UNSEEN_CLASSES = 51
REFERENCES, DISTRACTORS, QUERIES = 300, 3000, 300
RANKED = 10
NEIGHBOURS = 5
UNLABELLED = {"Not sure", "Other", "Skip"}

Vectors = np.ndarray
Scores = dict[str, float]


@dataclass(frozen=True)
class Photo:
    """A file as it is, or with stacked edits drawn from a seed."""

    path: Path
    edit_seed: int | None = None

    def data(self) -> bytes:
        if self.edit_seed is None:
            return self.path.read_bytes()
        return edited(self.path, random.Random(self.edit_seed))


@dataclass(frozen=True)
class Task:
    """Photos, and what their (n, dim) vectors of unit length are worth."""

    name: str
    photos: list[Photo]
    score: Callable[[Vectors], Scores]


# --- measures ----------------------------------------------------------------------------------------------------


def retrieval_scores(vectors: Vectors, labels: np.ndarray) -> Scores:
    """Every photo against all others: MAP@R (Musgrave et al., ECCV 2020) and Recall@1.

    And the score that one in 10,000 pairs of different classes reaches.
    """
    precisions, hits, different = [], [], []
    for row, label in enumerate(labels):
        similarity = vectors @ vectors[row]
        similarity[row] = -np.inf
        different.append(similarity[row:][labels[row:] != label])
        relevant = int((labels == label).sum()) - 1
        correct = labels[np.argsort(-similarity, kind="stable")[:relevant]] == label
        precisions.append((correct.cumsum() / np.arange(1, relevant + 1) * correct).mean())
        hits.append(correct[0])
    return {
        "map_at_r": float(np.mean(precisions)),
        "recall_at_1": float(np.mean(hits)),
        "one_in_10000_different": float(np.quantile(np.concatenate(different), 1 - 1e-4)),
    }


def top_1(
    gallery: Vectors, gallery_labels: np.ndarray, queries: Vectors, labels: np.ndarray, k: int
) -> float:
    """Share of queries whose k nearest, weighted by similarity, vote for the right label."""
    similarity = queries @ gallery.T
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    votes = np.zeros((len(queries), int(gallery_labels.max()) + 1))
    for column in nearest.T:
        rows = np.arange(len(queries))
        votes[rows, gallery_labels[column]] += np.maximum(similarity[rows, column], 0) ** 4
    return float((votes.argmax(axis=1) == labels).mean())


def copy_scores(references: Vectors, queries: Vectors) -> Scores:
    """The first QUERIES queries are edits of the references of the same number, the others of none."""
    similarity = queries @ references.T
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :RANKED]
    correct = nearest == np.arange(len(queries))[:, None]
    correct[QUERIES:] = False
    order = np.argsort(-np.take_along_axis(similarity, nearest, axis=1).ravel(), kind="stable")
    ranked = correct.ravel()[order]
    precision = ranked.cumsum() / np.arange(1, len(ranked) + 1)
    return {"uap": float(precision[ranked].sum() / QUERIES), "top_1": float(correct[:QUERIES, 0].mean())}


# --- tasks -------------------------------------------------------------------------------------------------------


def numbered(names: Sequence[object]) -> np.ndarray:
    return np.unique([str(name) for name in names], return_inverse=True)[1]


def caltech(data: Path) -> Task:
    classes = sorted(path for path in (data / "photos" / "caltech101").iterdir() if path.is_dir())[
        -UNSEEN_CLASSES:
    ]
    photos = [Photo(path) for folder in classes for path in sorted(folder.iterdir())]
    labels = numbered([photo.path.parent.name for photo in photos])
    return Task("caltech", photos, lambda vectors: retrieval_scores(vectors, labels))


def grocery(data: Path) -> Task:
    root = data / "grocery"
    with (root / "classes.csv").open(newline="") as file:
        iconic = {
            int(row["Class ID (int)"]): root / row["Iconic Image Path (str)"].lstrip("/")
            for row in csv.DictReader(file)
        }
    rows = {
        part: [line.split(", ") for line in (root / f"{part}.txt").read_text().splitlines() if line]
        for part in ("train", "val")
    }
    parts = [list(iconic.values())] + [[root / row[0] for row in rows[part]] for part in ("train", "val")]
    labels = [np.array(list(iconic))] + [
        np.array([int(row[1]) for row in rows[part]]) for part in ("train", "val")
    ]
    ends = np.cumsum([len(part) for part in parts])

    def score(vectors: Vectors) -> Scores:
        icons, train, val, _ = np.split(vectors, ends)
        return {
            "iconic_top_1": top_1(icons, labels[0], val, labels[2], 1),
            "knn_top_1": top_1(train, labels[1], val, labels[2], NEIGHBOURS),
        }

    return Task("grocery", [Photo(path) for part in parts for path in part], score)


def banknotes(data: Path) -> Task:
    root = data / "banknotes" / "turkish"
    seen: set[str] = set()
    parts = {
        part: [photo for photo in photos_under(root / part) if is_new(photo, seen)]
        for part in ("train", "test")
    }
    photos = parts["train"] + parts["test"]
    labels = numbered([photo.path.parent.name for photo in photos])
    split = len(parts["train"])
    return Task(
        "banknotes",
        photos,
        lambda vectors: {
            "knn_top_1": top_1(vectors[:split], labels[:split], vectors[split:], labels[split:], 1)
        },
    )


def clothing(data: Path) -> Task:
    with (data / "clothing" / "images.csv").open(newline="") as file:
        found = [
            row
            for row in csv.DictReader(file)
            if int(row["sender_id"]) % 2 and row["label"] not in UNLABELLED
        ]
    seen: set[str] = set()
    photos, labels = [], []
    for row in found:
        photo = Photo(data / "clothing" / "images" / f"{row['image']}.jpg")
        if photo.path.exists() and is_new(photo, seen):
            photos.append(photo)
            labels.append(row["label"])
    return Task("clothing", photos, lambda vectors: retrieval_scores(vectors, numbered(labels)))


def copies(data: Path) -> Task:
    """Clothing of the senders with odd numbers and the unseen Caltech classes: photos that no PCA was fitted on."""
    with (data / "clothing" / "images.csv").open(newline="") as file:
        held_out = [row["image"] for row in csv.DictReader(file) if int(row["sender_id"]) % 2]
    pool = [Photo(data / "clothing" / "images" / f"{name}.jpg") for name in sorted(held_out)] + caltech(
        data
    ).photos
    seen: set[str] = set()
    pool = [photo for photo in pool if photo.path.exists() and is_new(photo, seen)]
    random.Random(0).shuffle(pool)
    gallery, strangers = pool[: REFERENCES + DISTRACTORS], pool[REFERENCES + DISTRACTORS :][:QUERIES]
    queries = [Photo(photo.path, seed) for seed, photo in enumerate(gallery[:QUERIES] + strangers)]
    return Task(
        "copies",
        gallery + queries,
        lambda vectors: copy_scores(vectors[: len(gallery)], vectors[len(gallery) :]),
    )


def photos_under(folder: Path) -> list[Photo]:
    return [Photo(path) for path in sorted(folder.rglob("*")) if path.is_file()]


def is_new(photo: Photo, seen: set[str]) -> bool:
    digest = hashlib.sha256(photo.path.read_bytes()).hexdigest()
    if digest in seen:
        return False
    seen.add(digest)
    return True


NEEDS = {
    caltech: ["photos/caltech101"],
    grocery: ["grocery"],
    banknotes: ["banknotes/turkish"],
    clothing: ["clothing/images.csv"],
    copies: ["photos/caltech101", "clothing/images.csv"],
}


def tasks(data: Path) -> list[Task]:
    return [task(data) for task, needs in NEEDS.items() if all((data / need).exists() for need in needs)]


def embed(encoder: OnnxEncoder, photos: list[Photo]) -> dict[str, Vectors]:
    size, fit = encoder.spec.preprocess.size, encoder.spec.preprocess.fit
    parts = []
    for start in range(0, len(photos), 16):
        batch = [
            decode(photo.data(), size=size, fit=fit, limits=Limits()).pixels
            for photo in photos[start : start + 16]
        ]
        parts.append(encoder.encode(np.stack(batch)))
    return {space: np.concatenate([part[space] for part in parts]) for space in parts[0]}


def rows(encoder: OnnxEncoder, found: list[Task]) -> Iterator[tuple[str, str, Scores]]:
    for task in found:
        for space, vectors in embed(encoder, task.photos).items():
            yield task.name, space, task.score(vectors)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=BUILTIN / "model.onnx")
    parser.add_argument("--spec", type=Path, help="default: spec.json beside the model")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    spec = arguments.spec or arguments.model.with_name("spec.json")
    encoder = OnnxEncoder(
        arguments.model.read_bytes(), parse_spec(spec.read_text()), threads=os.cpu_count() or 1
    )
    table = []
    for task, space, scores in rows(encoder, tasks(arguments.data)):
        table.append({"task": task, "space": space, **scores})
        if not arguments.json:
            print(
                f"{task:10} {space:10}",
                *(f"{name} {value:.3f}" for name, value in scores.items()),
                flush=True,
            )
    if arguments.json:
        print(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
