"""What an encoder looks at in a picture: its colours, its luminance, or its ink."""

from PIL import Image

from indexer.decoding.pixels import Box, to_square, to_upright
from retrieval.view import Fit, View

# Ink is a small part of its page, and is cut out before that is shrunk: an eighth of it still fills the square.
_PAGE_SHARE, _PAGE_PIXELS = 8, 1024


def decoded_side(size: int, view: View) -> int:
    """Return how many pixels of either side must be decoded for a square of ``size``."""
    return max(size, min(_PAGE_SHARE * size, _PAGE_PIXELS)) if view is View.INK else size


def to_view(
    image: Image.Image,
    *,
    size: int,
    fit: Fit,
    view: View,
    orientation: int = 1,
    extent: tuple[float, float] | None = None,
    covered: Box | None = None,
) -> Image.Image:
    """Make a square RGB image, as `to_square` does, of what the view shows.

    With ``View.INK`` it is the ink's bounding box that is fitted, not the page.
    """
    if view is View.INK:
        import numpy as np

        from indexer.decoding.ink import ink_of

        side = decoded_side(size, view)
        page = to_upright(
            image, size=side, fit=Fit.PAD, orientation=orientation, extent=extent, covered=covered
        )
        return to_square(Image.fromarray(ink_of(np.asarray(page.convert("L")))), size=size, fit=fit)
    square = to_square(image, size=size, fit=fit, orientation=orientation, extent=extent, covered=covered)
    return square.convert("L").convert("RGB") if view is View.GREY else square
