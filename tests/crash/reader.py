"""A reader that asks the same questions over and over while others write, and remembers every distinct answer."""

import json
import os
import sys
from pathlib import Path

import numpy as np

from indexer.errors import IndexerError
from indexer.lookup import Gallery
from indexer.store import open_store
from tests.tiny_encoder import DIM

SPACES = ("copy", "object")
K = 5


def questions() -> np.ndarray:
    """A few fixed directions, (3, DIM) float32 of unit length."""
    vectors = np.random.default_rng(1).normal(size=(3, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def read_until(store: Path, stop: Path, *, stay_open: bool) -> dict[str, int]:
    """Ask until ``stop`` exists; return {answer as JSON: how often}. Without ``stay_open`` every question opens anew."""
    seen: dict[str, int] = {}
    gallery = Gallery(open_store(store))
    while not stop.exists():
        if not stay_open:
            gallery = Gallery(open_store(store))
        for space in SPACES:
            chosen, metric = gallery.generation.space(space), gallery.generation.metric
            try:
                found = gallery.find(questions(), [None] * 3, K, space=chosen, metric=metric)
            except IndexerError as error:
                told: object = f"error {error.exit_code}: {error}"
            else:
                told = [[[os.path.abspath(m.path), round(m.score, 5)] for m in matches] for matches in found]
            answer = json.dumps([space, told])
            seen[answer] = seen.get(answer, 0) + 1
    return seen


if __name__ == "__main__":
    answers = read_until(Path(sys.argv[1]), Path(sys.argv[2]), stay_open=sys.argv[3] == "stay-open")
    Path(sys.argv[4]).write_text(json.dumps(answers))
