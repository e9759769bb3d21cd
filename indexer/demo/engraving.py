"""How a banknote is cut: families of curves that cross into lace, and a head in lines that swell with the shade.

Curves are N x 2 float arrays of points (x, y) in pixels of the printed note. Masks are "L" pictures, 255 where
ink lies. Everything is drawn some times larger, and reduced: that is the anti-aliasing.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from indexer.demo.splines import Floats, spline

FINE = 3  # curves
LINE = 2  # lines of the head, whose edges are soft already

Point = tuple[float, float]

# A head facing right, in fractions of the medallion's height from its left and top; closed smooth outlines.
HEAD = (
    (.60, .17), (.645, .25), (.655, .32), (.645, .375), (.69, .43), (.735, .495), (.705, .525), (.675, .53),
    (.695, .565), (.67, .59), (.69, .62), (.66, .65), (.675, .70), (.64, .745), (.57, .755), (.515, .765),
    (.51, .84), (.58, .92), (.76, .99), (.86, 1.1), (0, 1.1), (.02, .99), (.18, .92), (.27, .84),
    (.26, .72), (.20, .60), (.165, .45), (.18, .30), (.25, .19), (.36, .125), (.47, .11), (.54, .13),
)  # fmt: skip
EYE = ((0.565, 0.385), (0.595, 0.362), (0.632, 0.366), (0.622, 0.392), (0.595, 0.402))
HAIR = {
    "bun": ((.605, .19), (.56, .25), (.50, .31), (.46, .40), (.43, .50), (.37, .57), (.29, .65), (.24, .68),
            (.17, .62), (.07, .60), (.02, .50), (.07, .41), (.14, .38), (.16, .26), (.25, .15), (.36, .085),
            (.48, .075), (.57, .11)),
    "long": ((.61, .20), (.56, .24), (.49, .30), (.45, .42), (.42, .54), (.37, .66), (.38, .80), (.32, .90),
             (.20, .90), (.17, .74), (.12, .58), (.11, .40), (.14, .27), (.22, .15), (.35, .08), (.48, .07),
             (.57, .11)),
    "beard": ((.59, .17), (.50, .22), (.45, .32), (.45, .44), (.47, .56), (.55, .60), (.63, .575), (.665, .60),
              (.69, .68), (.70, .78), (.66, .88), (.56, .87), (.48, .80), (.40, .70), (.31, .64), (.24, .70),
              (.18, .58), (.14, .44), (.15, .28), (.24, .16), (.36, .09), (.48, .08), (.56, .11)),
}  # fmt: skip


def rosette(centre: Point, radius: float, petals: int, lines: int) -> list[Floats]:
    """Epitrochoids of one wheel with the pen ever further out: a flower inside `radius`."""
    turn = np.linspace(0, 2 * np.pi, 60 * petals)
    curves = []
    for reach in np.linspace(0.12, 0.62, lines):
        x = (1 + 1 / petals) * np.cos(turn) - reach * np.cos((petals + 1) * turn)
        y = (1 + 1 / petals) * np.sin(turn) - reach * np.sin((petals + 1) * turn)
        size = radius / (1.62 + 1 / petals)
        curves.append(np.stack([centre[0] + size * x, centre[1] + size * y], 1))
    return curves


def ring(
    centre: Point, inner: float, outer: float, waves: int, lines: int, tall: float = 1.0
) -> list[Floats]:
    """Waves round a circle (or an oval `tall` times as high), each a little later than the last."""
    turn = np.linspace(0, 2 * np.pi, 24 * waves)
    middle, swing = (inner + outer) / 2, (outer - inner) / 2
    curves = []
    for late in np.linspace(0, 2 * np.pi, lines, endpoint=False):
        reach = middle + swing * np.sin(waves * turn + late)
        curves.append(
            np.stack([centre[0] + reach * np.cos(turn), centre[1] + tall * reach * np.sin(turn)], 1)
        )
    return curves


def ribbon(start: Point, end: Point, swing: float, waves: float, lines: int) -> list[Floats]:
    """Waves along a straight line, inside an envelope that swells and narrows to either side of it."""
    (x0, y0), (x1, y1) = start, end
    length = float(np.hypot(x1 - x0, y1 - y0))
    along = np.linspace(0, 1, int(length))
    envelope = swing * (0.68 + 0.32 * np.cos(2 * np.pi * waves * along / 3))
    curves = []
    for late in np.linspace(0, 2 * np.pi, lines, endpoint=False):
        aside = envelope * np.sin(2 * np.pi * waves * along + late) / length
        x, y = x0 + (x1 - x0) * along - (y1 - y0) * aside, y0 + (y1 - y0) * along + (x1 - x0) * aside
        curves.append(np.stack([x, y], 1))
    return curves


def engraved(size: tuple[int, int], curves: list[Floats], width: int = 2) -> Image.Image:
    """The curves as a mask; `width` is in fine pixels."""
    mask = Image.new("L", (size[0] * FINE, size[1] * FINE))
    pen = ImageDraw.Draw(mask)
    for curve in curves:
        pen.line((curve * FINE).ravel().tolist(), fill=255, width=width)
    return mask.reduce(FINE)


def medallion(hair: str, width: int, height: int) -> Image.Image:
    """A head in profile inside an oval: the mask of its engraved lines, width x height pixels."""
    w, h = width * LINE, height * LINE

    def place(points: tuple[Point, ...]) -> Floats:
        corner, extent = np.array([w / 2 - 0.36 * h, 0.05 * h]), np.array([0.82 * h, 0.88 * h])
        outline: Floats = corner + extent * spline(np.array(points), 8, closed=True)
        return outline

    def filled(points: tuple[Point, ...]) -> Image.Image:
        mask = Image.new("L", (w, h))
        ImageDraw.Draw(mask).polygon(place(points).ravel().tolist(), fill=255)
        return mask

    def swollen(mask: Image.Image) -> Floats:
        """Height of the form over the ground: a flat shape blown up like a cushion."""
        flat: Floats = np.asarray(mask, np.float32) / np.float32(255)
        height: Floats = np.zeros_like(flat)
        for blur in (0.015 * h, 0.06 * h):
            height += blur / 255 * np.asarray(mask.filter(ImageFilter.GaussianBlur(blur)))
        height *= flat
        return height

    head, hairdo, eye = filled(HEAD), filled(HAIR[hair]), filled(EYE)
    on_head, on_hair, on_eye = (np.asarray(mask) > 127 for mask in (head, hairdo, eye))
    relief = swollen(head) + 0.5 * swollen(hairdo)
    slope_y, slope_x = np.gradient(relief)
    light = np.clip((0.75 + 0.6 * slope_x + 0.55 * slope_y) / np.sqrt(1 + slope_x**2 + slope_y**2), 0, 1)

    x, y = np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)[:, None]
    off_centre = np.hypot(2 * x / w - 1, 2 * y / h - 1)
    strands = np.hypot(x + 0.06 * h, y - 0.74 * h) + 0.012 * h * np.sin(y / (0.03 * h))
    shade, lines = 0.38 + 0.3 * off_centre**3, np.broadcast_to(y, (h, w))
    for where, its_shade, its_lines in (
        (on_head, 0.95 - 0.88 * light, y + 0.9 * relief + 0.12 * x),
        (on_hair, 0.8 - 0.5 * light, strands),
        (on_eye, np.float32(0.9), y),
    ):
        shade, lines = np.where(where, its_shade, shade), np.where(where, its_lines, lines)
    pitch = 3.0 * LINE  # from one line to the next
    distance = np.abs(lines / pitch % 1 - 0.5) * 2
    ink = np.clip((np.clip(shade, 0.06, 0.92) - distance) * pitch / 2 + 0.5, 0, 1) * (off_centre < 1)
    return Image.fromarray((255 * ink).astype(np.uint8)).reduce(LINE)
