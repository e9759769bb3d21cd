"""What an encoder looks at in a picture: its luminance, or its ink, whatever page that is on."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from indexer.decoding.decode import decode, from_array, from_image
from indexer.decoding.ink import ink_of, otsu_threshold, without_specks
from indexer.decoding.limits import Limits
from indexer.decoding.picture import DecodeFailure, Reason
from indexer.decoding.sandbox import Job, Sandbox
from retrieval.view import Fit, View
from tests.hostile.crafted import photo, saved

SIZE = 96
STROKES = (
    ((0.0, 0.8), (0.2, 0.1), (0.35, 0.9), (0.5, 0.3), (0.62, 0.85), (1.0, 0.55)),
    ((0.05, 1.0), (0.95, 0.92)),
)


def page(
    where: tuple[int, int] = (140, 90),
    width: int = 300,
    paper: int = 245,
    pen: int = 25,
    size: tuple[int, int] = (640, 400),
    noise: float = 0,
) -> Image.Image:
    """Draw the same signature, ``width`` pixels wide with its upper left at ``where``, on a page."""
    image = Image.new("L", (size[0] * 2, size[1] * 2), paper)
    draw = ImageDraw.Draw(image)
    for stroke in STROKES:
        points = [(2 * (where[0] + x * width), 2 * (where[1] + y * width / 2)) for x, y in stroke]
        draw.line(points, pen, round(width / 25), joint="curve")
    drawn = np.asarray(image.reduce(2), float)
    drawn += np.random.default_rng(0).normal(0, noise, drawn.shape)
    return Image.fromarray(drawn.clip(0, 255).astype(np.uint8)).convert("RGB")


def seen(image: Image.Image, view: View = View.INK, size: int = SIZE, fit: Fit = Fit.PAD) -> np.ndarray:
    data = saved(image, "PNG")
    return decode(data, size=size, fit=fit, view=view, limits=Limits()).pixels


def loop_otsu(values: np.ndarray) -> int:
    best, levels = 0.0, [0]
    for level in range(256):
        low = [int(value) for value in values.ravel() if value <= level]
        high = [int(value) for value in values.ravel() if value > level]
        if not low or not high:
            continue
        gap = sum(low) / len(low) - sum(high) / len(high)
        between = len(low) * len(high) * gap * gap
        if between > best * (1 + 1e-9):
            best, levels = between, [level]
        elif between > best * (1 - 1e-9):
            levels.append(level)
    return int(sum(levels) / len(levels))


@pytest.mark.parametrize("seed", range(4))
def test_otsus_threshold_is_that_of_a_plain_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = np.concatenate([generator.normal(60, 25, 90), generator.normal(190, 15, 210)])
    grey = values.clip(0, 255).astype(np.uint8).reshape(20, 15)
    assert otsu_threshold(grey) == loop_otsu(grey)


def test_otsus_threshold_lies_in_the_middle_of_a_gap() -> None:
    assert otsu_threshold(np.array([[10, 10, 200]], np.uint8)) == (10 + 199) // 2


@pytest.mark.parametrize("seed", range(3))
def test_specks_are_those_of_a_plain_loop(seed: int) -> None:
    ink = np.random.default_rng(seed).random((130, 70)) < 0.15
    reach = round(130 / 64)
    kept = np.zeros_like(ink)
    for y, x in np.argwhere(ink):
        around = ink[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        kept[y, x] = around.sum() > reach
    assert 0 < kept.sum() < ink.sum()
    assert (without_specks(ink) == kept).all()


@pytest.mark.parametrize(
    "other",
    [
        {"where": (20, 15)},
        {"where": (300, 230)},
        {"width": 420, "where": (60, 40)},
        {"paper": 180, "pen": 60},
        {"paper": 40, "pen": 230},
        {"noise": 6.0},
        {"size": (900, 700), "width": 300},
    ],
    ids=str,
)
def test_a_signature_is_the_same_ink_wherever_and_however_large_and_on_whatever_paper(
    other: dict[str, object],
) -> None:
    expected, found = seen(page()).astype(int), seen(page(**other)).astype(int)  # type: ignore[arg-type]
    difference = np.abs(expected - found)
    assert difference.mean() < 6
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.9


def test_ink_is_black_on_white_in_three_equal_channels_with_a_margin() -> None:
    pixels = seen(page(paper=200))
    assert pixels.shape == (SIZE, SIZE, 3)
    assert (pixels[..., :1] == pixels).all()
    ink_rows, ink_columns = np.where(pixels[..., 0] < 128)
    assert (np.delete(pixels, np.s_[SIZE // 16 - 1 : -SIZE // 16 + 1], axis=1) == 255).all()
    assert SIZE * 0.8 < np.ptp(ink_columns) < SIZE * 0.92
    assert np.ptp(ink_rows) < np.ptp(ink_columns)  # as wide as it was beside its height
    assert pixels.min() < 100
    assert np.median(pixels) == 255


def test_a_stretched_encoder_has_its_ink_stretched() -> None:
    rows, columns = np.where(seen(page(), fit=Fit.STRETCH)[..., 0] < 128)
    assert min(np.ptp(rows), np.ptp(columns)) > SIZE * 0.7


def test_dust_beside_a_signature_does_not_count() -> None:
    dusty = page()
    ImageDraw.Draw(dusty).point([(5, 5), (6, 5), (630, 12), (20, 390)], fill=(0, 0, 0))
    assert np.abs(seen(dusty).astype(int) - seen(page())).mean() < 3


@pytest.mark.parametrize("level", [0, 90, 255])
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_a_blank_page_is_white(level: int, noise: float) -> None:
    values = level + np.random.default_rng(1).normal(0, noise, (120, 160))
    assert (seen(Image.fromarray(values.clip(0, 255).astype(np.uint8))) == 255).all()


def test_a_page_of_nothing_but_specks_is_white() -> None:
    grey = np.full((256, 256), 230, np.uint8)
    grey[::64, ::64] = 0
    assert (ink_of(grey) == 255).all()


def test_ink_is_cut_out_before_the_page_is_shrunk() -> None:
    large = page(where=(1500, 1800), width=400, size=(2000, 2400))
    assert np.corrcoef(seen(large).ravel(), seen(page()).ravel())[0, 1] > 0.85


def test_a_jpeg_on_its_side_shows_its_ink_upright() -> None:
    upright = page()
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(turned, "JPEG", exif=exif, quality=95)
    pixels = decode(data, size=SIZE, fit=Fit.PAD, view=View.INK, limits=Limits()).pixels
    assert np.corrcoef(pixels.ravel(), seen(upright).ravel())[0, 1] > 0.95


def test_the_grey_view_is_the_luminance_of_the_colour_view() -> None:
    image = photo(80, 60)
    colour, grey = (seen(image, view, fit=Fit.CROP) for view in (View.COLOUR, View.GREY))
    luminance = colour.astype(float) @ (0.299, 0.587, 0.114)
    assert np.abs(grey - luminance[..., None]).max() <= 1
    assert not (colour == grey).all()


@pytest.mark.parametrize("view", [View.COLOUR, View.GREY, View.INK])
def test_the_sandbox_and_memory_show_what_decoding_shows(view: View) -> None:
    image = page()
    expected = seen(image, view)
    with Sandbox(limits=Limits(), workers=1) as sandbox:
        jobs = [Job(0, data=saved(image, "PNG"))]
        (outcome,) = sandbox.run(jobs, size=SIZE, fit=Fit.PAD, view=view, window=1)
    assert outcome.picture is not None
    assert (outcome.picture.pixels == expected).all()
    assert (from_image(image, size=SIZE, fit=Fit.PAD, view=view).pixels == expected).all()
    assert (from_array(np.asarray(image), size=SIZE, fit=Fit.PAD, view=view).pixels == expected).all()


def test_pixels_are_no_sound() -> None:
    with pytest.raises(DecodeFailure) as failure:
        from_image(page(), size=SIZE, fit=Fit.PAD, view=View.SPECTRUM)
    assert failure.value.reason is Reason.NOT_A_SOUND
