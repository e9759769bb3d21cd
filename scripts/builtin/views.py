"""Batches of views: which photos a step sees, and how each is varied, by nothing but the seed and the step's number."""

import io
import random
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from builtin.edits import LARGEST_SIDE, Edit, view
from builtin.photos import Photo
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

CLASSES, PER_CLASS = 8, 8
# Else the first view is the photo as it is: catalogues are not edited as much as queries.
FIRST_IS_EDITED = 0.25


class Views(Dataset[tuple[Tensor, Tensor]]):
    """Item s is step s: (2, n, size, size, 3) uint8 views of n photos, and the (n,) numbers of the photos.

    ``size`` says how large the views of a step are, and ``edited`` makes one of a photo.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        *,
        steps: range,
        size: Callable[[int], int],
        seed: int,
        edited: Edit = view,
    ) -> None:
        self._contents = [photo.path.read_bytes() for photo in photos]
        self._steps, self._size, self._seed, self._edited = steps, size, seed, edited
        classes: dict[str | None, list[int]] = defaultdict(list)
        for number, photo in enumerate(photos):
            classes[photo.label].append(number)
        self._classes = list(classes.values())

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        chance = random.Random(f"{self._seed} {self._steps[place]}")
        chosen = self._drawn(chance)
        size = self._size(self._steps[place])
        views = np.empty((2, len(chosen), size, size, 3), np.uint8)
        for row, photo in enumerate(chosen):
            picture = opened(self._contents[photo])
            other = opened(self._contents[chance.randrange(len(self._contents))])
            first = self._edited(picture, other, chance) if chance.random() < FIRST_IS_EDITED else picture
            views[0, row] = stretched(first, size)
            views[1, row] = stretched(self._edited(picture, other, chance), size)
        return torch.from_numpy(views), torch.tensor(chosen)

    def _drawn(self, chance: random.Random) -> list[int]:
        """Photos of CLASSES classes, PER_CLASS of each: what is alike makes hard negatives. Large classes come oftener."""
        keys = sorted(
            range(len(self._classes)), key=lambda c: chance.random() ** (len(self._classes[c]) ** -0.5)
        )
        chosen = keys[-CLASSES:]
        return [
            photo
            for c in chosen
            for photo in chance.sample(self._classes[c], min(PER_CLASS, len(self._classes[c])))
        ]


def opened(content: bytes) -> Image.Image:
    """Decode at no more than LARGEST_SIDE pixels."""
    with Image.open(io.BytesIO(content)) as image:
        image.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
        picture = image.convert("RGB")
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return picture


def stretched(picture: Image.Image, size: int) -> np.ndarray:
    """(size, size, 3) uint8, as the encoder's spec fits pictures."""
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2))
