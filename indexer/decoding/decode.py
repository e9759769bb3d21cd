"""Pictures as arrays: what a decode worker makes of bytes, and what callers already have in memory."""

from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from indexer.decoding.failures import failures_named
from indexer.decoding.picture import DecodeFailure, Picture, Reason, Square
from indexer.decoding.square import decode_square, orientation_of, upright_square
from indexer.decoding.views import to_view
from retrieval.view import Fit, View

if TYPE_CHECKING:
    from indexer.decoding.limits import Limits

__all__ = ["DecodeFailure", "Picture", "Reason", "decode", "from_array", "from_image"]


def decode(
    data: bytes | BinaryIO, *, size: int, fit: Fit, limits: "Limits", view: View = View.COLOUR
) -> Picture:
    """Decode the first frame of a picture, given as bytes or as an open file, to (size, size, 3) pixels.

    With ``View.SPECTRUM`` a sound is decoded instead, to the picture of its spectrum.

    Raises:
        DecodeFailure: anything that is not an intact picture, or sound, within the limits, with its reason.
    """
    return _picture(decode_square(data, size=size, fit=fit, limits=limits, view=view))


def from_array(pixels: npt.NDArray[np.uint8], *, size: int, fit: Fit, view: View = View.COLOUR) -> Picture:
    """Take (height, width, 3) RGB or (height, width) grey uint8 pixels as a picture.

    Raises:
        DecodeFailure: an array of another shape or type, or one without pixels.
    """
    is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not is_picture or pixels.dtype != np.uint8 or not pixels.size:
        raise DecodeFailure(
            Reason.NOT_AN_IMAGE,
            f"expected uint8 pixels of shape (height, width, 3) or (height, width), got {pixels.dtype} {pixels.shape}",
        )
    return from_image(Image.fromarray(np.ascontiguousarray(pixels)), size=size, fit=fit, view=view)


def from_image(image: Image.Image, *, size: int, fit: Fit, view: View = View.COLOUR) -> Picture:
    """Take an open Pillow image as a picture, turned as its EXIF says. It is loaded, and otherwise left alone.

    Raises:
        DecodeFailure: its pixels cannot be loaded, or it has none, or the view is that of sounds.
    """
    if view is View.SPECTRUM:
        raise DecodeFailure(
            Reason.NOT_A_SOUND, "pixels are no sound: give this encoder a sound file or its bytes"
        )
    with failures_named():
        image.load()
        if not image.width * image.height:
            raise DecodeFailure(
                Reason.NOT_AN_IMAGE, f"an image of {image.width} x {image.height} has no pixels"
            )
        orientation = orientation_of(image)
        square = to_view(image, size=size, fit=fit, view=view, orientation=orientation)
        return _picture(
            upright_square(square, image.width, image.height, orientation, image.format or "pixels")
        )


def _picture(square: Square) -> Picture:
    return Picture(np.asarray(square.image), square.width, square.height, square.format)
