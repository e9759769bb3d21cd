"""How a picture becomes a square, and the same one every time."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.ImageFile import ImageFile

from indexer.decoding import pixels as pixels_module
from indexer.decoding import square
from indexer.decoding.decode import decode, from_array, from_image
from indexer.decoding.limits import Limits
from retrieval.view import Fit
from tests.hostile.crafted import (
    exif,
    flat_jpeg,
    photo,
    png,
    saved,
)
from tests.indexer.decoding import BLUE, GREEN, RED, WHITE, decoded, quarters, stored


def stripes() -> bytes:
    """100 x 50: red, then a green square in the middle, then blue."""
    pixels = np.zeros((50, 100, 3), np.uint8)
    pixels[:, :25], pixels[:, 25:75], pixels[:, 75:] = RED, GREEN, BLUE
    return saved(Image.fromarray(pixels), "PNG")


def test_stretching_shows_all_of_the_picture() -> None:
    pixels = decoded(stripes(), size=64).pixels
    assert (pixels[:, :14] == RED).all()
    assert (pixels[:, 18:46] == GREEN).all()
    assert (pixels[:, 50:] == BLUE).all()


def test_cropping_shows_the_middle() -> None:
    assert (decoded(stripes(), size=50, fit=Fit.CROP).pixels == GREEN).all()


def test_padding_shows_the_picture_between_white_bars() -> None:
    pixels = decoded(stripes(), size=64, fit=Fit.PAD).pixels
    assert (pixels[:16] == WHITE).all()
    assert (pixels[48:] == WHITE).all()
    assert (pixels[17:47, 18:46] == GREEN).all()
    assert (pixels[17:47, :14] == RED).all()


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (3, 2), (5000, 40)])
def test_a_picture_of_any_shape_fits(shape: tuple[int, int], fit: Fit) -> None:
    picture = decoded(png(*shape, 8, 6), fit=fit)
    assert picture.pixels.shape == (32, 32, 3)
    assert picture.pixels.dtype == np.uint8
    assert (picture.width, picture.height) == shape
    assert (picture.pixels == WHITE).all()


def test_shrinking_averages_instead_of_picking() -> None:
    board = np.indices((1000, 1000)).sum(axis=0) % 2 * 255
    for kind, mode in (("PNG", "L"), ("PNG", "1"), ("PNG", "RGBA"), ("GIF", "P")):
        image = Image.fromarray(board.astype(np.uint8)).convert(mode)
        assert np.abs(decoded(saved(image, kind)).pixels.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "1", "I;16"])
def test_bands_leave_no_seams(mode: str, fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = photo(701, 997)
    grey = Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 256)
    data = saved(grey if mode == "I;16" else picture.convert(mode), "PNG")
    whole = decoded(data, fit=fit).pixels
    monkeypatch.setattr(pixels_module, "_BAND_PIXELS", 5000)
    assert (decoded(data, fit=fit).pixels == whole).all()


def test_an_opaque_picture_is_the_same_with_and_without_alpha() -> None:
    picture = photo(1300, 900)
    with_alpha, without = (decoded(saved(picture.convert(mode), "PNG")).pixels for mode in ("RGBA", "RGB"))
    assert np.abs(with_alpha.astype(int) - without).max() <= 1


@pytest.mark.parametrize(
    "shape", [(224, 224), (448, 448), (1000, 300), (1792, 1792), (4000, 3000), (225, 9000)]
)
def test_a_jpeg_at_reduced_scale_is_not_smaller_than_the_target(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    def load(image: ImageFile) -> Any:
        loaded.append(image.size)
        return original(image)

    original = ImageFile.load
    monkeypatch.setattr(ImageFile, "load", load)
    picture = decoded(flat_jpeg(*shape), size=224)
    assert min(loaded[0]) >= 224
    assert min(loaded[0]) < max(2 * 224, min(shape) // 8 + 1)
    assert (picture.width, picture.height) == shape


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("shape", [(513, 513), (901, 1203), (1600, 655)])
def test_reduced_scale_looks_like_full_scale(
    shape: tuple[int, int], fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ramp = np.add.outer(np.linspace(0, 120, shape[1]), np.linspace(0, 120, shape[0])).astype(np.uint8)
    for image, most in ((photo(*shape), 25), (Image.fromarray(ramp), 2)):
        data = saved(image, "JPEG", quality=98)
        reduced = decoded(data, size=64, fit=fit).pixels.astype(int)
        with monkeypatch.context() as patch:
            patch.setattr(square, "_draft", lambda image, size: None)
            difference = np.abs(reduced - decoded(data, size=64, fit=fit).pixels)
        assert difference.mean() < 1
        assert difference.max() <= most


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_the_same_bytes_give_the_same_pixels_from_memory_and_from_a_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(saved(photo(640, 480), kind))
    once, again = decoded(path.read_bytes()), decoded(path.read_bytes())
    with path.open("rb") as file:
        streamed = decode(file, size=32, fit=Fit.STRETCH, limits=Limits())
    assert once.pixels.tobytes() == again.pixels.tobytes() == streamed.pixels.tobytes()
    assert once.format == streamed.format == kind


def test_arrays_and_open_images_are_shrunk_as_files_are() -> None:
    image = photo(640, 480)
    expected = decoded(saved(image, "PNG")).pixels
    for picture in (
        from_array(np.asarray(image), size=32, fit=Fit.STRETCH),
        from_image(image, size=32, fit=Fit.STRETCH),
    ):
        assert (picture.pixels == expected).all()
        assert (picture.width, picture.height) == (640, 480)
    grey = np.full((50, 60), 77, np.uint8)
    assert (from_array(grey, size=32, fit=Fit.STRETCH).pixels == 77).all()


def test_an_open_image_is_turned_upright_and_left_alone() -> None:
    data = saved(Image.fromarray(np.ascontiguousarray(stored(quarters(), 6))), "PNG", exif=exif(6))
    with Image.open(io.BytesIO(data)) as image:
        picture = from_image(image, size=32, fit=Fit.STRETCH)
        assert image.size == (64, 96)
        assert image.getexif()[0x0112] == 6
    assert (picture.width, picture.height, picture.format) == (96, 64, "PNG")
    assert (picture.pixels == decoded(data).pixels).all()
