"""A photograph of one solid on a table: camera, lamp, sky and shadow.

Lengths are in units of the thing's height, about 1; angles are radians.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from indexer.demo.scenery import TABLE, TABLE_SCALE, Colour, room, table_top
from indexer.demo.sensor import exposed, noise
from indexer.demo.solids import Floats, Solid

FRAME = (368, 432)
FOCUS = 740.0  # focal length in pixels: about that of a phone's portrait lens
COARSE = 4  # shadows and the blurred room are worked out on every fourth pixel
BAND = 72  # rows of the frame that are traced at once
FINE = 2  # the thing itself, on half pixels
TABLE_BACK = 1.3  # how far behind the thing the table ends

Box = tuple[int, int, int, int]
Wrapping = NDArray[np.uint8]  # H x W x 4: colours round a thing, its foot in the last row, and their gloss


@dataclass(frozen=True)
class View:
    """Everything about one shot but the thing itself."""

    elevation: float
    distance: float
    roll: float
    aim: tuple[float, float]  # where the middle of the frame looks: to the side, and up
    lamp: float  # direction of the lamp: 0 at the camera, positive to the right
    table: str
    wall: Colour
    warmth: float  # white balance: the red gain; blue is its inverse
    grain: float  # standard deviation of the sensor's noise, of 255
    seed: int  # of the room and of the noise

    def eye(self) -> Floats:
        """Position of the camera, 3 x 1."""
        back, up = self.distance * np.cos(self.elevation), self.distance * np.sin(self.elevation)
        return np.array([[self.aim[0]], [-back], [self.aim[1] + up]], np.float32)

    def lens(self) -> NDArray[np.float64]:
        """The 3 x 3 matrix from a pixel (x, y, 1) to the direction it sees."""
        cos, sin = np.cos(self.elevation), np.sin(self.elevation)
        right_down_ahead = np.array([[1, 0, 0], [0, -sin, cos], [0, -cos, -sin]])
        c, s = np.cos(self.roll), np.sin(self.roll)
        rolled = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        middle = np.array([[1, 0, -FRAME[0] / 2], [0, 1, -FRAME[1] / 2], [0, 0, FOCUS]])
        lens: NDArray[np.float64] = right_down_ahead @ rolled @ middle
        return lens

    def rays(self, box: Box, step: float) -> Floats:
        """Unit directions through a box of the frame, one every `step` pixels, in reading order: 3 x N."""
        left, top, right, bottom = box
        x = np.arange(left + step / 2, right, step, dtype=np.float32)
        y = np.arange(top + step / 2, bottom, step, dtype=np.float32)[:, None]
        lens = self.lens().astype(np.float32)[:, :, None, None]
        ray = (lens[:, 0] * x + lens[:, 1] * y + lens[:, 2]).reshape(3, -1)
        unit: Floats = ray / np.sqrt((ray * ray).sum(0))
        return unit


def photograph(solid: Solid, wrapping: Wrapping, view: View) -> Image.Image:
    """One shot of the solid."""
    rng = np.random.default_rng(view.seed)
    rays = view.rays((0, 0, *FRAME), COARSE)
    seen = np.isfinite(solid.reach(view.eye(), rays)[0]).reshape(FRAME[1] // COARSE, FRAME[0] // COARSE)
    picture = _surroundings(solid, view, rays, rng)
    for top in range(0, FRAME[1], BAND):  # so few rays stay in the cache, and few of them miss
        columns = np.flatnonzero(seen[max(0, top // COARSE - 1) : (top + BAND) // COARSE + 1].any(0))
        if len(columns):
            left, right = max(0, columns[0] - 1) * COARSE, min(FRAME[0], (columns[-1] + 2) * COARSE)
            box = (int(left), top, int(right), min(FRAME[1], top + BAND))
            thing = _lit(solid, wrapping, view, box)
            picture.paste(thing.convert("RGB"), box[:2], thing.getchannel("A"))
    return _developed(picture, view, rng)


def _towards(around: NDArray[np.floating], up: NDArray[np.floating]) -> Floats:
    """Unit directions, N x 3: `around` from the camera to the right, and `up` from the table."""
    flat = np.cos(up)
    return np.stack([np.sin(around) * flat, -np.cos(around) * flat, np.sin(up)], 1).astype(np.float32)


def _surroundings(solid: Solid, view: View, rays: Floats, rng: np.random.Generator) -> Image.Image:
    """The table under the thing's shadow, and the room behind it."""
    shape, eye = (FRAME[1] // COARSE, FRAME[0] // COARSE), view.eye()
    down = np.minimum(rays[2], -1e-3)
    ground = eye - eye[2] / down * rays
    on_table = (rays[2] < -1e-3) & (ground[1] < TABLE_BACK)
    near = np.flatnonzero(on_table & (np.hypot(ground[0], ground[1]) < TABLE_BACK))

    def light_from(directions: Floats, blur: float) -> Floats:
        """The share of the directions in which the sky is open, 0..1."""
        points, share = ground[:, near], np.ones(rays.shape[1], np.float32)
        open_sky = [np.isinf(solid.reach(points, np.tile(way[:, None], len(near)))[0]) for way in directions]
        share[near] = np.mean(open_sky, 0)
        image = Image.fromarray((share.reshape(shape) * 255).astype(np.uint8))
        return np.asarray(image.filter(ImageFilter.GaussianBlur(blur)), np.float32) / np.float32(255)

    count = np.arange(6)
    lamp = light_from(_towards(view.lamp + 0.09 * (count - 2.5), 0.85 + 0.16 * np.cos(2.4 * count)), 1)
    sky = light_from(_towards(0.5 + 1.05 * count, 0.5 + 0.35 * (count % 2)), 3)
    light = Image.fromarray((255 * (0.1 + 0.5 * lamp + 0.4 * sky)).astype(np.uint8)).resize(FRAME)
    edge = Image.fromarray(on_table.reshape(shape)).convert("L").filter(ImageFilter.GaussianBlur(1.6))

    # Where a pixel's ray meets z = 0 is a projective map of the frame onto the table top.
    lens, (x, y, z) = view.lens(), eye[:, 0].astype(float)
    across = TABLE_SCALE * (x * lens[2] - z * lens[0]) + TABLE[0] / 2 * lens[2]
    along = TABLE_SCALE * (y * lens[2] - z * lens[1]) + TABLE[1] * 0.56 * lens[2]
    onto_table = (np.concatenate([across, along, lens[2, :2]]) / lens[2, 2]).tolist()
    top = table_top(view.table).transform(
        FRAME, Image.Transform.PERSPECTIVE, onto_table, Image.Resampling.BILINEAR
    )
    table = ImageChops.multiply(top, light.convert("RGB"))
    behind = room(view.wall, on_table.reshape(shape), rng).resize(FRAME)
    return Image.composite(table, behind, edge.resize(FRAME))


def _lit(solid: Solid, wrapping: Wrapping, view: View, box: Box) -> Image.Image:
    """The thing in a box of the frame, RGBA: paint under lamp and sky, the lamp mirrored where it is glossy."""
    rays = view.rays(box, 1 / FINE)
    distance, parts = solid.reach(view.eye(), rays)
    seen = np.flatnonzero(np.isfinite(distance))
    ray = rays[:, seen]
    normal, (around, up) = solid.surface(view.eye() + distance[seen] * ray, parts[seen])

    colours = wrapping.view(np.uint32)[..., 0]  # one look-up fetches all four channels
    rows = ((1 - up) * (colours.shape[0] - 1)).astype(np.intp).clip(0, colours.shape[0] - 1)
    columns = ((around - np.floor(around)) * (colours.shape[1] - 1)).astype(np.intp)
    paint = colours.ravel()[rows * colours.shape[1] + columns].view(np.uint8).reshape(-1, 4)

    towards_lamp = _towards(np.array([view.lamp]), np.array([0.85])).T
    facing = np.maximum((towards_lamp * normal).sum(0), 0)
    light = 0.62 * facing + (0.36 + 0.16 * normal[2]) * (0.62 + 0.38 * np.minimum(up * 6, 1)) + 0.1
    into = (ray * normal).sum(0)
    mirrored = ray - 2 * into * normal
    aside = np.arctan2(mirrored[0], -mirrored[1])

    def seen_in(azimuth: float, half: float, height: float) -> Floats:
        """How much of a tall bright window, `half` its width, the surface mirrors: 0..1 with soft edges."""
        across: Floats = ((half - np.abs(aside - azimuth)) / 0.07).clip(0, 1)
        upright: Floats = ((height - np.abs(mirrored[2] - 0.22)) / 0.07).clip(0, 1)
        return across * upright

    lamp = seen_in(view.lamp * 1.1, 0.24, 0.62)
    wall = seen_in(view.lamp * 1.1 - (2.2 if view.lamp > 0 else -2.2), 0.4, 0.7)
    rim = np.square(np.square(1 + into))
    shine = paint[:, 3] / np.float32(255) * (150 * lamp + 60 * wall + 70 * rim + 14)
    channels = np.zeros((4, rays.shape[1]), np.uint8)
    for channel in range(3):  # one after the other: far faster than pixel by pixel
        channels[channel, seen] = np.minimum(paint[:, channel] * light + shine, 255)
    channels[3, seen] = 255
    width = (box[2] - box[0]) * FINE
    large = Image.merge("RGBA", [Image.fromarray(channel.reshape(-1, width)) for channel in channels])
    return large.convert("RGBa").reduce(FINE).convert("RGBA")


def _developed(picture: Image.Image, view: View, rng: np.random.Generator) -> Image.Image:
    """White balance, a lens that darkens to the corners, and grain."""
    x = np.linspace(-1, 1, FRAME[0], dtype=np.float32)
    y = np.linspace(-1, 1, FRAME[1], dtype=np.float32)[:, None]
    corners = 1.06 - 0.13 * (x * x + y * y)
    return exposed(picture, corners, (view.warmth, 1, 1 / view.warmth), noise(FRAME, view.grain, rng))
