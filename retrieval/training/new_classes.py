"""More classes than there are: those of turned and of mirrored pictures."""

import numpy as np
import numpy.typing as npt

from retrieval.presets import NewClasses

Pictures = npt.NDArray[np.uint8]


def variant_count(new_classes: NewClasses) -> int:
    """How many classes one class becomes, itself included."""
    return 1 if new_classes is NewClasses.NONE else 4


def variant(images: Pictures, new_classes: NewClasses, number: int) -> Pictures:
    """Turn or mirror (n, size, size, 3) pictures; number 0 is as they are."""
    if new_classes is NewClasses.TURNED:
        return np.rot90(images, number, axes=(1, 2))
    rows, columns = (slice(None, None, -1 if number & bit else 1) for bit in (2, 1))
    return images[:, rows, columns]
