"""A run's loss and validation over its epochs, as one PNG."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.training.loop import Progress

_DPI = 110


def training_curves(progress: "Progress") -> bytes:
    """Draw the loss on one axis, MAP@R and Recall@1 on another, and where the best epoch was."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    quality = figure.subplots()
    loss = quality.twinx()
    losses = {epoch.number: epoch.loss for epoch in progress.epochs if epoch.loss is not None}
    numbers = [epoch.number for epoch in progress.epochs]
    quality.plot(numbers, [epoch.map_at_r for epoch in progress.epochs], label="validation MAP@R")
    quality.plot(numbers, [epoch.recall_at_1 for epoch in progress.epochs], label="validation Recall@1")
    quality.axvline(progress.best, color="grey", linewidth=0.8, linestyle=":", label=f"best: {progress.best}")
    loss.plot(list(losses), list(losses.values()), "k--", linewidth=0.9, label="loss")
    quality.set(xlabel="epoch", ylabel="0 to 1, more is better")
    loss.set_ylabel("loss")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()
