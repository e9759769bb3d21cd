"""What a picture's pixels become: upright, opaque and RGB, whatever it was stored as."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from indexer.decoding import pixels as pixels_module
from retrieval.view import Fit
from tests.hostile.crafted import (
    exif,
    gif,
    gif_frame,
    heic,
    ink_profile,
    png,
    saved,
    segment,
    with_segments,
)
from tests.indexer.decoding import BLACK, BLUE, GREEN, RED, WHITE, colour, decoded, flat, quarters, stored


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_upright_whatever_its_orientation(orientation: int, kind: str, fit: Fit) -> None:
    lying = Image.fromarray(np.ascontiguousarray(stored(quarters(), orientation)))
    if kind == "TIFF":
        data = saved(lying, kind, tiffinfo={274: orientation})
    else:
        data = saved(lying, kind, exif=exif(orientation), **({} if kind == "PNG" else {"quality": 95}))
    picture = decoded(data, fit=fit)
    expected = decoded(saved(Image.fromarray(quarters()), "PNG"), fit=fit).pixels
    assert np.abs(picture.pixels.astype(int) - expected).mean() < 3
    assert (picture.width, picture.height) == (96, 64)
    assert picture.format == kind


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_upright_once(orientation: int) -> None:
    lying = Image.fromarray(np.ascontiguousarray(stored(quarters(), orientation)))
    picture = decoded(heic(lying, exif(orientation)))
    expected = decoded(saved(Image.fromarray(quarters()), "PNG")).pixels
    assert np.abs(picture.pixels.astype(int) - expected).mean() < 8
    assert (picture.width, picture.height, picture.format) == (96, 64, "HEIF")


@pytest.mark.parametrize("segments", [exif(0), exif(9), exif(6, kind=2), b"Exif\0\0" + b"\xff" * 40])
def test_an_orientation_that_cannot_be_meant_is_ignored(segments: bytes) -> None:
    jpeg = saved(Image.fromarray(quarters()), "JPEG")
    turned = decoded(with_segments(jpeg, segment(0xE1, segments)))
    assert (turned.pixels == decoded(jpeg).pixels).all()


@pytest.mark.parametrize(
    ("image", "options", "expected"),
    [
        (flat("RGBA", (200, 0, 0, 128)), {}, (227, 127, 127)),
        (flat("RGBA", (200, 0, 0, 0)), {}, WHITE),
        (flat("LA", (0, 64)), {}, (191, 191, 191)),
        (flat("P", 3), {"transparency": 3}, WHITE),
        (flat("P", 3), {"transparency": bytes([255, 255, 255, 0])}, WHITE),
        (flat("RGB", (1, 2, 3)), {"transparency": (1, 2, 3)}, WHITE),
        (flat("RGB", (1, 2, 3)), {"transparency": (9, 9, 9)}, (1, 2, 3)),
        (flat("L", 7), {"transparency": 7}, WHITE),
        (flat("1", 0), {"transparency": 0}, WHITE),
        (flat("I;16", 7), {"transparency": 7}, WHITE),
    ],
    ids=["RGBA-half", "RGBA-clear", "LA", "P-entry", "P-table", "RGB-colour", "RGB-other", "L", "1", "I16"],
)
def test_what_is_transparent_shows_white(
    image: Image.Image, options: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    if image.mode == "P":
        image.putpalette([0, 0, 0] * 3 + [10, 20, 30])
    assert colour(image, **options) == pytest.approx(expected, abs=1)


def test_a_palette_with_alpha_shows_white_in_a_tiff() -> None:
    image = flat("P", 0)
    image.putpalette(BLACK)
    image.putalpha(128)
    assert image.mode == "PA"
    assert colour(image, "TIFF") == pytest.approx((127, 127, 127), abs=1)


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (flat("1", 1), "PNG", WHITE),
        (flat("1", 0), "PNG", BLACK),
        (flat("L", 77), "PNG", (77, 77, 77)),
        (flat("L", 77), "JPEG", (77, 77, 77)),
        (flat("RGB", (9, 99, 199)), "BMP", (9, 99, 199)),
        (flat("RGB", (9, 99, 199)), "GIF", (9, 99, 199)),
        (flat("I;16", 65535), "PNG", WHITE),
        (flat("I;16", 128 * 257), "PNG", (128, 128, 128)),
        (flat("I;16", 255), "PNG", BLACK),
        (flat("I;16B", 128 * 257), "TIFF", (128, 128, 128)),
        (flat("I", 200), "TIFF", (200, 200, 200)),
        (flat("I", 32768), "TIFF", (128, 128, 128)),
        (flat("F", 0.5), "TIFF", (128, 128, 128)),
        (flat("F", 200.0), "TIFF", (200, 200, 200)),
        (flat("F", float("nan")), "TIFF", BLACK),
        (flat("CMYK", (0, 255, 255, 0)), "TIFF", RED),
        (flat("CMYK", (255, 0, 255, 0)), "JPEG", GREEN),
        (flat("CMYK", (0, 0, 0, 128)), "JPEG", (127, 127, 127)),
    ],
    ids=lambda value: (
        f"{value.mode}-{value.getpixel((0, 0))}" if isinstance(value, Image.Image) else str(value)
    ),
)
def test_every_colour_mode_becomes_8_bit_rgb(
    image: Image.Image, kind: str, expected: tuple[int, int, int]
) -> None:
    assert colour(image, kind) == pytest.approx(expected, abs=2)


def test_a_pixel_that_is_no_number_spoils_no_other() -> None:
    values = np.full((32, 32), 0.5, np.float32)
    values[0, 0] = np.nan
    assert (decoded(saved(Image.fromarray(values), "TIFF")).pixels[9:] == 128).all()


def test_floats_of_any_other_range_are_stretched_over_it() -> None:
    values = np.linspace(-5000, 90_000, 64 * 64, dtype=np.float32).reshape(64, 64)
    pixels = decoded(saved(Image.fromarray(values), "TIFF")).pixels
    assert pixels[0].max() < 12
    assert pixels[-1].min() > 243


@pytest.mark.parametrize("rgb", [(190, 60, 50), (60, 160, 70), (128, 128, 128), (50, 80, 190)], ids=str)
def test_lab_keeps_its_colours(rgb: tuple[int, int, int]) -> None:
    lab = ImageCms.profileToProfile(
        flat("RGB", rgb), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert colour(lab, "TIFF") == pytest.approx(rgb, abs=4)


def test_a_cmyk_profile_decides_what_inks_look_like() -> None:
    mixed_inks_are_blue = ink_profile((75, 196, 16))
    inks = flat("CMYK", (0, 255, 255, 0))
    assert colour(inks, "JPEG", icc_profile=mixed_inks_are_blue) == pytest.approx(BLUE, abs=4)
    assert colour(inks, "TIFF", icc_profile=mixed_inks_are_blue) == pytest.approx(BLUE, abs=4)


@pytest.mark.parametrize(
    "profile", [b"noise", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
def test_a_profile_that_is_not_one_for_inks_is_ignored(profile: bytes) -> None:
    inks = flat("CMYK", (0, 255, 255, 0))
    assert colour(inks, "JPEG", icc_profile=profile) == pytest.approx(RED, abs=4)


def test_colour_of_16_bits_keeps_its_high_bytes() -> None:
    rows = b"".join(b"\0" + b"\xc8\x00\x64\xff\x00\x80" * 16 for _ in range(16))
    assert decoded(png(16, 16, 16, 2, rows=rows)).pixels[5, 5].tolist() == [200, 100, 0]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "TIFF"])
def test_the_first_frame_of_an_animation_is_the_picture(kind: str) -> None:
    frames = [flat("RGB", shade) for shade in (RED, GREEN, BLUE)]
    assert colour(frames[0], kind, save_all=True, append_images=frames[1:]) == pytest.approx(RED, abs=3)


def test_a_first_frame_smaller_than_its_canvas_lies_on_white(monkeypatch: pytest.MonkeyPatch) -> None:
    data = gif(32, 32, gif_frame(8, 4, 16, 20))
    expected = np.full((32, 32, 3), 255, np.uint8)
    expected[4:24, 8:24] = RED
    assert (decoded(data).pixels == expected).all()
    monkeypatch.setattr(pixels_module, "_BAND_PIXELS", 64)  # bands of two rows, some without any of it
    assert (decoded(data).pixels == expected).all()
