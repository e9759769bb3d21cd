"""Six groceries, and shots of each: other sides and heights, other tables, lamps and walls."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from indexer.demo import packaging
from indexer.demo.solids import Carton, Lathe
from indexer.demo.studio import View, Wrapping, photograph

SCALE = 620  # pixels of a drawn face to the thing's height
REPEATS = 3  # a round label shows its face so many times, so that one is always in view
SIDES = (-0.3, 0.7, 0.25, -0.75)  # radians that a shot turns the face from the camera
HEIGHTS = (0.16, 0.3, 0.5, 0.4)  # radians that its camera looks down
TABLES = ("oak", "marble", "walnut", "gingham")
WALLS = ((214, 219, 220), (226, 214, 194), (122, 140, 146), (112, 112, 122), (196, 208, 190), (222, 190, 170))


@dataclass(frozen=True)
class Product:
    """A shape and what is printed on its face; a lathe's face goes round it `REPEATS` times, a carton has plain sides."""

    name: str
    solid: Lathe | Carton
    face: Callable[[packaging.Pen, int, int], None]

    @property
    def front(self) -> float:
        """The turn, in radians, that shows the middle of the face."""
        return np.pi / REPEATS if isinstance(self.solid, Lathe) else 0.0


PRODUCTS = (
    Product("cocoa", Carton(0.66, 0.26, 1.0), packaging.cocoa),
    Product("oats", Carton(0.7, 0.22, 1.0), packaging.oats),
    Product("soda", Lathe(((.22, 0), (.255, .05), (.255, .88), (.22, .96), (.225, 1), (.205, 1), (.2, .97), (0, .97))),
            packaging.soda),
    Product("tea", Lathe(((.3, 0), (.3, .83), (.312, .83), (.312, .985), (.30, 1), (0, 1))), packaging.tea),
    Product("oil", Lathe(((.165, 0), (.175, .02), (.175, .6), (.165, .66), (.135, .725), (.095, .775), (.062, .82),
                          (.055, .86), (.066, .86), (.066, 1), (0, 1))), packaging.oil),
    Product("honey", Lathe(((.30, 0), (.345, .06), (.35, .12), (.35, .66), (.33, .74), (.29, .785), (.31, .785),
                            (.31, .985), (.3, 1), (0, 1))), packaging.honey),
)  # fmt: skip


@cache
def wrapping(product: Product) -> Wrapping:
    """What goes round the product, as the studio wants it."""
    solid = product.solid
    width = (
        2 * np.pi / REPEATS * max(r for r, _ in solid.profile) if isinstance(solid, Lathe) else solid.width
    )
    face = Image.new("RGBA", (round(width * SCALE), SCALE))
    product.face(ImageDraw.Draw(face), *face.size)
    if isinstance(solid, Lathe):
        panels = [face] * REPEATS
    else:
        flank = face.resize((round(solid.depth * SCALE), SCALE), box=(0, 0, 8, SCALE))
        panels = [face, flank] * 2
    return np.concatenate([np.asarray(panel) for panel in panels], 1)


def shot(product: Product, number: int, rng: np.random.Generator, grain: float = 2) -> Image.Image:
    """A photograph of the product; consecutive numbers show other sides, on other tables."""
    place, side = number + PRODUCTS.index(product), number % len(SIDES)
    view = View(
        elevation=HEIGHTS[side] + rng.uniform(-0.06, 0.06),
        distance=rng.uniform(2.3, 2.9),
        roll=rng.uniform(-0.07, 0.07),
        aim=(rng.uniform(-0.12, 0.12), rng.uniform(0.42, 0.54)),
        lamp=rng.uniform(0.35, 1.0) if rng.random() < 0.5 else -rng.uniform(0.35, 1.0),
        table=TABLES[place % len(TABLES)],
        wall=WALLS[place * 5 % len(WALLS)],
        warmth=rng.uniform(0.96, 1.05),
        grain=grain,
        seed=int(rng.integers(2**31)),
    )
    turned = replace(product.solid, turn=product.front + SIDES[side] + rng.uniform(-0.15, 0.15))
    return photograph(turned, wrapping(product), view)
