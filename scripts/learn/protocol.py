"""What every row has in common: examples, a manifest to train from, and vectors of any encoder or baseline."""

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from indexer.dataset import Example, load_pictures
from indexer.encoders import read_encoder
from indexer.settings import Settings
from retrieval.classification.head import Head
from retrieval.classification.linear import LinearSvm
from retrieval.classification.neighbours import NearestNeighbours
from retrieval.evaluation.baselines import BASELINES
from retrieval.evaluation.pairs import LabelledPairs, pair_scores
from retrieval.evaluation.verification import equal_error_rate, roc_curve
from retrieval.preprocess import PreprocessSpec

Vectors = np.ndarray
Embed = Callable[[Sequence[Example]], Vectors]
Figures = dict[str, float]


@dataclass(frozen=True)
class Task:
    """What may be learned from, and what is judged on; ``test`` and ``gallery`` had no part in training.

    Within each of the three no content is there twice, and no content of ``test`` is in ``train`` or ``gallery``.
    """

    train: list[Example]
    test: list[Example]
    gallery: list[Example] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One line of the table: how to split, what `index train` is told, and how an encoder is measured.

    ``figure`` names the one of the figures that ``must`` and ``aim`` are about; ``less`` says that less is better.
    """

    name: str
    figure: str
    must: float
    aim: float
    split: Callable[[Path, int], Task]
    train: Sequence[str]
    measure: Callable[[Task, Embed], Figures]
    probe: Callable[[Task, PreprocessSpec], Figures] | None = None
    less: bool = False


def write_manifest(path: Path, examples: Sequence[Example]) -> None:
    """Write examples as `index train` reads them."""
    keys = sorted({key for example in examples for key in example.attributes})
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", *keys])
        for example in examples:
            writer.writerow([example.path, example.label, *(example.attributes.get(key, "") for key in keys)])


def encoder_embed(source: str, space: str | None = None) -> Embed:
    """Embed by an encoder: `builtin`, or a folder that training wrote."""
    files = read_encoder(source)
    network = files.load(1, at_once=os.cpu_count() or 1)
    name = files.spec.space(space).name
    return lambda examples: network.encode(pixels(examples, files.spec.preprocess))[name]


def baseline_embeds(shape: PreprocessSpec) -> Mapping[str, Embed]:
    """Embed by what needs no training, on the pixels that the trained encoder sees."""
    made: dict[str, Any] = dict(BASELINES)
    return {
        name: (lambda examples, function=function: function(pixels(examples, shape)))
        for name, function in made.items()
    }


_decoded: dict[tuple[str, PreprocessSpec], np.ndarray] = {}


def pixels(examples: Sequence[Example], shape: PreprocessSpec) -> np.ndarray:
    """(n, size, size, 3) uint8; each file is decoded once for each shape."""
    missing = [example for example in examples if (example.path, shape) not in _decoded]
    if missing:
        loaded = load_pictures(missing, shape, Settings())
        if len(loaded.examples) != len(missing):
            raise SystemExit(f"unusable or repeated: {loaded.unusable or loaded.duplicates}")
        for example, image in zip(loaded.examples, loaded.images, strict=True):
            _decoded[example.path, shape] = np.array(image)
    return np.stack([_decoded[example.path, shape] for example in examples])


def without_repeats(examples: Sequence[Example], among: Sequence[Example] = ()) -> list[Example]:
    """Drop contents that come again, or that ``among`` has."""
    seen = {Path(example.path).read_bytes() for example in among}
    kept = []
    for example in examples:
        content = Path(example.path).read_bytes()
        if content not in seen:
            seen.add(content)
            kept.append(example)
    return kept


def drawn(names: Sequence[str], count: int, seed: int) -> set[str]:
    """Draw names to hold out."""
    order = np.random.default_rng(seed).permutation(len(names))
    return {sorted(names)[position] for position in order[:count]}


def labels(examples: Sequence[Example]) -> list[str]:
    return [example.label for example in examples]


HEADS: Mapping[str, Callable[[], Head]] = {"k-NN": NearestNeighbours, "SVM": LinearSvm}


def named(queries: Vectors, gallery: Vectors, names: Sequence[str]) -> dict[str, list[str]]:
    """Name each query as `index classify --head knn` and `--head svm` do: {head: names}."""
    found = {}
    for name, make in HEADS.items():
        head = make().fit(gallery, names)
        found[name] = [head.classes[best] for best in head.predict_scores(queries).argmax(axis=1)]
    return found


def accuracy(found: Sequence[str], wanted: Sequence[str]) -> float:
    return float(np.mean([a == b for a, b in zip(found, wanted, strict=True)]))


def macro_recall(found: Sequence[str], wanted: Sequence[str]) -> float:
    """Each class counts as much as any other."""
    names = sorted(set(wanted))
    rights = {name: [f == w for f, w in zip(found, wanted, strict=True) if w == name] for name in names}
    return float(np.mean([np.mean(right) for right in rights.values()]))


def error_rates(vectors: Vectors, pairs: LabelledPairs) -> Figures:
    """EER, and FRR where 1 % of the different pairs are accepted."""
    curve = roc_curve(pair_scores(vectors, pairs.first, pairs.second), pairs.same)
    allowed = curve.false_accept_rate <= 0.01
    return {
        "eer": float(equal_error_rate(curve)[0]),
        "frr_at_far_1%": float(1 - curve.true_accept_rate[allowed].max()),
    }
