"""Exact bounds of a rate from counted events (Clopper and Pearson, Biometrika 26, 1934)."""

import numpy as np

from retrieval.similarity import Float64

_HALVINGS = 60


def cumulative(most: int, trials: int, rate: float) -> Float64:
    """Give P(at most i events) for i = 0 … ``most``: (most + 1,), of ``trials`` that each succeed with ``rate``."""
    i = np.arange(1, most + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log(trials - i + 1) - np.log(i))])
    events = np.arange(most + 1)
    logs = ways + events * np.log(rate) + (trials - events) * np.log1p(-rate)
    return np.asarray(np.cumsum(np.exp(logs)).clip(0, 1))


def upper_bound(events: int, trials: int, confidence: float) -> float:
    """Return the rate that the true one exceeds with a probability of at most 1 - ``confidence``."""
    if events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        likely = middle < 1 and cumulative(events, trials, middle)[-1] > 1 - confidence
        low, high = (middle, high) if likely else (low, middle)
    return high


def lower_bound(events: int, trials: int, confidence: float) -> float:
    """Return the rate that the true one falls short of with a probability of at most 1 - ``confidence``."""
    if events == 0:
        return 0.0
    low, high = 0.0, events / trials
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        likely = middle > 0 and 1 - cumulative(events - 1, trials, middle)[-1] > 1 - confidence
        low, high = (low, middle) if likely else (middle, high)
    return low


def most_events(trials: int, rate: float, confidence: float) -> int | None:
    """Return the largest count of events that still shows a rate of at most ``rate``: its `upper_bound` is no more.

    None where not even 0 events in so few ``trials`` show it: that takes log(1 - confidence) / log(1 - rate) of
    them, about 3 / rate for a confidence of 0.95 (the rule of three).
    """
    fewer = cumulative(min(trials, int(trials * rate) + 1), trials, rate)
    shown = int(np.searchsorted(fewer, 1 - confidence, side="right")) - 1
    return shown if shown >= 0 else None
