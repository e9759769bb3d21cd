"""The one door to OpenCV."""

from typing import Any

from retrieval.errors import LibraryMissing


def opencv() -> Any:
    """Return the ``cv2`` module.

    Raises:
        LibraryMissing: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise LibraryMissing(
            "comparing pictures point by point needs OpenCV: pip install 'siamese-index[verify]'"
        ) from error
    return cv2
