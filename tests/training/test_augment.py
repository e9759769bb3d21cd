"""Views of pictures: nothing changes unless it is asked for, and what is asked for happens to each picture."""

import math

import pytest

torch = pytest.importorskip("torch", reason="training needs: pip install 'siamese-index[train]'")

from retrieval.presets import PRESETS, Augment  # noqa: E402
from retrieval.training.augment import _homographies, augmented  # noqa: E402


def pictures(count: int = 16, side: int = 24) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    rough = torch.rand(count, 3, 6, 6, generator=generator) * 255
    smooth = torch.nn.functional.interpolate(rough, side, mode="bilinear")
    return smooth.byte().permute(0, 2, 3, 1).contiguous()


def view(recipe: Augment, seed: int = 0) -> torch.Tensor:
    return augmented(pictures(), recipe, torch.Generator().manual_seed(seed))


PLAIN = pictures().permute(0, 3, 1, 2).float()


def test_a_recipe_of_nothing_gives_the_picture_as_it_is() -> None:
    assert torch.allclose(view(Augment()), PLAIN, atol=0.01)


def test_a_view_of_another_size_shows_the_same() -> None:
    got = view(Augment(view_size=12))
    halved = torch.nn.functional.interpolate(PLAIN, 12, mode="bilinear")
    assert got.shape == (16, 3, 12, 12)
    assert torch.allclose(got, halved, atol=0.01)


def test_a_flip_mirrors_some_pictures_and_leaves_the_others() -> None:
    got = view(Augment(flip=True))
    kept = [torch.allclose(a, b, atol=0.1) for a, b in zip(got, PLAIN, strict=True)]
    mirrored = [torch.allclose(a, b.flip(2), atol=0.1) for a, b in zip(got, PLAIN, strict=True)]
    assert all(k != m for k, m in zip(kept, mirrored, strict=True))
    assert 0 < sum(mirrored) < len(mirrored)


def test_a_crop_keeps_inside_the_picture() -> None:
    ramp = torch.arange(24, dtype=torch.uint8).view(1, 1, 24, 1).expand(64, 24, 24, 3).contiguous()
    got = augmented(ramp, Augment(crop_min_scale=0.25), torch.Generator().manual_seed(0))
    spans = got.amax(dim=(1, 2, 3)) - got.amin(dim=(1, 2, 3))
    # A quarter of the area is half of each side: from 12 columns, which span 11 steps, up to all 24.
    assert spans.min() > 10.4
    assert spans.max() <= 23.01
    assert spans.std() > 1


def test_a_turn_by_degrees_turns_by_these_degrees() -> None:
    dot = torch.zeros(200, 41, 41, 3, dtype=torch.uint8)
    dot[:, 18:23, 31:36] = 255  # 13 pixels to the right of the centre
    got = augmented(dot, Augment(turn_degrees=20), torch.Generator().manual_seed(0))[:, 0]
    rows = torch.arange(41.0).view(1, 41, 1)
    heights = ((got * rows).sum(dim=(1, 2)) / got.sum(dim=(1, 2)) - 20).abs()
    farthest = 13 * math.sin(math.radians(20))
    assert 0.9 * farthest < heights.max() < farthest + 0.1


def test_a_homography_takes_corners_to_where_they_are_seen() -> None:
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    seen = corners + torch.rand(7, 4, 2, generator=torch.Generator().manual_seed(0)) * 0.4
    points = torch.cat([corners, torch.ones(4, 1)], dim=1) @ _homographies(corners, seen).transpose(1, 2)
    assert torch.allclose(points[..., :2] / points[..., 2:], seen, atol=1e-4)


@pytest.mark.parametrize(
    "recipe",
    [
        Augment(colour_jitter=0.4),
        Augment(blur=1.0),
        Augment(noise=0.1),
        Augment(erase=1.0),
        Augment(time_mask=0.5),
        Augment(freq_mask=0.5),
        Augment(perspective=0.2),
        Augment(shift=0.2),
        Augment(aspect=0.5),
    ],
    ids=str,
)
def test_every_change_changes_pictures_each_in_its_own_way_within_range(recipe: Augment) -> None:
    got = view(recipe)
    differences = (got - PLAIN).abs().mean(dim=(1, 2, 3))
    assert (differences > 0.05).float().mean() > 0.7
    assert len(differences.unique()) > 8
    assert got.min() >= 0
    assert got.max() <= 255


def test_masks_blank_whole_columns_or_rows() -> None:
    bright = torch.full((8, 20, 20, 3), 200, dtype=torch.uint8)
    columns = augmented(bright, Augment(time_mask=0.5), torch.Generator().manual_seed(0))
    rows = augmented(bright, Augment(freq_mask=0.5), torch.Generator().manual_seed(0))
    assert torch.allclose(columns, columns[:, :, :1].expand_as(columns), atol=0.01)
    assert torch.allclose(rows, rows[..., :1].expand_as(rows), atol=0.01)
    assert (columns[:, 0, 0] < 1).any()
    assert (rows[:, 0, :, 0] < 1).any()


def test_the_same_generator_gives_the_same_views() -> None:
    for preset in PRESETS.values():
        assert torch.equal(view(preset.augment, 3), view(preset.augment, 3))
        assert not torch.equal(view(preset.augment, 3), view(preset.augment, 4))
