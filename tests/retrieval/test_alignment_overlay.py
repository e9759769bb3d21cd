"""One picture laid on another."""

import numpy as np

from retrieval.alignment.overlay import blended, differing, laid_on, outlined
from tests.retrieval.scenes import SIZE, scene

WIDTH, HEIGHT = SIZE


def test_a_crop_is_laid_where_it_was_cut_out_and_around_it_is_the_whole() -> None:
    whole, crop = scene(1), scene(1)[40:200, 60:260]
    to_crop = np.array([[1, 0, -60], [0, 1, -40], [0, 0, 1]], np.float64)
    laid, covered = laid_on(whole, 255 - crop, to_crop)
    assert covered.sum() == crop.shape[0] * crop.shape[1]
    assert covered[40:200, 60:260].all()
    assert np.array_equal(laid[40:200, 60:260], 255 - crop)
    assert np.array_equal(laid[~covered], whole[~covered])


def test_a_blend_is_the_mean() -> None:
    dark, light = np.full((4, 5, 3), 10, np.uint8), np.full((4, 5, 3), 250, np.uint8)
    assert (blended(dark, light) == 130).all()


def test_only_what_differs_is_red() -> None:
    changed = scene(1).copy()
    changed[100:150, 120:180] = scene(9)[100:150, 120:180]
    shown = differing(scene(1), changed, np.eye(3))
    assert shown is not None
    red = (shown[:, :, 0].astype(int) - shown[:, :, 1]) > 100
    rows, columns = np.nonzero(red)
    assert 95 <= rows.min() < rows.max() <= 155
    assert 115 <= columns.min() < columns.max() <= 185
    assert red[100:150, 120:180].mean() > 0.3


def test_pictures_that_share_next_to_nothing_have_no_difference() -> None:
    beyond = np.array([[1, 0, -WIDTH + 3], [0, 1, 0], [0, 0, 1]], np.float64)
    assert differing(scene(1), scene(2), beyond) is None


def test_a_frame_lies_around_its_box_and_leaves_what_is_inside() -> None:
    grey = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    drawn = outlined(grey, [(50, 60, 90, 100)])
    assert (drawn[60:100, 50:90] == 128).all()
    assert (drawn[59, 50:90] != 128).any()
    assert (drawn[:50] == 128).all()
    assert (grey == 128).all()
