"""What surrounds a picture is not the picture: logos, captions and screenshots' frames."""

import random

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from retrieval.alignment.agreement import _largest_piece, agreement
from retrieval.alignment.evidence import compare
from retrieval.alignment.features import extract
from retrieval.alignment.verdict import Kind, judge
from tests.retrieval.scenes import SIZE, recaptured, scene

WIDTH, HEIGHT = SIZE
WORDS = (
    "of",
    "all",
    "that",
    "people",
    "sent",
    "to",
    "one",
    "another",
    "this",
    "was",
    "what",
    "most",
    "looked",
    "at",
)
VERIFIED = {Kind.COPY, Kind.ALTERED}


def kind(a: np.ndarray, b: np.ndarray) -> Kind:
    return judge(compare(a, b)).kind


def words(page: Image.Image, chance: random.Random, top: int, bottom: int, size: int) -> None:
    """Lines of text from edge to edge."""
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size)
    for y in range(top, bottom - size, round(1.3 * size)):
        draw.text((10, y), " ".join(chance.choices(WORDS, k=9)), (20, 20, 20), font)


def screenshot(picture: np.ndarray, seed: int) -> np.ndarray:
    """A picture in a phone's screen: the time, a sender, a line above it, buttons and answers below it."""
    chance = random.Random(seed)
    page = Image.new("RGB", (WIDTH, 560), "white")
    draw = ImageDraw.Draw(page)
    draw.text(
        (12, 3), f"{chance.randint(10, 23)}:{chance.randint(10, 59)}", "black", ImageFont.load_default(13)
    )
    for place in range(4):
        draw.rectangle((290 + 15 * place, 5, 300 + 15 * place, 15), "black")
    draw.ellipse((12, 28, 42, 58), tuple(chance.randint(0, 255) for _ in range(3)))
    words(page, chance, 60, 100, 14)
    page.paste(Image.fromarray(picture), (0, 110))
    for place in range(4):
        left = 20 + 80 * place
        draw.ellipse((left, 390, left + 24, 414), outline="black", width=3)
        draw.line((left + 6, 402, left + 18, 402), "black", 2)
    words(page, chance, 425, 560, 14)
    return np.asarray(page)


def captioned(picture: np.ndarray, seed: int) -> np.ndarray:
    """A picture under a bar with two lines in large letters."""
    bar = Image.new("RGB", (WIDTH, 90), "white")
    words(bar, random.Random(seed), 4, 90, 28)
    return np.concatenate([np.asarray(bar), picture])


@pytest.mark.parametrize("seed", range(4))
def test_two_pictures_in_one_screenshots_frame_are_neither_copies_nor_altered(seed: int) -> None:
    one, other = screenshot(scene(seed), seed), screenshot(scene(seed + 100), seed)
    evidence = compare(one, recaptured(other, degrees=0))
    assert evidence.alignment is not None  # the frame is found
    assert judge(evidence).kind not in VERIFIED


@pytest.mark.parametrize("seed", range(4))
def test_one_picture_in_two_screenshots_frames_is_a_copy_or_altered(seed: int) -> None:
    one, other = screenshot(scene(seed), seed), screenshot(scene(seed), seed + 50)
    assert kind(one, recaptured(other, degrees=0)) in VERIFIED


@pytest.mark.parametrize("seed", range(4))
def test_two_pictures_under_one_caption_are_neither_copies_nor_altered(seed: int) -> None:
    assert kind(captioned(scene(seed), seed), captioned(scene(seed + 100), seed)) not in VERIFIED


def test_one_picture_under_two_captions_is_a_copy_or_altered() -> None:
    assert kind(captioned(scene(1), 1), captioned(scene(1), 2)) in VERIFIED


@pytest.mark.parametrize("side", [60, 110, 150])
def test_a_logo_of_any_size_in_the_same_corner_makes_no_copy(side: int) -> None:
    pictures = [scene(1).copy(), scene(2).copy()]
    for picture in pictures:
        picture[10 : 10 + side, 10 : 10 + side] = scene(50, (side, side))
    assert kind(*pictures) not in VERIFIED


def test_of_a_picture_that_is_half_another_one_piece_agrees_and_one_does_not() -> None:
    one, other = (scene(seed).astype(np.float32).mean(axis=2) for seed in (1, 2))
    mixed = one.copy()
    mixed[:, 200:] = other[:, 200:]
    found = agreement(one, mixed, np.ones(one.shape, bool))
    assert found.same_piece == pytest.approx(200 / WIDTH, abs=0.06)
    assert found.other_piece == pytest.approx(160 / WIDTH, abs=0.09)
    assert agreement(one, one, np.ones(one.shape, bool)).other_piece == 0


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 1.0])
def test_the_largest_piece_is_the_one_that_a_flood_finds(share: float) -> None:
    pixels = np.random.default_rng(3).random((20, 30)) < share
    left, largest = set(map(tuple, np.argwhere(pixels).tolist())), 0
    while left:
        reached, edge = 0, [left.pop()]
        while edge:
            y, x = edge.pop()
            reached += 1
            around = {(y + down, x + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= around
            edge += around
        largest = max(largest, reached)
    assert _largest_piece(pixels) == largest


def test_features_that_are_known_already_change_nothing() -> None:
    one, other = scene(1), recaptured(scene(1))
    plain, prepared = compare(one, other), compare(one, other, features_a=extract(one))
    assert plain.alignment is not None
    assert prepared.alignment is not None
    assert np.array_equal(plain.alignment.matrix, prepared.alignment.matrix)
    assert (plain.agreement, plain.changes) == (prepared.agreement, prepared.changes)


def test_more_speaks_for_a_copy_than_for_half_of_it_and_nothing_for_another_picture() -> None:
    whole = compare(scene(1), recaptured(scene(1))).support
    half = compare(scene(1)[:, :180], np.concatenate([scene(1)[:, :180], scene(2)[:, 180:]], axis=1)).support
    none = compare(scene(1), scene(2)).support
    assert 1 > whole > 0.5
    assert 1 > half > none == 0
