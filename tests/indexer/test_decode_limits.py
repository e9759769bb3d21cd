"""What decoding refuses, and that hostile bytes get nothing else out of it."""

import subprocess
import sys
from collections import Counter
from contextlib import suppress

import numpy as np
import pytest
from PIL import AvifImagePlugin, Image, PngImagePlugin
from PIL import ImageFile as ImageFileModule
from PIL.ImageFile import ImageFile

from indexer.decoding.decode import DecodeFailure, Reason, from_array, from_image
from indexer.decoding.limits import Limits
from indexer.decoding.source import HEADER_BYTES
from retrieval.view import Fit
from tests.hostile.crafted import (
    chunk,
    disguised_jpeg,
    exif,
    flat_jpeg,
    heic,
    layered_jpeg,
    photo,
    png,
    saved,
    segment,
    tiff,
)
from tests.indexer.decoding import decoded


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
        (layered_jpeg(7000, 7000, scans=3), Reason.TOO_MUCH_MEMORY),
        (disguised_jpeg(12_000, 8000, scans=4), Reason.TOO_MUCH_MEMORY),
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


def test_where_pillow_has_no_avif_the_message_is_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(photo(), "AVIF")
    monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
    with pytest.raises(DecodeFailure, match="pip install -U pillow") as caught:
        decoded(data)
    assert caught.value.reason is Reason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (b"", Reason.EMPTY, "the file is empty"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf", Reason.UNSUPPORTED_FORMAT, "save it as JPEG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", Reason.NOT_AN_IMAGE, "a film"),
    ],
    ids=["nothing", "a container of something else", "a film"],
)
def test_what_holds_no_picture_is_told_by_its_first_bytes(data: bytes, reason: Reason, words: str) -> None:
    with pytest.raises(DecodeFailure, match=words) as caught:
        decoded(data)
    assert caught.value.reason is reason


def test_an_open_image_without_pixels_is_none() -> None:
    with pytest.raises(DecodeFailure, match="0 x 5 has no pixels") as caught:
        from_image(Image.new("RGB", (0, 5)), size=32, fit=Fit.STRETCH)
    assert caught.value.reason is Reason.NOT_AN_IMAGE


def test_more_metadata_than_any_picture_has_is_refused() -> None:
    pixels = decoded(png(9, 9, before=chunk(b"prVt", bytes(HEADER_BYTES // 2)))).pixels
    assert (pixels == decoded(png(9, 9)).pixels).all()
    with pytest.raises(DecodeFailure, match="more than 16 MiB") as caught:
        decoded(png(9, 9, before=chunk(b"prVt", bytes(HEADER_BYTES))))
    assert caught.value.reason is Reason.TOO_MUCH_METADATA


def test_a_jpeg_of_thousands_of_parts_is_refused_whatever_they_are() -> None:
    data = flat_jpeg(64, 64, frame=0xC2)
    comments = segment(0xFE, b"") * 8001
    assert decoded(data[:-2] + comments[:100] + data[-2:]).width == 64
    with pytest.raises(DecodeFailure, match="more than 1000 scans") as caught:
        decoded(data[:-2] + comments + data[-2:])
    assert caught.value.reason is Reason.TOO_SLOW


def test_of_a_jpeg_whose_first_scan_holds_all_layers_nothing_behind_it_is_counted() -> None:
    data = saved(photo(), "JPEG")
    behind = segment(0xFE, b"") * 8001
    assert (decoded(data[:-2] + behind + data[-2:]).pixels == decoded(data).pixels).all()


def test_no_other_parser_is_ever_loaded() -> None:
    script = (
        "import sys\n"
        "from indexer.decoding.decode import DecodeFailure, decode\n"
        "from indexer.decoding.limits import Limits\n"
        "from retrieval.view import Fit\n"
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
        "from indexer.decoding.decode import DecodeFailure, decode\n"
        "from indexer.decoding.limits import Limits\n"
        "from retrieval.view import Fit\n"
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
