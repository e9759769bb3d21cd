"""Pixels to bytes that hold nothing but pixels: no metadata of the file that they came from."""

import base64
import io

import numpy as np
import numpy.typing as npt

_JPEG_QUALITY = 82


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Write (h, w, 3) RGB pixels as a PNG."""
    return _encoded(pixels, "PNG")


def jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Write (h, w, 3) RGB pixels as a JPEG."""
    return _encoded(pixels, "JPEG", quality=_JPEG_QUALITY)


def jpeg_url(pixels: npt.NDArray[np.uint8]) -> str:
    """Write (h, w, 3) RGB pixels as a JPEG in a ``data:`` URL, for a page that carries its pictures inside."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(pixels)).decode()}"


def _encoded(pixels: npt.NDArray[np.uint8], kind: str, **options: int) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()
