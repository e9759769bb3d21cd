"""Where one picture lies in another."""

import numpy as np
import pytest
from PIL import Image

from retrieval.alignment.features import MOST, extract, mirrored
from retrieval.alignment.homography import Alignment, _spread, align
from retrieval.alignment.matching import RATIO, match
from retrieval.alignment.plane import corners, in_front, jacobians, overlap, project
from retrieval.errors import PictureInvalid
from tests.retrieval.scenes import SIZE, scene

WIDTH, HEIGHT = SIZE
CENTRE = np.array([[WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5]])


def aligned(a: np.ndarray, b: np.ndarray) -> Alignment:
    found = align(extract(a), extract(b))
    assert found is not None
    return found


def resized(picture: np.ndarray, factor: float) -> np.ndarray:
    image = Image.fromarray(picture)
    return np.asarray(image.resize((round(image.width * factor), round(image.height * factor))))


def test_a_picture_lies_on_itself() -> None:
    found = aligned(scene(1), scene(1))
    assert np.abs(project(found.matrix, corners(SIZE)) - corners(SIZE)).max() < 0.1
    assert (found.overlap_a, found.overlap_b) == pytest.approx((1, 1), abs=0.01)
    assert found.spread == 1
    assert not found.mirrored


@pytest.mark.parametrize("factor", [0.4, 0.5, 2.0])
def test_a_scaled_picture_is_found_at_its_scale(factor: float) -> None:
    found = aligned(scene(1), resized(scene(1), factor))
    wanted = (corners(SIZE) + 0.5) * factor - 0.5
    assert np.abs(project(found.matrix, corners(SIZE)) - wanted).max() < 1
    assert min(found.overlap_a, found.overlap_b) > 0.98


def test_a_picture_larger_than_what_is_looked_at_is_placed_in_its_own_pixels() -> None:
    large = resized(scene(1), 3.0)
    found = aligned(scene(1), large)
    assert extract(large).scale < 1
    assert np.abs(project(found.matrix, corners(SIZE)) - ((corners(SIZE) + 0.5) * 3 - 0.5)).max() < 2


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_picture_is_found_and_is_not_mirrored(quarters: int) -> None:
    turned = np.rot90(scene(1), quarters)
    found = aligned(scene(1), turned)
    first_pixel = np.rot90(np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH), quarters) == 0
    row, column = np.argwhere(first_pixel)[0]
    assert np.abs(project(found.matrix, np.zeros((1, 2))) - [column, row]).max() < 1
    assert not found.mirrored


def test_a_mirrored_picture_is_found_and_its_matrix_mirrors() -> None:
    found = aligned(scene(1), scene(1)[:, ::-1])
    assert found.mirrored
    assert np.linalg.det(found.matrix) < 0
    assert (
        np.abs(project(found.matrix, np.array([[0.0, 0], [WIDTH - 1, 0]])) - [[WIDTH - 1, 0], [0, 0]]).max()
        < 0.5
    )


def test_a_mirrored_and_turned_picture_is_found() -> None:
    assert aligned(scene(1), np.rot90(scene(1)[:, ::-1])).mirrored


def test_of_a_crop_all_lies_in_the_whole_and_of_the_whole_its_share() -> None:
    left, top, right, bottom = 60, 40, 260, 220
    found = aligned(scene(1), scene(1)[top:bottom, left:right])
    assert found.overlap_b == pytest.approx(1, abs=0.02)
    assert found.overlap_a == pytest.approx((right - left) * (bottom - top) / (WIDTH * HEIGHT), abs=0.02)
    assert np.abs(project(found.matrix, np.array([[left, top]], float))).max() < 0.5


def test_a_picture_seen_from_the_side_is_found_where_it_lies() -> None:
    quad = np.array([(14, 8), (0, HEIGHT), (WIDTH, HEIGHT - 20), (WIDTH - 30, 22)], float)
    tilted = Image.fromarray(scene(1)).transform(
        SIZE, Image.Transform.QUAD, quad.ravel().tolist(), Image.Resampling.BICUBIC
    )
    perspective = np.array([[1, 0.04, -6], [0.03, 1, -4], [1e-4, 5e-5, 1]])
    seen = Image.fromarray(scene(1)).transform(
        SIZE, Image.Transform.PERSPECTIVE, perspective.ravel()[:8].tolist(), Image.Resampling.BICUBIC
    )
    assert aligned(scene(1), np.asarray(tilted)).overlap_b > 0.9
    found = aligned(scene(1), np.asarray(seen))
    assert np.abs(project(perspective, project(found.matrix, CENTRE)) - CENTRE).max() < 0.5


@pytest.mark.parametrize("seed", range(2, 8))
def test_unrelated_pictures_have_no_alignment(seed: int) -> None:
    assert align(extract(scene(1)), extract(scene(seed))) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (5, 5), (120, 200)])
def test_blank_and_tiny_pictures_have_no_alignment(size: tuple[int, int]) -> None:
    blank = extract(np.full((*size, 3), 200, np.uint8))
    assert blank.points.shape == (0, 2)
    assert blank.descriptors.shape == (0, 128)
    assert align(blank, extract(scene(1))) is None
    assert align(extract(scene(1)), blank) is None
    assert align(blank, blank) is None


def test_noise_has_no_alignment_with_other_noise() -> None:
    noises = [np.random.default_rng(seed).integers(0, 256, (200, 200, 3), np.uint8) for seed in (1, 2)]
    assert align(extract(noises[0]), extract(noises[1])) is None


def test_the_same_pair_gives_the_same_alignment_every_time() -> None:
    found = [aligned(scene(1), resized(scene(1), 0.7)) for _ in range(3)]
    assert all(np.array_equal(found[0].matrix, other.matrix) for other in found[1:])
    assert len({other.inliers for other in found}) == 1


def test_features_are_bounded_and_of_unit_length() -> None:
    found = extract(np.random.default_rng(0).integers(0, 256, (640, 640, 3), np.uint8))
    assert len(found.points) <= MOST + 1  # a point with two directions counts once in OpenCV's bound
    assert np.linalg.norm(found.descriptors, axis=1) == pytest.approx(1, abs=1e-3)


def test_mirrored_features_are_those_of_the_mirrored_picture() -> None:
    turned, seen = mirrored(extract(scene(1))), extract(scene(1)[:, ::-1])
    rows, partners = match(turned, seen)
    assert len(rows) > 0.7 * len(seen.points)
    distances = np.linalg.norm(turned.points[rows] - seen.points[partners], axis=1)
    assert np.median(distances) < 0.1
    assert np.median((turned.descriptors[rows] * seen.descriptors[partners]).sum(axis=1)) > 0.99


def test_matching_agrees_with_a_plain_loop() -> None:
    a, b = extract(scene(1, (120, 90))), extract(resized(scene(1, (120, 90)), 0.8))
    cosines = a.descriptors @ b.descriptors.T
    wanted = []
    for row in range(len(a.points)):
        best, second = np.argsort(-cosines[row], kind="stable")[:2]
        is_clear = 1 - cosines[row, best] < RATIO**2 * (1 - cosines[row, second])
        if is_clear and cosines[:, best].argmax() == row:
            wanted.append((row, best))
    rows, partners = match(a, b)
    assert list(zip(rows.tolist(), partners.tolist(), strict=True)) == wanted
    assert wanted


def test_jacobians_agree_with_finite_differences() -> None:
    matrix = np.array([[1.1, 0.2, 3], [-0.1, 0.9, -5], [1e-3, 2e-3, 1]])
    for point, local in zip(corners((40, 30)), jacobians(matrix, corners((40, 30))), strict=True):
        steps = [project(matrix, (point + step)[None])[0] for step in np.eye(2) * 1e-5]
        wanted = (np.array(steps) - project(matrix, point[None])) / 1e-5
        assert local == pytest.approx(wanted.T, abs=1e-3)


def test_a_picture_across_the_horizon_is_not_in_front() -> None:
    tilted = np.array([[1, 0, 0], [0, 1, 0], [0.02, 0, -1]])
    assert not in_front(tilted, (100, 100))
    assert in_front(tilted, (40, 100))
    assert in_front(-tilted, (40, 100))


def test_overlap_agrees_with_counting_pixels() -> None:
    matrix = np.array([[0.7, -0.3, 20], [0.25, 0.8, -9], [5e-4, 1e-4, 1]])
    x, y = np.meshgrid(np.arange(60), np.arange(40))
    seen = project(np.linalg.inv(matrix), np.stack([x.ravel(), y.ravel()], axis=1).astype(float))
    inside = sum(-0.5 < x < 49.5 and -0.5 < y < 69.5 for x, y in seen)
    assert overlap(matrix, (60, 40), (50, 70)) == pytest.approx(inside / 2400, abs=0.01)


def test_a_mirror_image_covers_what_the_picture_does() -> None:
    """Its corners run the other way round."""
    mirror = np.diag([-1.0, 1.0, 1.0])
    mirror[0, 2] = 59
    assert overlap(mirror, (60, 40), (60, 40)) == pytest.approx(1)
    assert overlap(mirror, (60, 40), (15, 40)) == pytest.approx(0.25)


def test_where_nothing_is_to_be_seen_inliers_vouch_for_nothing() -> None:
    points = np.array([[1.0, 1.0], [5.0, 7.0]])
    assert _spread(np.empty((0, 2)), points) == 0
    assert _spread(points, points) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused_by_name(wrong: np.ndarray) -> None:
    with pytest.raises(PictureInvalid, match="expected uint8 pixels"):
        extract(wrong)
