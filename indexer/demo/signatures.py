"""Signatures of four writers: letters as smooth splines, a pen that presses on its way down, and a hand that varies.

Letters are points (x, y) of a spline: y is 0 on the line, 1 at the height of a small letter, and grows upwards.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from indexer.demo.sensor import exposed, noise
from indexer.demo.splines import Floats, spline

SIZE = (520, 220)
STEPS = 14  # from one point of a letter to the next
FINE = 3  # the ink is laid down this many times larger, then reduced

# Each letter goes on from where the one before ends; the last point's x is where the next one starts.
LETTERS = {
    "a": ((.72, .86), (.34, 1), (.06, .5), (.3, .02), (.68, .5), (.78, .95), (.76, .3), (.96, .04), (1.25, .4)),
    "d": ((.72, .84), (.34, 1), (.06, .5), (.3, .02), (.7, .6), (1, 2.1), (.9, 1.5), (.78, .3), (.98, .04), (1.3, .4)),
    "e": ((.2, .45), (.52, .75), (.4, 1.02), (.14, .6), (.3, .04), (.62, .1), (.9, .45)),
    "i": ((.2, .95), (.18, .3), (.36, .03), (.7, .45)),
    "l": ((.3, .9), (.62, 1.8), (.44, 2.25), (.2, 1.4), (.2, .3), (.42, .03), (.75, .4)),
    "n": ((.12, .98), (.1, .1), (.3, .75), (.55, .98), (.64, .6), (.66, .15), (.85, .04), (1.15, .42)),
    "o": ((.5, 1), (.1, .7), (.14, .16), (.5, .04), (.74, .5), (.52, .98), (.7, .86), (1.1, .9)),
    "r": ((.16, 1.08), (.34, .88), (.56, .9), (.54, .4), (.68, .04), (1, .42)),
    "t": ((.36, 1.7), (.26, .5), (.42, .03), (.8, .4)),
    "~": ((.4, .62), (.75, .16), (1.15, .5), (1.5, .12), (2.3, .34), (3.2, .2)),  # the rest of the name, in haste
}  # fmt: skip


@dataclass(frozen=True)
class Writer:
    """What stays the same when somebody signs: strokes of the capital, the letters after it, and the flourish."""

    name: str
    capital: tuple[tuple[tuple[float, float], ...], ...]
    letters: str
    start: float  # where the first letter starts, right of the capital
    flourish: tuple[tuple[float, float], ...]
    slant: float  # how far a letter of height 1 leans to the right
    pen: float  # width of a light stroke, pixels
    ink: tuple[int, int, int]


WRITERS = (
    Writer("ada", (((-.5, .3), (-.1, .02), (.5, .9), (1.1, 2.3), (1.3, 2.55), (1.32, 1.5), (1.4, .3), (1.6, .04), (1.9, .4)),
                   ((.2, .8), (.7, 1.02), (1.3, .92), (1.8, 1.1))), "dal~", 1.7,
           ((6.4, -.35), (3.4, -.72), (.2, -.62), (-.4, -.48), (1.4, -.5), (4.6, -.78)), .32, 1.5, (24, 38, 104)),
    Writer("otto", (((1.2, 2.3), (.2, 2.1), (-.3, 1), (.3, .04), (1.4, .25), (1.8, 1.4), (1.3, 2.4), (.7, 2.1), (1.2, 1.7),
                     (2.2, 2.1)),), "tto~", 2.0, ((1.9, 1.5), (3, 1.62), (4.3, 1.6)), .12, 2.3, (20, 20, 24)),
    Writer("irene", (((.1, 1.9), (.9, 2.4), (1.4, 2.3), (.95, 1.4), (.7, .4), (.1, -.1), (-.5, .2), (.1, .5), (1.2, .4)),),
           "rene~", 1.15, ((5.3, .25), (6.7, 1.1), (7.4, .4), (6.0, -.6), (3.6, -.7), (1.6, -.5)), .5, 1.2, (40, 52, 130)),
    Writer("milan", (((-.3, .1), (0, .05), (.25, 1.2), (.5, 2.3), (.7, 1.2), (.95, .25), (1.35, 1.4), (1.75, 2.3), (1.8, 1.1),
                      (1.95, .15), (2.2, .05), (2.5, .4)),), "ilan", 2.45, ((6.2, .4), (7.4, .55), (7.9, 1.2), (7.3, 1.3), (7.2, .5),
                      (7.8, -.9), (7.2, -1.3), (6.9, -.8), (8.6, .4)), -.06, 1.8, (52, 30, 44)),
)  # fmt: skip


def _strokes(writer: Writer) -> list[Floats]:
    """The points of each stroke, before the hand adds anything of its own."""
    x, word = writer.start, []
    for letter in writer.letters:
        word += [(x + dx, y) for dx, y in LETTERS[letter]]
        x = word[-1][0]
    return [np.array(stroke) for stroke in (*writer.capital, word, writer.flourish)]


def signature(writer: Writer, rng: np.random.Generator) -> Image.Image:
    """One signing: the same strokes, a little larger or wider or more aslant, never quite in the same place."""
    scale = 44 * rng.uniform(0.88, 1.08)
    wide, slant = rng.uniform(0.92, 1.1), writer.slant + rng.uniform(-0.06, 0.06)
    drift = np.radians(rng.uniform(-3, 4))
    hand = np.array([[wide, 0], [slant, 1]]) @ np.array(
        [[np.cos(drift), np.sin(drift)], [-np.sin(drift), np.cos(drift)]]
    )
    lines = [
        spline(points + rng.normal(0, 0.055, points.shape), STEPS) @ hand * scale
        for points in _strokes(writer)
    ]
    spread = np.concatenate(lines)
    middle = (spread.min(0) + spread.max(0)) / 2 + rng.uniform(-12, 12, 2)
    fit = min(1, (SIZE[0] - 40) / np.ptp(spread[:, 0]), (SIZE[1] - 36) / np.ptp(spread[:, 1]))

    ink = Image.new("L", (SIZE[0] * FINE, SIZE[1] * FINE))
    pen = ImageDraw.Draw(ink)
    for line in lines:
        path = ((line - middle) * fit * [1, -1] + np.array(SIZE) / 2) * FINE
        radii = _pressure(path, writer.pen * rng.uniform(0.9, 1.1)).tolist()
        before = path[0].tolist()
        for (x, y), radius in zip(path.tolist(), radii, strict=True):
            pen.line((*before, x, y), 255, round(2 * radius))
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
            before = x, y
    paper = _paper(rng)
    paper.paste(writer.ink, mask=ink.reduce(FINE))
    return paper


def _pressure(path: Floats, pen: float) -> Floats:
    """Radius of the pen at each point, in fine pixels: heavy on the way down, light at speed and at both ends."""
    step = np.gradient(path, axis=0)
    speed = np.hypot(*step.T)
    down = (step[:, 1] / np.maximum(speed, 1e-6)).clip(0, 1)
    haste = speed / (speed + 1.5 * np.median(speed))
    press = np.convolve(np.pad(0.75 + 1.0 * down - 0.55 * haste, 6, "edge"), np.ones(13) / 13, "valid")
    ends = np.minimum(np.arange(len(path)), np.arange(len(path))[::-1]) / STEPS
    return pen * FINE * press * (0.35 + 0.65 * ends.clip(0, 1))


def _paper(rng: np.random.Generator) -> Image.Image:
    """Office paper, lit from one side; on some sheets with a line to sign on."""
    age = rng.uniform(0, 0.04)
    left, right = rng.uniform(0.95, 1.01, 2).tolist()
    light = np.linspace(left, right, SIZE[0], dtype=np.float32)
    white = Image.new("RGB", SIZE, (251, 249, 244))
    sheet = exposed(white, light, (1 - 0.3 * age, 1 - 0.5 * age, 1 - age), noise(SIZE, 1.2, rng))
    if rng.random() < 0.5:
        y = int(SIZE[1] * rng.uniform(0.66, 0.74))
        ImageDraw.Draw(sheet).line((24, y, SIZE[0] - 24, y), (188, 190, 196), 1)
    return sheet
