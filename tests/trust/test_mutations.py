"""Broken files of six formats give a picture within the limits, or a reason; and so does what once broke a promise."""

import time

import numpy as np
import pytest

from indexer.decoding.picture import DecodeFailure, Picture, Reason
from tests.hostile import mutations
from tests.hostile.mutations import FORMATS, KEPT, fate, hold, mutation
from tests.seeds import SEED

EACH = 1_500


@pytest.mark.parametrize("kind", FORMATS)
def test_a_broken_file_gives_a_picture_or_a_reason(kind: str) -> None:
    fates = {hold(mutation(kind, (SEED << 32) + number)) for number in range(EACH)}
    assert {"decodes", Reason.DAMAGED} <= fates, fates


def test_every_seed_is_intact() -> None:
    assert {fate(seed) for seeds in mutations.SEEDS.values() for seed in seeds} == {"decodes"}


def test_what_once_broke_a_promise_keeps_it_now() -> None:
    for path in KEPT.glob("*"):
        assert fate(path.read_bytes()), path


def leaks(data: bytes, **options: object) -> Picture:
    raise ValueError("as parsers do")


def speaks_in_riddles(data: bytes, **options: object) -> Picture:
    raise DecodeFailure(Reason.DAMAGED, "\x1b[2J its data is broken")


def forgets_limits(data: bytes, **options: object) -> Picture:
    return Picture(np.zeros((32, 32, 3), np.uint8), 9_000, 9_000, "PNG")


def gives_floats(data: bytes, **options: object) -> Picture:
    return Picture(np.zeros((32, 32, 3)), 9, 9, "PNG")  # type: ignore[arg-type]


def hangs(data: bytes, **options: object) -> Picture:
    while time.monotonic():
        pass
    raise AssertionError


@pytest.mark.parametrize("broken", [leaks, speaks_in_riddles, forgets_limits, gives_floats, hangs])
def test_a_decoder_that_breaks_a_promise_is_caught_and_its_file_kept(
    broken: object, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept = tmp_path_factory.mktemp("kept")
    monkeypatch.setattr(mutations, "decode", broken)
    monkeypatch.setattr(mutations, "KEPT", kept)
    monkeypatch.setattr(mutations, "SECONDS", 0.05)
    data = mutation("PNG", 1)
    with pytest.raises(AssertionError, match="kept as"):
        hold(data)
    assert [path.read_bytes() for path in kept.iterdir()] == [data]
