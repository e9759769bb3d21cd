"""Turned and mirrored pictures are of other classes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'siamese-index[train]'")

from retrieval.presets import Augment, NewClasses  # noqa: E402
from retrieval.training.new_classes import variant, variant_count  # noqa: E402
from retrieval.training.sources import PictureSource  # noqa: E402

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 3), np.uint8)


class Eye(torch.nn.Module):
    """Sees every pixel."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


@pytest.mark.parametrize("kind", [NewClasses.MIRRORED, NewClasses.TURNED])
def test_the_variants_of_a_picture_are_four_and_all_different(kind: NewClasses) -> None:
    seen = {variant(PICTURES, kind, number).tobytes() for number in range(variant_count(kind))}
    assert len(seen) == 4
    assert np.array_equal(variant(PICTURES, kind, 0), PICTURES)


def test_mirrored_variants_are_left_to_right_top_to_bottom_and_both() -> None:
    for number, axes in ((1, [2]), (2, [1]), (3, [1, 2])):
        assert np.array_equal(variant(PICTURES, NewClasses.MIRRORED, number), np.flip(PICTURES, axes))


def test_turned_variants_are_turned_by_right_angles() -> None:
    for number in range(4):
        for picture, turned in zip(PICTURES, variant(PICTURES, NewClasses.TURNED, number), strict=True):
            assert np.array_equal(turned, np.rot90(picture, number))


@pytest.mark.parametrize("kind", list(NewClasses))
def test_a_row_beyond_the_pictures_is_learned_from_as_a_variant(kind: NewClasses) -> None:
    source = PictureSource(PICTURES, Augment(), torch.device("cpu"), kind)
    rows = np.arange(3 * source.variants)
    learned = source.learn(Eye(), rows, torch.Generator())
    for row in rows:
        number, picture = divmod(int(row), 3)
        expected = variant(PICTURES[picture : picture + 1], kind, number)[0].transpose(2, 0, 1)
        assert np.allclose(learned[row].numpy(), expected.ravel(), atol=1e-3)
