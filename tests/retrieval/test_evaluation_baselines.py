"""The three baselines: what they see, and what they must not see."""

import numpy as np
import pytest

from retrieval.evaluation.baselines import (
    BASELINES,
    _averaging,
    _convolved,
    colour_histogram,
    perceptual_hash,
    random_network,
)
from tests.pictures import picture


def pictures(size: int, count: int = 4) -> np.ndarray:
    return np.stack([np.asarray(picture(seed, (size, size))) for seed in range(count)])


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("size", [24, 50, 160])
def test_vectors_are_float32_of_unit_length_and_the_same_every_time(name: str, size: int) -> None:
    vectors = BASELINES[name](pictures(size))
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert np.array_equal(vectors, BASELINES[name](pictures(size)))
    assert len(np.unique(vectors, axis=0)) == 4


@pytest.mark.parametrize("name", BASELINES)
def test_a_plain_picture_and_no_picture_are_taken(name: str) -> None:
    assert np.isfinite(BASELINES[name](np.full((1, 32, 32, 3), 255, np.uint8))).all()
    assert BASELINES[name](np.empty((0, 32, 32, 3), np.uint8)).shape[0] == 0


@pytest.mark.parametrize("name", BASELINES)
def test_pictures_come_out_one_by_one_as_together(name: str) -> None:
    images = pictures(32, 40)
    alone = np.concatenate([BASELINES[name](image[None]) for image in images])
    assert BASELINES[name](images) == pytest.approx(alone, abs=1e-5)


def test_the_histogram_is_the_root_of_what_a_loop_counts() -> None:
    image = pictures(24, 1)
    counts = np.zeros((8, 8, 8))
    for red, green, blue in image.reshape(-1, 3).tolist():
        counts[red // 32, green // 32, blue // 32] += 1
    assert colour_histogram(image)[0] == pytest.approx(np.sqrt(counts / 576).ravel())


def test_a_histogram_does_not_see_where_a_colour_is() -> None:
    image = pictures(32, 1)
    assert np.array_equal(colour_histogram(image), colour_histogram(image[:, ::-1]))


def test_the_cosine_of_two_hashes_tells_their_hamming_distance() -> None:
    first, second = perceptual_hash(pictures(64, 2))
    assert set(np.abs(first)) == {0.125}
    assert first @ second == pytest.approx(1 - 2 * (first != second).sum() / 64)


def test_a_hash_survives_a_change_of_brightness_and_size() -> None:
    image = pictures(64, 1)
    dark = (image * 0.8).astype(np.uint8)
    large = image.repeat(2, axis=1).repeat(2, axis=2)
    first = perceptual_hash(image)[0]
    assert first @ perceptual_hash(dark)[0] > 0.9
    assert first @ perceptual_hash(large)[0] == pytest.approx(1)


def test_averaging_keeps_the_mean_and_takes_whole_blocks() -> None:
    values = np.random.default_rng(0).random(96)
    assert _averaging(96, 32) @ values == pytest.approx(values.reshape(32, 3).mean(axis=1))
    assert _averaging(50, 32).sum(axis=1) == pytest.approx(np.ones(32))


def test_a_convolution_equals_a_loop() -> None:
    generator = np.random.default_rng(0)
    maps = generator.normal(size=(2, 9, 9, 3)).astype(np.float32)
    filters = generator.normal(size=(3, 3, 3, 4)).astype(np.float32)
    found = _convolved(maps, filters)
    assert found.shape == (2, 4, 4, 4)
    patch = maps[1, 4:7, 2:5]  # row 2, column 1
    expected = [max(0.0, float((patch.transpose(2, 0, 1) * filters[..., f]).sum())) for f in range(4)]
    assert found[1, 2, 1] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_random_network_sees_shape_where_a_histogram_does_not() -> None:
    image = pictures(64, 1)
    assert (random_network(image) != random_network(image[:, ::-1])).any()
