"""A sound as a picture: its log-mel spectrogram, low frequencies at the bottom, time from left to right.

Bands, windows and hops are given in hertz and seconds, not in samples, so that a sound looks the same at any sample
rate; above half of that rate it is black.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

LOW_HZ, HIGH_HZ = 50.0, 8000.0  # below is hum; speech and most of music's energy is between
WINDOW_SECONDS, HOP_SECONDS = 0.025, 0.010  # the usual ones for speech: Davis and Mermelstein 1980
RANGE_DB = 80.0
SILENCE_DB = 40.0  # below the loudest moment; what is quieter at either end is cut off

_BIN_HZ = 8.0  # of the Fourier transform, by padding a window with zeros
_FRAMES = 64  # transformed at once

Floats = npt.NDArray[np.float64]


def to_spectrum(samples: npt.NDArray[np.float32], rate: int, *, size: int) -> npt.NDArray[np.uint8]:
    """Draw (n,) ``samples``, ``rate`` of them a second, as (size, size, 3) uint8 with three equal channels.

    255 is the sound's own loudest point and 0 is 80 dB below. Silence is black.
    """
    power = mel_power(samples, rate, bands=size)
    loudness = power.sum(axis=0)
    loud = np.flatnonzero(loudness > loudness.max() * 10 ** (-SILENCE_DB / 10))
    if not len(loud):
        return np.zeros((size, size, 3), np.uint8)
    power = power[:, loud[0] : loud[-1] + 1]
    decibels = 10 * np.log10(np.maximum(power / power.max(), 10 ** (-RANGE_DB / 10)))
    values = (1 + decibels / RANGE_DB) * 255
    drawn = Image.fromarray(values[::-1].astype(np.float32)).resize((size, size), Image.Resampling.BILINEAR)
    grey = np.rint(np.asarray(drawn)).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def mel_power(samples: npt.NDArray[np.float32], rate: int, *, bands: int) -> Floats:
    """Return the (bands, frames) mean power in each mel band, the lowest first, of windows 10 ms apart."""
    window = round(WINDOW_SECONDS * rate)
    centred = samples - samples.mean(dtype=np.float64)  # a constant is no sound
    centred = np.pad(centred, (0, max(0, window - len(centred))))
    starts = np.arange(0, len(centred) - window + 1, HOP_SECONDS * rate).astype(np.int64)
    taper = np.hanning(window + 1)[:-1]
    taper /= taper.sum()  # a tone has the same power at any rate
    points = round(rate / _BIN_HZ)
    hertz = np.arange(points // 2 + 1, dtype=np.float64) * (rate / points)
    filters = mel_filters(hertz, bands=bands)
    power = np.empty((bands, len(starts)))
    for first in range(0, len(starts), _FRAMES):
        frames = centred[starts[first : first + _FRAMES, None] + np.arange(window)] * taper
        spectrum = np.abs(np.fft.rfft(frames, points)) ** 2
        power[:, first : first + _FRAMES] = filters @ spectrum.T
    return power


def mel_filters(hertz: Floats, *, bands: int) -> Floats:
    """Return (bands, bins) triangular weights over evenly spaced frequencies, whose sum in each band is 1.

    Bands are evenly spaced on the mel scale (O'Shaughnessy 1987). One that is narrower than a bin is widened to it,
    and one whose middle is above the last bin has no weights.
    """
    edges = _hertz(np.linspace(_mel(LOW_HZ), _mel(HIGH_HZ), bands + 2))[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising = 1 - (middle - hertz) / np.maximum(middle - low, hertz[1])
    falling = 1 - (hertz - middle) / np.maximum(high - middle, hertz[1])
    weights: Floats = np.minimum(rising, falling).clip(0) * (middle <= hertz[-1])
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return weights


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: Floats) -> Floats:
    return 700 * (10 ** (mel / 2595) - 1)
