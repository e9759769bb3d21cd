"""What a picture's pixels become: upright, opaque, RGB, square, and the same every time."""

import io
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from PIL import ImageFile as ImageFileModule
from PIL.ImageFile import ImageFile

from indexer import decode as decode_module
from indexer import pixels as pixels_module
from indexer.decode import DecodeFailure, Picture, Reason, decode, from_array, from_image
from indexer.settings import Limits
from retrieval.preprocess import Fit
from tests.hostile.crafted import (
    chunk,
    exif,
    flat_jpeg,
    gif,
    gif_frame,
    heic,
    ink_profile,
    photo,
    png,
    saved,
    segment,
    tiff,
    with_segments,
)

WHITE, BLACK, RED, GREEN, BLUE = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)


def decoded(data: bytes, size: int = 32, fit: Fit = Fit.STRETCH, limits: Limits | None = None) -> Picture:
    return decode(data, size=size, fit=fit, limits=limits or Limits())


def colour(image: Image.Image, kind: str = "PNG", **options: Any) -> tuple[int, ...]:
    """Encode, decode, and return the one colour that the picture has."""
    pixels = decoded(saved(image, kind, **options)).pixels.reshape(-1, 3)
    assert (np.ptp(pixels.astype(int), axis=0) <= 2).all()
    return tuple(int(value) for value in pixels[len(pixels) // 2])


def flat(mode: str, value: Any, side: int = 40) -> Image.Image:
    return Image.new(mode, (side, side), value)


def quarters(width: int = 96, height: int = 64) -> np.ndarray:
    """Red and green above, blue and black below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    return pixels


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Lay a picture down as EXIF describes: what its row 0 and its column 0 show of the upright one."""
    if orientation >= 5:
        upright = upright.transpose(1, 0, 2)
    first_row = {1: 1, 2: 1, 3: -1, 4: -1, 5: 1, 6: -1, 7: -1, 8: 1}[orientation]
    first_column = {1: 1, 2: -1, 3: -1, 4: 1, 5: 1, 6: 1, 7: -1, 8: -1}[orientation]
    return upright[::first_row, ::first_column]


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


def test_a_first_frame_smaller_than_its_canvas_lies_on_white() -> None:
    pixels = decoded(gif(32, 32, gif_frame(8, 4, 16, 20))).pixels
    expected = np.full((32, 32, 3), 255, np.uint8)
    expected[4:24, 8:24] = RED
    assert (pixels == expected).all()


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
            patch.setattr(decode_module, "_draft", lambda image, size: None)
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


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 3), np.float32),
        np.zeros((0, 9, 3), np.uint8),
        np.zeros(9, np.uint8),
        np.zeros((1, 9, 9, 3), np.uint8),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_that_is_no_picture_is_refused(array: np.ndarray) -> None:
    with pytest.raises(DecodeFailure, match="expected uint8 pixels of shape") as caught:
        from_array(array, size=32, fit=Fit.STRETCH)
    assert caught.value.reason is Reason.NOT_AN_IMAGE


def test_limits_are_held_against_the_header_before_a_pixel_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(image: ImageFile) -> None:
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr(ImageFile, "load", never)
    for data, reason in (
        (png(8000, 8000), Reason.TOO_MANY_PIXELS),
        (flat_jpeg(7000, 7000, 0xC2, layers=3), Reason.TOO_MUCH_MEMORY),
        (tiff((324, 4, 60_000, 1000)), Reason.TOO_SLOW),
    ):
        with pytest.raises(DecodeFailure) as caught:
            decoded(data)
        assert caught.value.reason is reason


def test_a_refusal_names_its_limit_and_the_way_out() -> None:
    data = png(200, 100)
    for limits, reason, words in (
        (Limits(max_pixels=19_999), Reason.TOO_MANY_PIXELS, ("200 x 100", "0.0 megapixels", "max_pixels")),
        (Limits(max_file_bytes=50), Reason.TOO_LARGE, ("MiB", "max_file_bytes")),
        (Limits(decode_memory_bytes=60 << 20), Reason.TOO_MUCH_MEMORY, ("limit 15", "decode_memory_bytes")),
    ):
        with pytest.raises(DecodeFailure) as caught:
            decoded(data, limits=limits)
        assert caught.value.reason is reason
        for word in words:
            assert word in str(caught.value)
    assert decoded(data, limits=Limits(max_pixels=20_000)).width == 200


def test_a_jpeg_may_have_four_times_the_pixels_because_it_is_never_decoded_at_full_scale() -> None:
    limits = Limits(max_pixels=100_000)
    assert decoded(flat_jpeg(800, 500), limits=limits).width == 800
    with pytest.raises(DecodeFailure, match=r"limit 0\.4 for JPEG"):
        decoded(flat_jpeg(800, 501), limits=limits)


def test_heic_without_its_reader_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(photo())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DecodeFailure, match=r"pip install 'siamese-index\[heif\]'") as caught:
        decoded(data)
    assert caught.value.reason is Reason.UNSUPPORTED_FORMAT


def test_no_other_parser_is_ever_loaded() -> None:
    script = (
        "import sys\n"
        "from indexer.decode import DecodeFailure, decode\n"
        "from indexer.settings import Limits\n"
        "from retrieval.preprocess import Fit\n"
        "for data in (b'%!PS-Adobe-3.0', b'8BPS', b'\\0\\0\\1\\0' + bytes(99), b'P6 1 1 255 abc', bytes(99)):\n"
        "    try: decode(data, size=8, fit=Fit.STRETCH, limits=Limits())\n"
        "    except DecodeFailure: pass\n"
        "print(*sorted(name for name in sys.modules if name.startswith('PIL.') and name.endswith('Plugin')))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    allowed = {"Avif", "Bmp", "Gif", "Jpeg", "Png", "Tiff", "WebP"}
    assert {name.removeprefix("PIL.").removesuffix("ImagePlugin") for name in done.stdout.split()} <= allowed


def test_nothing_is_warned_or_printed(
    capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    too_many_samples = saved(photo(), "TIFF").replace(
        b"\x15\x01\x03\0\x01\0\0\0\x03", b"\x15\x01\x03\0\x01\0\0\0\x99"
    )
    for data in (
        flat_jpeg(10_000, 9500),
        saved(photo(mode="P"), "PNG", transparency=bytes(range(256))),
        png(9, 9, before=chunk(b"acTL", bytes(8))),
        too_many_samples,
    ):
        with suppress(DecodeFailure):
            decoded(data)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_nothing_is_logged_to_the_terminal() -> None:
    script = (
        "from indexer.decode import DecodeFailure, decode\n"
        "from indexer.settings import Limits\n"
        "from retrieval.preprocess import Fit\n"
        "from tests.hostile.crafted import tiff\n"
        "samples = tiff((256, 4, 1, 9), (257, 4, 1, 9), (277, 3, 1, 99))\n"
        "try: decode(samples, size=8, fit=Fit.STRETCH, limits=Limits())\n"
        "except DecodeFailure as failure: print(failure.reason)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (Reason.DAMAGED, "")


def test_bytes_after_the_picture_do_not_matter() -> None:
    data = saved(photo(), "JPEG")
    assert (decoded(data + b"PK\3\4" + data).pixels == decoded(data).pixels).all()


def seeds() -> list[bytes]:
    small = photo(24, 20)
    return [
        saved(small, "JPEG"),
        saved(small, "JPEG", progressive=True, exif=exif(6)),
        saved(small, "PNG"),
        saved(small.convert("P"), "PNG", transparency=bytes(range(256))),
        saved(small, "GIF"),
        saved(small, "WEBP"),
        saved(small, "BMP"),
        saved(small, "TIFF"),
        saved(small, "TIFF", compression="tiff_lzw"),
        saved(small.convert("CMYK"), "TIFF"),
        saved(small, "AVIF"),
        heic(small),
    ]


def mutated(original: bytes, generator: np.random.Generator) -> bytes:
    data = bytearray(original)
    for _ in range(generator.integers(1, 8)):
        at = int(generator.integers(len(data)))
        kind = generator.integers(4)
        if kind == 0:
            data[at] ^= 1 << int(generator.integers(8))
        elif kind == 1:
            data[at : at + 4] = generator.bytes(4)
        elif kind == 2:
            data[at : at + 2] = b"\xff\xff"
        else:
            del data[at : at + int(generator.integers(1, 9))]
    return bytes(data)


def test_mutated_pictures_are_decoded_or_refused_and_nothing_else() -> None:
    generator = np.random.default_rng(20)
    originals = seeds()
    limits = Limits(max_pixels=1_000_000)
    reasons: Counter[Reason | None] = Counter()
    for number in range(9600):
        data = mutated(originals[number % len(originals)], generator)
        try:
            picture = decoded(data, limits=limits)
        except DecodeFailure as failure:
            reasons[failure.reason] += 1
        else:
            reasons[None] += 1
            assert picture.pixels.shape == (32, 32, 3)
            assert picture.width * picture.height <= 4 * limits.max_pixels
    assert min(reasons[None], reasons[Reason.DAMAGED], reasons[Reason.TRUNCATED]) > 100


def test_pillow_never_accepts_truncated_files_on_our_behalf() -> None:
    assert ImageFileModule.LOAD_TRUNCATED_IMAGES is False
    assert PngImagePlugin.MAX_TEXT_MEMORY <= 4 << 20
