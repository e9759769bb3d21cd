"""What was changed in a picture that lies in another, and what was not."""

import numpy as np
import pytest
from PIL import Image

from retrieval.alignment.agreement import agreement
from retrieval.alignment.difference import WINDOW, difference
from retrieval.alignment.evidence import compare
from retrieval.alignment.features import extract
from retrieval.alignment.homography import align
from retrieval.alignment.photometry import luminance, relit
from retrieval.alignment.regions import Box, changes
from retrieval.alignment.sharpness import blurred, equally_sharp
from retrieval.alignment.superposition import superpose
from tests.retrieval.scenes import SERIAL, SIZE, numbered, recaptured, scene

WIDTH, HEIGHT = SIZE
EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)


def centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def patched(picture: np.ndarray, box: Box) -> np.ndarray:
    left, top, right, bottom = box
    after = picture.copy()
    after[top:bottom, left:right] = scene(9)[top:bottom, left:right]
    return after


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("scale", "degrees", "quality"), [(1, 0, 90), (0.8, 3, 70), (0.5, -5, 50), (0.7, 90, 80)]
)
def test_an_untouched_picture_that_was_captured_anew_has_no_changes(
    seed: int, scale: float, degrees: float, quality: int
) -> None:
    again = recaptured(scene(seed), scale=scale, degrees=degrees, quality=quality)
    assert compare(scene(seed), again).changes == ()


@pytest.mark.parametrize("seed", range(4))
def test_an_altered_digit_is_a_box_on_it_and_nowhere_else(seed: int) -> None:
    forged = recaptured(numbered(seed, "40718263"))
    (change,) = compare(numbered(seed, "40713263"), forged).changes
    x, y = centre(change.box_a)
    assert SERIAL[0] + 4 * 18 - 2 <= x <= SERIAL[0] + 5 * 18 + 2
    assert SERIAL[1] <= y <= SERIAL[1] + 30
    assert compare(numbered(seed, "40713263"), recaptured(numbered(seed, "40713263"))).changes == ()


def test_a_replaced_patch_is_boxed_in_both_pictures() -> None:
    box = (200, 60, 260, 110)
    forged = Image.fromarray(patched(scene(1), box)).resize((WIDTH // 2, HEIGHT // 2))
    strongest = compare(scene(1), np.asarray(forged)).changes[0]
    assert strongest.box_a == pytest.approx(box, abs=8)
    assert strongest.box_b == pytest.approx([side / 2 for side in box], abs=4)


def test_a_change_in_a_mirrored_copy_is_boxed_where_it_lies_in_each() -> None:
    box = (200, 60, 260, 110)
    strongest = compare(scene(1), patched(scene(1), box)[:, ::-1]).changes[0]
    assert strongest.box_a == pytest.approx(box, abs=8)
    assert strongest.box_b == pytest.approx((WIDTH - 260, 60, WIDTH - 200, 110), abs=8)


def test_a_change_in_a_crop_is_boxed_in_the_crops_own_pixels() -> None:
    crop = patched(scene(1), (200, 60, 260, 110))[30:230, 90:330]
    strongest = compare(scene(1), crop).changes[0]
    assert strongest.box_a == pytest.approx((200, 60, 260, 110), abs=8)
    assert strongest.box_b == pytest.approx((110, 30, 170, 80), abs=8)


def test_what_lies_outside_the_crop_is_no_change() -> None:
    assert compare(scene(1), patched(scene(1), (0, 0, 60, 60))[80:250, 90:330]).changes == ()


@pytest.mark.parametrize(("gain", "offset"), [(1.3, 0), (1.0, -50)])
def test_what_is_lost_in_light_or_shadow_is_no_change(gain: float, offset: float) -> None:
    grey = np.repeat(luminance(scene(1).astype(np.float32))[..., None], 3, axis=2)
    again = (grey * gain + offset).clip(0, 255).astype(np.uint8)
    assert compare(grey.astype(np.uint8), again).changes == ()
    assert compare(again, grey.astype(np.uint8)).changes == ()


def test_an_altered_digit_is_seen_although_one_picture_is_out_of_focus() -> None:
    soft = blurred(numbered(1, "40718263").astype(np.float32), 1.8).astype(np.uint8)
    strongest = compare(numbered(1, "40713263"), soft).changes[0]
    assert strongest.strength > 6  # half of it where the other picture is not made as soft
    assert SERIAL[0] + 4 * 18 - 2 <= centre(strongest.box_a)[0] <= SERIAL[0] + 5 * 18 + 2


def test_a_finer_picture_is_laid_on_a_coarser_one_to_a_fraction_of_a_pixel() -> None:
    large = np.asarray(Image.fromarray(scene(1)).resize((WIDTH * 3, HEIGHT * 3), Image.Resampling.NEAREST))
    thrice = np.array([[3, 0, 1], [0, 3, 1], [0, 0, 1]], float)
    pair = superpose(scene(1), large, thrice)
    assert pair is not None
    assert np.abs(pair.a - pair.b).mean() < 0.5


def test_the_strongest_difference_is_told_even_where_it_is_no_change() -> None:
    evidence = compare(scene(1), recaptured(scene(1)))
    assert 0 < evidence.strongest < compare(scene(1), patched(scene(1), (200, 60, 260, 110))).strongest


def test_a_copy_agrees_almost_everywhere_and_another_scene_nowhere() -> None:
    a, b, other = (luminance(scene(seed).astype(np.float32)) for seed in (1, 1, 2))
    assert agreement(a, b, EVERYWHERE).share == 1
    assert agreement(a, other, EVERYWHERE).share < 0.2
    flat = np.full_like(a, 90)
    assert agreement(flat, flat, EVERYWHERE).share == 0


def test_light_is_matched_although_a_patch_was_replaced() -> None:
    a = scene(1).astype(np.float32)
    darker = 0.7 * patched(scene(1), (200, 60, 300, 160)).astype(np.float32) + 20
    left = relit(darker, luminance(a), EVERYWHERE) - luminance(a)
    left[60:160, 200:300] = 0
    assert np.percentile(np.abs(left), 95) < 2


def test_grey_is_matched_by_colour_and_shading_is_followed() -> None:
    colours = scene(1).astype(np.float32)
    shading = np.linspace(-12, 12, WIDTH, dtype=np.float32)[None]
    assert (
        np.abs(relit(colours, luminance(colours) + shading, EVERYWHERE) - luminance(colours) - shading).mean()
        < 2
    )


def test_the_sharper_picture_is_blurred_whichever_it_is() -> None:
    sharp, soft = scene(1).astype(np.float32), blurred(scene(1).astype(np.float32), 1.4)
    for first, second in ((sharp, soft), (soft, sharp)):
        a, b = equally_sharp(first, second, EVERYWHERE)
        assert np.abs(a - b).max() < 1e-3


def test_boxes_of_an_excess_are_those_of_a_plain_loop() -> None:
    excess = np.zeros((60, 80), np.float32)
    excess[10:31, 20:41] = 4
    excess[45:55, 60:75] = 9
    found = changes(excess, np.eye(3), np.eye(3), (80, 60), (80, 60))
    by = WINDOW // 2
    assert [change.box_a for change in found] == [(63, 48, 72, 52), (23, 13, 38, 28)]
    assert found[0].box_b == (60 + by, 45 + by, 75 - by, 55 - by)
    assert [change.strength for change in found] == [9, 4]


def test_the_difference_agrees_with_a_plain_loop() -> None:
    pair = superpose(scene(1, (90, 70)), patched(scene(1), (40, 20, 60, 40))[:70, :90], np.eye(3))
    assert pair is not None
    compared = difference(pair)
    assert compared is not None
    reach = WINDOW // 2
    for row, column in [(20, 20), (30, 50), (40, 70)]:
        energies = [
            np.mean([
                (compared.a[y, x] - compared.b[y - down, x - across]) ** 2
                for y in range(row - reach, row + reach + 1)
                for x in range(column - reach, column + reach + 1)
            ])
            for across in (-1, 0, 1)
            for down in (-1, 0, 1)
        ]  # fmt: skip
        usual = compared.usual[row, column]
        assert compared.excess[row, column] == pytest.approx(
            np.sqrt(min(energies) / usual), rel=0.01, abs=0.01
        )


def test_pictures_that_share_next_to_nothing_are_not_compared() -> None:
    aside = np.array([[1, 0, WIDTH - 10], [0, 1, 0], [0, 0, 1]], float)
    assert superpose(scene(1), scene(1), aside) is None
    assert superpose(scene(1), scene(1), np.array([[1, 0, 5000], [0, 1, 0], [0, 0, 1]], float)) is None


def test_a_corner_that_pokes_into_a_picture_is_too_little_to_compare() -> None:
    half = np.sqrt(0.5)
    # Turned by 45 degrees, with one corner 16 pixels inside the left edge, halfway down.
    turned = np.array([[half, half, 0], [-half, half, 0], [0, 0, 1]], float)
    turned[:2, 2] = [WIDTH, 0] - turned[:2, :2] @ [16, HEIGHT / 2]
    pair = superpose(scene(1), scene(2), turned)
    assert pair is not None
    assert 0 < pair.shared.sum() < 300
    assert difference(pair) is None


@pytest.fixture(scope="module")
def strip() -> np.ndarray:
    """15 pixels of a large picture: enough to find it by, and too low to compare."""
    large = np.asarray(Image.fromarray(scene(1)).resize((1200, 900)))
    return np.ascontiguousarray(large[100:115])


def test_a_strip_is_found_in_itself_and_nothing_is_said_of_what_was_changed(strip: np.ndarray) -> None:
    found = compare(strip, strip)
    assert found.alignment is not None
    assert (found.alignment.overlap_a, found.alignment.overlap_b) == pytest.approx((1, 1), abs=0.05)
    assert (found.agreement.share, found.changes, found.strongest, found.support) == (0, (), 0, 0)


def test_a_picture_is_laid_on_another_where_the_map_says() -> None:
    found = align(extract(scene(1)), extract(scene(1)[40:220, 60:260]))
    assert found is not None
    pair = superpose(scene(1), np.ascontiguousarray(scene(1)[40:220, 60:260]), found.matrix)
    assert pair is not None
    assert pair.a.shape[:2] == pytest.approx((180, 200), abs=2)
    assert np.abs(pair.a - pair.b)[pair.shared].mean() < 6


@pytest.mark.parametrize("size", [(1, 1), (20, 20), (200, 300)])
def test_blank_pictures_are_compared_without_an_exception(size: tuple[int, int]) -> None:
    blank = np.full((*size, 3), 128, np.uint8)
    assert compare(blank, blank).alignment is None
    assert compare(scene(1), blank).changes == ()
