"""The printed faces of six groceries of invented brands.

A face is drawn on a pen, `w` x `h` pixels; its colours are #rrggbbgg, where gg is how glossy it is.
"""

import numpy as np
from PIL import ImageDraw, ImageFont

Pen = ImageDraw.ImageDraw


def _word(pen: Pen, x: float, y: float, text: str, size: float, ink: str, *, bold: float = 0) -> None:
    font = ImageFont.load_default(size)
    pen.text((x, y), text, ink, font, anchor="mm", stroke_width=bold, stroke_fill=ink)


def _disc(pen: Pen, x: float, y: float, radius: float, ink: str) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), ink)


def _leaf(pen: Pen, x: float, y: float, length: float, angle: float, ink: str) -> None:
    """A leaf from its stalk at (x, y), `angle` radians from straight up, clockwise."""
    along = np.linspace(0, 1, 24)
    aside = 0.2 * np.sin(np.pi * along) * (1 - 0.35 * along)
    outline = np.concatenate([along + 1j * aside, (along - 1j * aside)[::-1]]) * length * np.exp(1j * angle)
    pen.polygon([(x + float(p.imag), y - float(p.real)) for p in outline], ink)


def cocoa(pen: Pen, w: int, h: int) -> None:
    """A pod's leaves, lit from within, on dark chocolate."""
    pen.rectangle((0, 0, w, h), "#3c1d1430")
    pen.rectangle((0, h * 0.8, w, h), "#d9662b30")
    pen.rectangle((0, h * 0.785, w, h * 0.8), "#f6e3c230")
    for angle in np.linspace(-1.15, 1.15, 7):
        _leaf(pen, w / 2, h * 0.745, w * (0.45 - 0.07 * abs(angle)), angle, "#a4502c30")
    for angle in (-0.5, 0, 0.5):
        _leaf(pen, w / 2, h * 0.745, w * 0.31, angle, "#e9a15830")
    _word(pen, w / 2, h * 0.1, "MARLOW & DAUGHTERS", 22, "#e9c99a30", bold=0.3)
    pen.line((w * 0.2, h * 0.145, w * 0.8, h * 0.145), "#e9c99a30", 3)
    _word(pen, w / 2, h * 0.24, "Cocoa", 112, "#f6e3c230", bold=2)
    _word(pen, w / 2, h * 0.345, "dark drinking chocolate", 24, "#e9a15830")
    _word(pen, w / 2, h * 0.89, "250 g", 46, "#3c1d1430", bold=1)


def oats(pen: Pen, w: int, h: int) -> None:
    """The sun goes down in a bowl of porridge."""
    pen.rectangle((0, 0, w, h), "#2f78a830")
    for number, angle in enumerate(np.linspace(-np.pi / 2, np.pi / 2, 24)):
        if number % 2:
            x, y = w / 2, h * 0.66
            far = [(x + 900 * np.sin(a), y - 900 * np.cos(a)) for a in (angle - 0.068, angle + 0.068)]
            pen.polygon([(x, y), *far], "#4a94c030")
    _disc(pen, w / 2, h * 0.66, w * 0.33, "#ffd45c30")
    pen.rectangle((0, h * 0.66, w, h), "#f4ead230")
    pen.pieslice((w * 0.16, h * 0.46, w * 0.84, h * 0.88), 0, 180, "#c2452f30")
    pen.rectangle((w * 0.38, h * 0.87, w * 0.62, h * 0.895), "#a1371f30")
    pen.ellipse((w * 0.16, h * 0.635, w * 0.84, h * 0.705), "#e4c48c30")
    pen.rounded_rectangle((w * 0.09, h * 0.07, w * 0.91, h * 0.31), 26, "#fdf6e430")
    _word(pen, w / 2, h * 0.12, "MORNING MILL", 26, "#2f78a830", bold=0.5)
    _word(pen, w / 2, h * 0.225, "OATS", 118, "#c2452f30", bold=3)
    _word(pen, w / 2, h * 0.945, "rolled · wholegrain · 500 g", 23, "#2f5f8030")


def soda(pen: Pen, w: int, h: int) -> None:
    """Half a pomelo on a can of sparkling water."""
    pen.rectangle((0, 0, w, h), "#c9ced2e0")
    pen.rectangle((0, h * 0.115, w, h * 0.945), "#ef5a4890")
    x, y, radius = w / 2, h * 0.655, w * 0.39
    _disc(pen, x, y, radius, "#ffb45690")
    _disc(pen, x, y, radius * 0.9, "#fff0d890")
    for start in range(0, 360, 45):
        pen.pieslice((x - radius * 0.83, y - radius * 0.83, x + radius * 0.83, y + radius * 0.83), start + 3, start + 42,
                     "#ff7a6290")  # fmt: skip
    _disc(pen, x, y, radius * 0.13, "#fff0d890")
    _word(pen, x, h * 0.225, "Pomelo", 84, "#fff6e890", bold=2)
    _word(pen, x, h * 0.325, "SPARKLING WATER", 21, "#fff6e890", bold=0.5)
    for k, (bx, by, size) in enumerate(
        ((0.08, 0.4, 9), (0.93, 0.45, 13), (0.05, 0.8, 14), (0.9, 0.83, 8), (0.13, 0.9, 7))
    ):
        _disc(pen, w * bx, h * by, size + k % 2, "#ffd9c490")


def tea(pen: Pen, w: int, h: int) -> None:
    """A tin of mornings in the mountains."""
    pen.rectangle((0, 0, w, h), "#1f4d4660")
    pen.rectangle((0, 0, w, h * 0.17), "#e2d6b4c0")
    pen.rectangle((0, h * 0.166, w, h * 0.176), "#8a7f60c0")
    pen.rectangle((0, h * 0.22, w, h * 0.95), "#cfe0d060")
    _disc(pen, w * 0.5, h * 0.6, w * 0.17, "#f2b45c60")
    x = np.arange(0, w + 4, 4)
    for foot, tall, ink, waves in (
        (0.66, 0.11, "#8fb8a460", 2),
        (0.76, 0.10, "#4f8d7c60", 3),
        (0.86, 0.07, "#24594e60", 4),
    ):
        ridge = np.abs((x / w * waves + foot * 7) % 1 - 0.5) * 2 + 0.12 * np.sin(x / w * 40 * np.pi / waves)
        line = [(float(a), float(h * (foot - tall * b))) for a, b in zip(x, ridge, strict=True)]
        pen.polygon([*line, (w, h * 0.95), (0, h * 0.95)], ink)
    _word(pen, w / 2, h * 0.305, "HIGH PASTURE", 26, "#1f4d4660", bold=0.5)
    _word(pen, w / 2, h * 0.39, "Alpine Tea", 66, "#1f4d4660", bold=1.4)
    _word(pen, w / 2, h * 0.9, "loose leaf · 120 g", 26, "#e2ecd860")


def oil(pen: Pen, w: int, h: int) -> None:
    """An olive branch on paper, on dark glass."""
    pen.rectangle((0, 0, w, h), "#2c3f1cff")
    pen.rectangle((0, 0, w, h * 0.15), "#1d1a17a0")
    pen.rectangle((0, h * 0.135, w, h * 0.15), "#c8a24ac0")
    pen.rectangle((0, h * 0.45, w, h * 0.93), "#f1e9d320")
    for y in (0.465, 0.912):
        pen.rectangle((0, h * y, w, h * (y + 0.006)), "#9c7a2e60")
    _word(pen, w / 2, h * 0.53, "Olivera", 56, "#2c3f1c20", bold=1)
    _word(pen, w / 2, h * 0.6, "EXTRA VIRGIN", 19, "#9c7a2e20", bold=0.5)
    pen.line((w * 0.5, h * 0.86, w * 0.5, h * 0.7), "#55703020", 5)
    for step in range(4):
        for side in (-1, 1):
            _leaf(pen, w / 2, h * (0.865 - 0.045 * step), w * 0.25, side * (1.0 - 0.12 * step), "#55703020")
    for x, y in ((0.36, 0.85), (0.64, 0.82), (0.38, 0.76)):
        _disc(pen, w * x, h * y, w * 0.05, "#2c3f1c60")


def honey(pen: Pen, w: int, h: int) -> None:
    """Combs to both sides of the name, under a gold lid."""
    pen.rectangle((0, 0, w, h), "#d98a12ff")
    pen.rectangle((0, 0, w, h * 0.21), "#c9a227d0")
    for y in np.linspace(0.03, 0.18, 6):
        pen.rectangle((0, h * y, w, h * (y + 0.008)), "#a8841cd0")
    pen.rectangle((0, h * 0.4, w, h * 0.88), "#fff3d620")
    size = w * 0.052
    for row, y in enumerate(np.arange(h * 0.4 + size, h * 0.88, 1.5 * size)):
        for x in np.arange((row % 2) * size * 0.87, w + size, size * 1.74):
            if abs(x - w / 2) > w * 0.29:
                pen.regular_polygon(
                    (x, y, size * 0.88), 6, 30, "#f3b53120" if (row * 3 + int(x)) % 4 else "#e0901a20"
                )
    _word(pen, w / 2, h * 0.49, "BRAMBLE FARM", 22, "#8a4b0820", bold=0.5)
    _word(pen, w / 2, h * 0.63, "Honey", 84, "#8a4b0820", bold=2)
    _word(pen, w / 2, h * 0.79, "wild heather", 28, "#b8701220")
