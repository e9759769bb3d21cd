"""What a graph gets to see, against a loop over every pixel."""

from typing import Any

import numpy as np
import pytest

from retrieval.errors import EncoderInvalid
from retrieval.preprocess import PreprocessSpec, prepare

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def some_pictures(count: int = 2, size: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_every_value_is_scaled_by_its_channel(layout: str) -> None:
    pictures = some_pictures()
    batch = prepare(pictures, PreprocessSpec(size=8, layout=layout, mean=MEAN, std=STD))
    assert batch.dtype == np.float32
    for picture, y, x, channel in np.ndindex(*pictures.shape):
        at = (picture, channel, y, x) if layout == "NCHW" else (picture, y, x, channel)
        expected = (int(pictures[picture, y, x, channel]) - MEAN[channel]) / STD[channel]
        assert batch[at] == pytest.approx(expected, abs=1e-5)


def test_without_mean_and_std_values_go_from_0_to_1() -> None:
    pictures = np.stack([np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)])
    black, white = prepare(pictures, PreprocessSpec(size=8))
    assert (black == 0).all()
    assert (white == 1).all()


@pytest.mark.parametrize(("layout", "shape"), [("NCHW", (2, 3, 8, 8)), ("NHWC", (2, 8, 8, 3))])
def test_a_graph_that_normalises_by_itself_gets_the_pixels_unchanged(
    layout: str, shape: tuple[int, ...]
) -> None:
    pictures = some_pictures()
    batch = prepare(pictures, PreprocessSpec(size=8, layout=layout, dtype="uint8", mean=MEAN, std=STD))
    assert batch.dtype == np.uint8
    assert batch.shape == shape
    assert batch.flags.c_contiguous
    assert sorted(batch.ravel()) == sorted(pictures.ravel())


def test_the_pictures_of_the_caller_stay_as_they_are() -> None:
    pictures = some_pictures()
    before = pictures.copy()
    prepare(pictures, PreprocessSpec(size=8, mean=MEAN, std=STD))
    assert (pictures == before).all()


def test_no_pictures_give_an_empty_batch() -> None:
    assert prepare(some_pictures(0), PreprocessSpec(size=8)).shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    "pictures",
    [
        some_pictures(size=9),
        some_pictures()[0],
        some_pictures()[..., :1],
        some_pictures().astype(np.float32),
        some_pictures().transpose(0, 3, 1, 2),
    ],
    ids=["size", "one picture", "grey", "float", "channels first"],
)
def test_pictures_of_another_kind_are_refused(pictures: np.ndarray) -> None:
    with pytest.raises(EncoderInvalid, match=r"expected uint8 pictures of shape \(n, 8, 8, 3\), got"):
        prepare(pictures, PreprocessSpec(size=8))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": 7}, "7 px is outside 8..2048"),
        ({"size": 2049}, "2049 px is outside 8..2048"),
        ({"layout": "CHWN"}, "'CHWN' is neither NCHW nor NHWC"),
        ({"dtype": "float64"}, "'float64' is neither float32 nor uint8"),
        ({"mean": (0.0, 0.0)}, "three values each"),
        ({"std": (1.0, 1.0)}, "three values each"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be above 0"),
        ({"std": (1.0, float("nan"), 1.0)}, "std must be above 0"),
        ({"mean": (0.0, float("nan"), 0.0)}, "must be finite"),
        ({"std": (1.0, float("inf"), 1.0)}, "must be finite"),
    ],
)
def test_a_spec_that_no_graph_could_mean_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(EncoderInvalid, match=message):
        PreprocessSpec(**({"size": 224} | fields))
