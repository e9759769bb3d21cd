"""Solid things that rays can meet: turned on a lathe, or folded from card.

Lengths are in units of a thing's height, about 1; z is up, the thing stands on z = 0 over the origin, and the
camera looks along +y. Rays and points are float32, 3 x N; a miss is at an infinite distance.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SMOOTH = 0.5  # radians: pieces of a profile that meet at less are one curve

Floats = NDArray[np.float32]
Parts = NDArray[np.intp]


class Solid(Protocol):
    """What the studio needs to know of a thing."""

    def reach(self, origin: Floats, ray: Floats) -> tuple[Floats, Parts]:
        """How far each ray (3 x N) goes from its origin (3 x 1 or 3 x N), and which part of the thing it meets."""

    def surface(self, points: Floats, parts: Parts) -> tuple[Floats, Floats]:
        """Normals out of the thing (3 x N), and places on its wrapping (2 x N): round it, and up, in 0..1."""


@dataclass(frozen=True)
class Lathe:
    """A profile turned about the z axis: (radius, height) from the foot up to the axis.

    Pieces of about the same slope are shaded as one curve, others as an edge.
    """

    profile: tuple[tuple[float, float], ...]
    turn: float = 0.0  # radians

    def reach(self, origin: Floats, ray: Floats) -> tuple[Floats, Parts]:
        """See `Solid`."""
        (ox, oy, oz), (dx, dy, dz) = origin, ray
        distance = np.full(ray.shape[1], np.inf, np.float32)
        parts = np.zeros(ray.shape[1], np.intp)
        along, across, apart = dx * dx + dy * dy, ox * dx + oy * dy, ox * ox + oy * oy
        for part, ((r0, z0), (r1, z1)) in enumerate(zip(self.profile, self.profile[1:], strict=False)):
            with np.errstate(divide="ignore", invalid="ignore"):
                if z1 == z0:  # a flat ring or lid, seen from above
                    here = (z0 - oz) / dz
                    off_axis = apart + here * (2 * across + here * along)
                    met = (off_axis <= max(r0, r1) ** 2) & (off_axis >= min(r0, r1) ** 2)
                else:  # on a cone: the square of the radius follows that of the height
                    slope = (r1 - r0) / (z1 - z0)
                    radius = r0 + slope * (oz - z0)
                    a = along - (slope * dz) ** 2
                    b = across - radius * slope * dz
                    root = np.sqrt(b * b - a * (apart - radius * radius))
                    here = (-b - np.sign(z1 - z0) * root) / a  # into an outer wall, or out to an inner one
                    height = oz + here * dz
                    met = (height >= min(z0, z1)) & (height <= max(z0, z1))
                met &= (here > 1e-3) & (here < distance)
            np.copyto(distance, here, where=met)
            np.copyto(parts, part, where=met)
        return distance, parts

    def surface(self, points: Floats, parts: Parts) -> tuple[Floats, Floats]:
        """See `Solid`."""
        x, y, z = points
        offset, gain, facing = self._leans()
        lean = offset[parts] + gain[parts] * z
        upright = 1 / np.sqrt(1 + lean * lean)
        outward = facing[parts] * upright / np.maximum(np.hypot(x, y), 1e-6)
        around = (np.arctan2(x, -y) + self.turn) / (2 * np.pi)
        height = max(height for _, height in self.profile)
        return np.stack([x * outward, y * outward, lean * upright]), np.stack([around, z / height])

    def _leans(self) -> tuple[Floats, Floats, Floats]:
        """How much the normal leans up at height z of each piece, as offset + gain * z; and -1 for inner walls."""
        heights = np.array([height for _, height in self.profile])
        across, up = np.diff(np.array(self.profile), axis=0).T
        flat = up == 0
        lean = np.where(flat, 1e4, -across / np.where(flat, 1, np.abs(up)))
        below, above = np.concatenate([lean[:1], lean[:-1]]), np.concatenate([lean[1:], lean[-1:]])
        foot, head = (
            np.where(np.abs(np.arctan(lean) - np.arctan(near)) < SMOOTH, (lean + near) / 2, lean)
            for near in (below, above)
        )
        gain = np.where(flat, 0, (head - foot) / np.where(flat, 1, up))
        offset = foot - gain * heights[:-1]
        return offset.astype(np.float32), gain.astype(np.float32), np.where(up < 0, -1, 1).astype(np.float32)


@dataclass(frozen=True)
class Carton:
    """A box; its wrapping goes round its four sides, front, right, back and left."""

    width: float
    depth: float
    height: float
    turn: float = 0.0  # radians

    def _turned(self, vectors: Floats, way: int) -> Floats:
        """3 x N vectors in the box's own axes (`way` 1), or its vectors in the world's (-1)."""
        cos, sin = float(np.cos(self.turn)), way * float(np.sin(self.turn))
        x, y, z = vectors
        return np.stack([cos * x + sin * y, cos * y - sin * x, z])

    def reach(self, origin: Floats, ray: Floats) -> tuple[Floats, Parts]:
        """See `Solid`; the part is the axis of the side: 0 left and right, 1 front and back, 2 top and foot."""
        start, way = self._turned(origin, 1), self._turned(ray, 1)
        half = np.array([[self.width / 2], [self.depth / 2], [self.height / 2]], np.float32)
        middle = np.array([[0], [0], [self.height / 2]], np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            one, other = (middle - half - start) / way, (middle + half - start) / way
        enter, leave = np.minimum(one, other), np.maximum(one, other)
        distance = enter.max(0)
        met = (distance < leave.min(0)) & (distance > 1e-3)
        return np.where(met, distance, np.float32(np.inf)), enter.argmax(0)

    def surface(self, points: Floats, parts: Parts) -> tuple[Floats, Floats]:
        """See `Solid`."""
        x, y, z = self._turned(points, 1)
        face = 2 * parts + (np.where(parts == 0, x, y) > 0)  # left, right, front, back, top
        w, d = self.width, self.depth
        start = np.array([2 * w + 1.5 * d, w + 0.5 * d, 0.5 * w, 1.5 * w + d, 0, 0], np.float32)
        by_x, by_y = np.array([[0, 0, 1, -1, 0, 0], [-1, 1, 0, 0, 0, 0]], np.float32)
        along = start[face] + by_x[face] * x + by_y[face] * y
        outward = np.array([[-1, 1, 0, 0, 0, 0], [0, 0, -1, 1, 0, 0], [0, 0, 0, 0, 1, 1]], np.float32)
        up = np.where(parts == 2, np.float32(1), z / self.height)
        return self._turned(outward, -1)[:, face], np.stack([along / (2 * (w + d)), up])
