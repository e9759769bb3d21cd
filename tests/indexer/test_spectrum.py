"""A sound's picture: bands where they belong, the same at any sample rate, and nothing of the silence around it."""

import io

import numpy as np
import pytest
import soundfile

from indexer.decoding.audio import SECONDS
from indexer.decoding.spectrum import HIGH_HZ, LOW_HZ, mel_filters, mel_power
from tests.indexer.sounds import SIZE, heard, melody, spectrum, tone, wav


def middle_hertz(row: int, bands: int = SIZE) -> float:
    """Return the middle of a mel band."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (LOW_HZ, HIGH_HZ))
    return 700 * (10 ** ((low + (row + 1) * (high - low) / (bands + 1)) / 2595) - 1)


@pytest.mark.parametrize("hertz", [120, 440, 1000, 3000, 7000])
def test_a_tone_lights_the_row_of_its_frequency(hertz: float) -> None:
    picture = spectrum(tone(hertz))
    row = int(picture.mean(axis=1).argmax())
    assert middle_hertz(row - 1) < hertz < middle_hertz(row + 1)
    assert (picture[row] >= 250).all()
    assert picture[np.abs(np.arange(SIZE) - row) > 40].mean() < 120


def test_a_pictures_top_row_is_its_highest_band() -> None:
    pixels = heard(wav(tone(7000))).pixels
    assert pixels.shape == (SIZE, SIZE, 3)
    assert (pixels[..., :1] == pixels).all()
    assert pixels[: SIZE // 2].mean() > pixels[SIZE // 2 :].mean()


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_the_same_sound_looks_the_same_at_any_rate(rate: int) -> None:
    expected, found = spectrum(melody(1)), spectrum(melody(1, rate), rate)
    shared = [row for row in range(SIZE) if middle_hertz(row + 2) < min(rate, 16_000) / 2]
    assert np.abs(expected[shared] - found[shared]).mean() < 4


def test_a_tone_looks_the_same_at_the_rate_of_a_telephone_and_the_band_it_lacks_is_black() -> None:
    narrow, wide = spectrum(tone(1000, 8_000), 8_000), spectrum(tone(1000))
    below = [row for row in range(SIZE) if middle_hertz(row) < 3_500]
    assert np.abs(narrow[below] - wide[below]).max() <= 8
    assert (narrow[[row for row in range(SIZE) if middle_hertz(row) > 4_000]] == 0).all()


def test_time_goes_from_left_to_right() -> None:
    picture = spectrum(np.concatenate([tone(300), tone(3000)]))
    rows = picture.argmax(axis=0)
    assert (rows[: SIZE // 2 - 3] < rows[SIZE // 2 + 3 :].min()).all()


def test_silence_around_a_sound_and_its_loudness_do_not_count() -> None:
    quiet = np.random.default_rng(0).normal(0, 3e-5, 16_000)
    faded = melody(2) * np.hanning(len(melody(2)))
    surrounded = np.concatenate([quiet, 0.2 * faded, quiet])
    assert np.abs(spectrum(faded) - spectrum(surrounded)).mean() < 6
    assert spectrum(surrounded).max() == 255


def test_silence_is_black() -> None:
    assert (spectrum(np.zeros(16_000)) == 0).all()
    assert (spectrum(np.full(16_000, 0.25)) == 0).all()  # a constant is no sound


def test_a_sound_shorter_than_a_window_has_a_picture() -> None:
    assert spectrum(tone(seconds=0.005)).max() == 255


def test_channels_are_averaged() -> None:
    one, other = melody(3), melody(4)
    stereo = spectrum(np.stack([one, other], axis=1))
    assert np.abs(stereo - spectrum((one + other) / 2)).mean() < 1


def test_only_the_first_seconds_count() -> None:
    start = np.tile(melody(5), 34)[: SECONDS * 16_000]
    longer = heard(wav(np.concatenate([start, tone(5000, seconds=5)])))
    assert (longer.pixels == heard(wav(start)).pixels).all()
    assert longer.width == SECONDS * 16_000


@pytest.mark.parametrize(
    ("kind", "options"), [("FLAC", {}), ("OGG", {}), ("OGG", {"subtype": "OPUS"}), ("MP3", {})]
)
def test_every_format_gives_nearly_the_same_picture(kind: str, options: dict[str, str]) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, melody(6), 16_000, format=kind, **options)
    picture = heard(buffer.getvalue())
    assert picture.format == kind
    loud = spectrum(melody(6)) > 150  # what a lossy format keeps
    assert np.abs(picture.pixels[::-1, :, 0].astype(int) - spectrum(melody(6)))[loud].mean() < 25


@pytest.mark.parametrize("bands", [8, 96, 512])
def test_every_band_weighs_one_and_those_beyond_the_last_bin_nothing(bands: int) -> None:
    sums = mel_filters(np.arange(501) * 8.0, bands=bands).sum(axis=1)
    middles = np.array([middle_hertz(row, bands) for row in range(bands)])
    assert np.allclose(sums, middles <= 4_000)


def test_a_bands_power_is_that_of_a_plain_loop() -> None:
    rate, bands = 8_000, 20
    samples = melody(7, rate)[:1_000].astype(np.float32)
    filters = mel_filters(np.arange(501) * 8.0, bands=bands)
    centred = samples - samples.mean(dtype=np.float64)
    taper = [0.5 - 0.5 * np.cos(2 * np.pi * i / 200) for i in range(200)]
    for frame in range(10):
        tapered = [centred[80 * frame + i] * taper[i] / sum(taper) for i in range(200)]
        power = np.abs(np.fft.fft(tapered, 1_000)[:501]) ** 2
        expected = [sum(weight * value for weight, value in zip(row, power, strict=True)) for row in filters]
        assert np.allclose(mel_power(samples, rate, bands=bands)[:, frame], expected)
