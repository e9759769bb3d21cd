"""A calibration as one PNG: the scores of both kinds of pairs, the probability map, and how it comes true."""

import io
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from indexer.errors import UsageRefused
from retrieval.calibration import ProbabilityMap

_DPI = 110
_SAME, _DIFFERENT = "#1a7f5a", "#c2562d"


def require_matplotlib() -> None:
    """Refuse what cannot be drawn before any work is done.

    Raises:
        UsageRefused: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise UsageRefused("plots need matplotlib", "pip install 'siamese-index[plots]'")


def draw_calibration(document: Mapping[str, Any]) -> bytes:
    """Draw what `index calibrate` measured."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    scores, mapped, reliability = figure.subplots(1, 3)
    edges = document["scores"]["edges"]
    for kind, colour in (("different", _DIFFERENT), ("same", _SAME)):
        counts = np.array(document["scores"][kind], np.float64)
        scores.stairs(counts / max(1.0, counts.sum()), edges, fill=True, alpha=0.55, color=colour, label=kind)
    scores.set(xlabel="score", yscale="log", title="pairs learned from")
    probability = ProbabilityMap.from_list(document["knots"])
    across = np.linspace(-1, 1, 400)
    mapped.plot(across, probability.probability(across), color=_SAME)
    mapped.set(xlabel="score", ylabel="probability", ylim=(0, 1), title="at equal odds")
    for axes in (scores, mapped):
        axes.axvline(document["threshold"], color="black", linewidth=0.9, linestyle="--", label="threshold")
    scores.legend(fontsize=8)
    bins = document["held_out"]["reliability"]
    reliability.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    reliability.scatter(
        [one["said"] for one in bins],
        [one["seen"] for one in bins],
        s=[20 + 400 * one["weight"] for one in bins],
        color=_SAME,
        alpha=0.7,
    )
    title = f"held out: ECE {document['held_out']['ece']:.3f}, Brier {document['held_out']['brier']:.3f}"
    reliability.set(xlabel="probability", ylabel="share that is the same", title=title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()
