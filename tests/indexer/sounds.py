"""Sounds in tests: tones and chirps, and the bytes of WAV files."""

import io
import wave

import numpy as np

from indexer.decoding.decode import Picture, decode
from indexer.decoding.limits import Limits
from retrieval.view import Fit, View

SIZE = 96


def tone(hertz: float = 1000, rate: int = 16_000, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def melody(seed: int, rate: int = 16_000) -> np.ndarray:
    """Play six notes, no two seeds alike."""
    pitches = np.random.default_rng(seed).uniform(200, 3000, 6)
    return np.concatenate([tone(hertz, rate, 0.15) for hertz in pitches])


def wav(samples: np.ndarray, rate: int = 16_000) -> bytes:
    """Write (n,) or (n, channels) samples between -1 and 1 as 16-bit PCM."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def heard(data: bytes, size: int = SIZE) -> Picture:
    return decode(data, size=size, fit=Fit.STRETCH, view=View.SPECTRUM, limits=Limits())


def spectrum(samples: np.ndarray, rate: int = 16_000, size: int = SIZE) -> np.ndarray:
    """Return the (size, size) picture of a sound, as integers, its lowest band in row 0."""
    return heard(wav(samples, rate), size).pixels[::-1, :, 0].astype(int)
