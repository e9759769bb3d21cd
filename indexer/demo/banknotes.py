"""Banknotes of three invented currencies: guilloche, an engraved head, and serial digits of their own.

A note is printed flat (`plate`), numbered, and laid on a scanner's bed (`Scan`). Boxes are (left, top, right,
bottom) in pixels of the picture they are about.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from indexer.demo.engraving import engraved, medallion, ribbon, ring, rosette
from indexer.demo.sensor import exposed, noise
from indexer.demo.splines import Floats

SIZE = (720, 344)
BED = (784, 408)  # the scan: the note, and some of the scanner's bed around it
BEDS = ((92, 74, 60), (38, 42, 48), (224, 220, 212), (70, 84, 92))
SERIAL_BOXES = ((380, 30, 548, 58), (40, 290, 208, 318))
VALUE_BOX = (252, 116, 468, 220)

Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Design:
    """One value of one currency: its words, and its inks from left to right."""

    value: int
    unit: str
    words: str
    bank: str
    paper: Colour
    inks: tuple[Colour, Colour, Colour]
    petals: int
    hair: str
    head_x: int  # where the medallion stands; the rosette balances it on the other side
    prefix: str  # letters before the serial digits

    @property
    def name(self) -> str:
        """Its class in the catalogue, for example `50-florin`."""
        return f"{self.value}-{self.unit}"


DESIGNS = (
    Design(50, "florin", "FIFTY FLORIN", "BANK OF ALDERMERE", (252, 241, 226),
           ((206, 84, 40), (162, 38, 84), (206, 96, 44)), 12, "bun", 580, "AF"),
    Design(20, "taler", "TWENTY TALER", "STATE BANK OF NORTHOLM", (232, 243, 247),
           ((14, 110, 140), (44, 58, 138), (22, 120, 150)), 9, "beard", 140, "NT"),
    Design(100, "solar", "ONE HUNDRED SOLAR", "TREASURY OF ISLA VERRA", (240, 245, 226),
           ((46, 120, 66), (110, 104, 24), (14, 98, 92)), 15, "long", 580, "SV"),
)  # fmt: skip


def _faded(design: Design, strength: float) -> Image.Image:
    """The inks running into each other across the note, thinned towards the paper."""
    stops = np.array(design.inks) * strength + np.array(design.paper) * (1 - strength)
    x = np.linspace(0, 2, SIZE[0])
    row = np.stack([np.interp(x, [0, 1, 2], stops[:, channel]) for channel in range(3)], 1)
    return Image.fromarray(row.clip(0, 255).astype(np.uint8)[None]).resize(SIZE)


@cache
def plate(design: Design) -> Image.Image:
    """The note as it leaves the printing press, without serial digits."""
    note = Image.new("RGB", SIZE, design.paper)
    full = _faded(design, 1.0)
    centre, flower, oval = (SIZE[0] // 2, 168), (SIZE[0] - design.head_x, 168), (design.head_x, 172)

    def print_in(strength: float, *families: list[Floats], width: int = 2) -> None:
        curves = [curve for family in families for curve in family]
        note.paste(_faded(design, strength), mask=engraved(SIZE, curves, width))

    wash = Image.new("L", (72, 34))
    ImageDraw.Draw(wash).ellipse((12, -6, 60, 40), fill=255)
    note.paste(_faded(design, 0.16), mask=wash.filter(ImageFilter.GaussianBlur(6)).resize(SIZE))
    print_in(0.3, *(ribbon((0, y), (720, y), 26, 6, 4) for y in range(-20, 380, 40)), width=1)
    print_in(0.5, ribbon((0, 168), (720, 168), 84, 4.5, 22), rosette(centre, 128, design.petals + 5, 9))
    print_in(1, rosette(flower, 92, design.petals, 13), ring(centre, 92, 112, design.petals, 9))
    pen = ImageDraw.Draw(note)
    for (x, y), (wide, tall) in ((flower, (42, 42)), (oval, (78, 101))):
        pen.ellipse((x - wide, y - tall, x + wide, y + tall), design.paper)
    print_in(
        1,
        ring(flower, 38, 46, 30, 6),
        ring(oval, 71, 83, 4 * design.petals, 8, tall=1.29),
        *(ribbon((14, y), (706, y), 8, 45, 6) for y in (14, 330)),
        *(ribbon((x, 14), (x, 330), 8, 21, 6) for x in (14, 706)),
    )
    head = medallion(design.hair, 140, 180)
    if oval > centre:
        head = ImageOps.mirror(head)  # it looks into the note, not out of it
    corner = (oval[0] - 70, oval[1] - 90)
    note.paste(full.crop((*corner, corner[0] + 140, corner[1] + 180)), corner, head)
    _print_words(note, design, full)
    return note


def _print_words(note: Image.Image, design: Design, ink: Image.Image) -> None:
    """Each word on a halo of bare paper; the value in the middle has lace cut into it."""
    value, middle = str(design.value), SIZE[0] / 2
    numeral = (value, (middle, 166), 112 - 12 * len(value), 2, "mm")
    halo, words, lace = ImageDraw.Draw(note), Image.new("L", SIZE), Image.new("L", SIZE)
    for text, at, size, bold, anchor in (
        numeral,
        (value, (SIZE[0] - design.head_x, 167), 48 - 4 * len(value), 0.7, "mm"),
        (value, (688, 42), 32, 0.7, "rm"),
        (value, (688, 304), 32, 0.7, "rm"),
        (design.words, (middle, 300), 22, 0.3, "mm"),
        (design.bank, (38, 44), 18, 0.3, "lm"),
    ):
        font = ImageFont.load_default(size)
        halo.text(at, text, design.paper, font, anchor, stroke_width=bold + 2)
        ImageDraw.Draw(words).text(at, text, 255, font, anchor, stroke_width=bold)
    note.paste(ink, mask=words)
    text, at, size, _, anchor = numeral
    ImageDraw.Draw(lace).text(at, text, 255, ImageFont.load_default(size), anchor, stroke_width=0.5)
    cut = engraved(SIZE, ribbon((middle - 125, 166), (middle + 125, 166), 44, 6, 14), 1)
    note.paste(design.paper, mask=ImageChops.multiply(lace, cut))


def numbered(design: Design, digits: str) -> Image.Image:
    """A note with its serial, twice: the plate and `digits` in red."""
    note = plate(design).copy()
    pen, font = ImageDraw.Draw(note), ImageFont.load_default(22)
    for left, top, right, bottom in SERIAL_BOXES:
        middle = ((left + right) / 2, (top + bottom) / 2)
        pen.text(middle, f"{design.prefix} {digits}", (150, 24, 34), font, anchor="mm")
    return note


@dataclass(frozen=True)
class Scan:
    """How a note lies on the scanner's bed, and what its life has done to it: the same `wear`, the same marks."""

    tilt: float  # degrees, clockwise
    shift: tuple[float, float]  # pixels from the middle of the bed
    bed: Colour
    wear: int  # seed of the folds, of the ageing of the paper and of the sensor's noise

    def of(self, note: Image.Image) -> Image.Image:
        """The scanned picture of a flat note."""
        rng = np.random.default_rng(self.wear)
        cos, sin = np.cos(np.radians(self.tilt)), np.sin(np.radians(self.tilt))
        x, y = BED[0] / 2 + self.shift[0], BED[1] / 2 + self.shift[1]
        back = (cos, sin, SIZE[0] / 2 - cos * x - sin * y, -sin, cos, SIZE[1] / 2 + sin * x - cos * y)

        def laid(flat: Image.Image) -> Image.Image:
            return flat.transform(BED, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)

        # The outline ends two pixels inside the note, where both can be interpolated: its edges are smooth.
        outline = laid(ImageOps.expand(Image.new("L", (SIZE[0] - 4, SIZE[1] - 4), 255), 2))
        shadow = ImageChops.offset(outline, 3, 5).filter(ImageFilter.GaussianBlur(5))
        picture = Image.new("RGB", BED, self.bed)
        picture.paste(tuple(channel // 3 for channel in self.bed), mask=shadow)
        picture.paste(laid(_worn(note, rng)), mask=outline)
        left, right = rng.uniform(0.94, 1.03, 2).tolist()
        light = np.linspace(left, right, BED[0], dtype=np.float32)
        return exposed(picture, light, (1, 1, 1), noise(BED, 2, rng))

    def box(self, flat: Box) -> Box:
        """Where a box of the flat note lies in the scan: upright, and large enough to hold it."""
        turn = np.exp(1j * np.radians(self.tilt))
        corners = np.array([x + 1j * y for x in flat[::2] for y in flat[1::2]]) - complex(*SIZE) / 2
        laid = corners * turn + complex(*BED) / 2 + complex(*self.shift)
        left, top = np.floor([laid.real.min(), laid.imag.min()]).astype(int)
        right, bottom = np.ceil([laid.real.max(), laid.imag.max()]).astype(int)
        return int(left), int(top), int(right), int(bottom)


def _worn(note: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The note as it comes back from the till: folded, and a little yellow."""
    x, y = np.arange(SIZE[0], dtype=np.float32), np.arange(SIZE[1], dtype=np.float32)[:, None]
    light = np.ones((SIZE[1], SIZE[0]), np.float32)
    for along, fold in ((x, 180), (x, 360), (x, 540), (y, 172)):
        away = along - fold + rng.uniform(-20, 20)
        crease, slope = np.exp(-np.abs(away)), np.sign(away) * np.exp(-np.abs(away) / 30)
        light += rng.uniform(0, 1) * (0.12 * crease - 0.06 * slope)
    age = rng.uniform(0, 0.16)
    return exposed(note, light, (1 - 0.25 * age, 1 - 0.45 * age, 1 - age))


def nth_scan(number: int, rng: np.random.Generator) -> Scan:
    """One more note on the scanner, a little askew. Every design meets the same beds: they tell nothing of it."""
    shift = (rng.uniform(-8, 8), rng.uniform(-6, 6))
    return Scan(rng.uniform(-2.4, 2.4), shift, BEDS[number % len(BEDS)], int(rng.integers(2**31)))
