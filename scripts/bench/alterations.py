"""What forgers do to a picture, and what a camera or a messenger does to it, drawn from a seed: for measuring.

Pictures are (height, width, 3) uint8 arrays; boxes are (left, top, right, bottom) in pixels of the original.
"""

import io
import random
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Box = tuple[int, int, int, int]

VISIBLE = 12  # mean grey levels by which an alteration has to differ from what was there
TRIES = 20


@dataclass(frozen=True)
class Alteration:
    """The picture before and after, and the box that was changed."""

    before: np.ndarray
    after: np.ndarray
    box: Box


def replaced_patch(picture: np.ndarray, other: np.ndarray, chance: random.Random) -> Alteration:
    """A piece of another picture, an eighth to a quarter of each side, over this one."""
    left, top, right, bottom = box = any_box(picture, chance)
    after = picture.copy()
    patch = Image.fromarray(other).resize((picture.shape[1], picture.shape[0]))
    x, y = chance.randint(0, left), chance.randint(0, top)
    after[top:bottom, left:right] = np.asarray(patch)[y : y + bottom - top, x : x + right - left]
    return Alteration(picture, after, box)


def copy_move(picture: np.ndarray, _other: np.ndarray, chance: random.Random) -> Alteration:
    """A piece of the picture itself, an eighth to a quarter of each side, over another place."""
    left, top, right, bottom = box = any_box(picture, chance)
    after = picture.copy()
    x = chance.randint(0, picture.shape[1] - (right - left))
    y = chance.randint(0, picture.shape[0] - (bottom - top))
    after[top:bottom, left:right] = picture[y : y + bottom - top, x : x + right - left]
    return Alteration(picture, after, box)


def missing_strip(picture: np.ndarray, _other: np.ndarray, chance: random.Random) -> Alteration:
    """A strip from edge to edge, a sixteenth to an eighth of the other side wide, in one colour."""
    height, width = picture.shape[:2]
    if chance.random() < 0.5:
        wide = round(width * chance.uniform(1 / 16, 1 / 8))
        left = chance.randint(0, width - wide)
        box = left, 0, left + wide, height
    else:
        tall = round(height * chance.uniform(1 / 16, 1 / 8))
        top = chance.randint(0, height - tall)
        box = 0, top, width, top + tall
    after = picture.copy()
    after[box[1] : box[3], box[0] : box[2]] = chance.choice([(255, 255, 255), (0, 0, 0), (128, 128, 128)])
    return Alteration(picture, after, box)


def changed_digits(picture: np.ndarray, _other: np.ndarray, chance: random.Random) -> Alteration:
    """Two neighbours of eight digits, printed a ninth to a seventh of the height tall, become others."""
    height, width = picture.shape[:2]
    size = max(12.0, min(height * chance.uniform(1 / 9, 1 / 7), width / 8))
    font = ImageFont.load_default(size)
    digits = chance.choices("0123456789", k=8)
    first = chance.randint(0, 6)
    forged = [*digits[:first], *(str((int(digit) + chance.randint(1, 9)) % 10) for digit in digits[first : first + 2]),
              *digits[first + 2 :]]  # fmt: skip
    pitch = font.getlength("0")
    x = chance.uniform(0, width - 8 * pitch)
    y = chance.uniform(0, height - 1.2 * size)
    ink = chance.choice([(20, 20, 40), (150, 20, 20), (245, 245, 235)])

    def printed(number: list[str]) -> np.ndarray:
        page = Image.fromarray(picture)
        for place, digit in enumerate(number):
            ImageDraw.Draw(page).text((x + place * pitch, y), digit, ink, font)
        return np.asarray(page)

    before, after = printed(digits), printed(forged)
    rows, columns = np.nonzero((before != after).any(axis=2))
    return Alteration(before, after, (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))


ALTERATIONS: tuple[Callable[[np.ndarray, np.ndarray, random.Random], Alteration], ...] = (
    replaced_patch, changed_digits, copy_move, missing_strip,
)  # fmt: skip


def altered(
    kind: Callable, picture: np.ndarray, other: np.ndarray, chance: random.Random
) -> Alteration | None:
    """Draw alterations until one can be seen; None where none can, as of one sky by another."""
    for _ in range(TRIES):
        drawn = kind(picture, other, chance)
        left, top, right, bottom = drawn.box
        change = np.abs(drawn.before.astype(float) - drawn.after)[top:bottom, left:right]
        if change.mean() >= VISIBLE:
            return drawn
    return None


def any_box(picture: np.ndarray, chance: random.Random) -> Box:
    height, width = picture.shape[:2]
    wide, tall = (max(8, round(side * chance.uniform(1 / 8, 1 / 4))) for side in (width, height))
    left, top = chance.randint(0, width - wide), chance.randint(0, height - tall)
    return left, top, left + wide, top + tall


def recaptured(picture: np.ndarray, chance: random.Random) -> np.ndarray:
    """Scale 0.5 to 1, turn up to 5°, corners moved by up to 3 % of a side, light, gamma, and JPEG of 40 to 90."""
    height, width = picture.shape[:2]
    scale = chance.uniform(0.5, 1)
    size = round(width * scale), round(height * scale)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    corners = np.array([(0, 0), (size[0], 0), size, (0, size[1])], np.float32)
    moved = corners + np.array([[chance.uniform(-0.03, 0.03) * side for side in size] for _ in range(4)])
    turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), chance.uniform(-5, 5), 1)
    moved = np.hstack([moved, np.ones((4, 1))]) @ turn.T
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    shade = [chance.randint(0, 255) for _ in range(3)]
    tilted = cv2.warpPerspective(small, matrix, size, flags=cv2.INTER_CUBIC, borderValue=shade)
    unit = (tilted / 255.0) ** chance.uniform(0.75, 1.33)
    lit = ((unit - 0.5) * chance.uniform(0.75, 1.25) + 0.5) * chance.uniform(0.8, 1.2)
    buffer = io.BytesIO()
    Image.fromarray((lit.clip(0, 1) * 255).astype(np.uint8)).save(
        buffer, "JPEG", quality=chance.randint(40, 90)
    )
    return np.asarray(Image.open(buffer).convert("RGB"))
