"""A reader that asks the same questions over and over while others write, and remembers what it was told, in order."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np

from indexer.errors import IndexerError
from indexer.lookup import Gallery
from indexer.store import open_store
from tests.tiny_encoder import DIM

SPACES = ("copy", "object")
K = 5
KEPT = "kept.png"  # a file that every generation holds
_PAUSE_S = 0.005  # so that many who read leave something of two cores to those who build


@dataclass
class Told:
    """An answer, and how often it came in a row: neighbours' (path, score) for each question, or an error's words.

    ``content`` is the one that was asked for, None for the fixed questions.
    """

    space: str
    content: str | None
    found: list[list[tuple[str, float]]] | str
    times: int = 1


Ask = Callable[[str], Told]


def questions() -> np.ndarray:
    """A few fixed directions, (3, DIM) float32 of unit length."""
    vectors = np.random.default_rng(1).normal(size=(3, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def find(gallery: Gallery, space: str, vectors: np.ndarray) -> list[list[tuple[str, float]]]:
    chosen, metric = gallery.generation.space(space), gallery.generation.metric
    answers = gallery.find(vectors, [None] * len(vectors), K, space=chosen, metric=metric)
    return [[(os.path.abspath(m.path), round(m.score, 5)) for m in matches] for matches in answers]


def stay_open(store: Path) -> Ask:
    """Ask one gallery that was opened once."""
    gallery = Gallery(open_store(store))
    return lambda space: Told(space, None, find(gallery, space, questions()))


def open_anew(store: Path) -> Ask:
    """Open the store for every question."""
    return lambda space: Told(space, None, find(Gallery(open_store(store)), space, questions()))


def served(url: str) -> Ask:
    """Ask a server for the neighbours of a content, one request after the other on one connection."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def answer(method: str, path: str, fields: dict[str, object] | None = None) -> tuple[int, Any]:
        form = {"Content-Type": "application/x-www-form-urlencoded"} if fields else {}
        connection.request(method, f"/api/v1/{path}", urlencode(fields) if fields else None, form)
        answered = connection.getresponse()
        return answered.status, json.loads(answered.read())

    kept = answer("GET", f"items?path={KEPT}")[1]["items"][0]

    def ask(space: str) -> Told:
        status, document = answer("POST", "query", {"item": kept["item"], "k": K, "space": space})
        if status != 200:
            return Told(space, kept["sha256"], f"{status}: {document}")
        results = document["queries"][0]["results"]
        found = [(os.path.abspath(match["path"]), round(match["score"], 5)) for match in results]
        return Told(space, kept["sha256"], [found])

    return ask


def mixing(store: Path) -> Ask:
    """Broken on purpose: ask each generation one question, and tell all answers as one."""

    def ask(space: str) -> Told:
        told, seen = [], 0
        for vector in questions():
            gallery, until = Gallery(open_store(store)), time.monotonic() + 2
            while gallery.generation.id == seen and time.monotonic() < until:
                time.sleep(0.01)
                gallery = Gallery(open_store(store))
            seen = gallery.generation.id
            told += find(gallery, space, vector[None])
        return Told(space, None, told)

    return ask


def forgetful(store: Path) -> Ask:
    """Broken on purpose: tell now and then what was told first."""
    ask, first, turns = open_anew(store), dict[str, Told](), count()

    def again(space: str) -> Told:
        known = first.setdefault(space, ask(space))
        return Told(space, None, known.found) if next(turns) % 8 == 0 else ask(space)

    return again


def read_until(ask: Ask, stop: Path, started: Path) -> list[Told]:
    """Ask until ``stop`` exists; return what was told, where it changed. The first answers make ``started``."""
    told: list[Told] = []
    last: dict[str, Told] = {}
    while not stop.exists():
        for space in SPACES:
            try:
                answer = ask(space)
            except IndexerError as error:
                answer = Told(space, None, f"error {error.exit_code}: {error}")
            if space in last and last[space].found == answer.found:
                last[space].times += 1
            else:
                told.append(answer)
                last[space] = answer
        started.touch()
        time.sleep(_PAUSE_S)
    return told


MODES: dict[str, Callable[[Path], Ask]] = {
    "stay-open": stay_open,
    "open-anew": open_anew,
    "mixing": mixing,
    "forgetful": forgetful,
}


if __name__ == "__main__":
    mode, store, url, stop, output = sys.argv[1:]
    asking = served(url) if mode == "served" else MODES[mode](Path(store))
    answers = read_until(asking, Path(stop), Path(f"{output}.started"))
    Path(output).write_text(json.dumps([asdict(told) for told in answers]))
