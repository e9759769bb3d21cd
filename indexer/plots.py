"""Plots of an evaluation, as PNG bytes. The only door to matplotlib, which is in the extra `plots`."""

import io
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.errors import UsageRefused
from indexer.evaluate import EvaluationReport
from indexer.measure import Measured
from retrieval.evaluation.failures import Failure
from retrieval.evaluation.verification import RocCurve, ScoreHistogram
from retrieval.similarity import Float32, Float64, Int64

_DPI = 110
_SAME, _DIFFERENT = "#1a7f5a", "#c2562d"
_CURVE_POINTS = 2000
_NAMED_CLASSES = 20  # a legend of more is no help
_MARKERS = "osD^vP*X<>"
_LEAST_FAR = 1e-4
_RATES = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8)
_DET_EDGES = (0.0005, 0.9)


def draw_plots(report: EvaluationReport) -> dict[str, bytes]:
    """Draw what there is to draw of a report: {file name: PNG}.

    Raises:
        UsageRefused: matplotlib is not installed.
    """
    _require_matplotlib()
    names = {_name(row): row for row in report.rows}
    curves = {name: row.curve for name, row in names.items() if row.curve is not None}
    histograms = {name: row.histogram for name, row in names.items() if row.histogram is not None}
    plots = {"roc-det.png": roc_and_det(curves), "scores.png": score_histograms(histograms)}
    pictures, is_query = report.decoded.pictures, report.decoded.is_query
    if len(report.vectors):
        plots["map.png"] = embedding_map(report.vectors, pictures.labels, _name(report.rows[0]))
    if report.failures:
        queries = np.flatnonzero(is_query)
        gallery = queries if is_query.all() else np.flatnonzero(~is_query)
        plots["failures.png"] = failure_sheet(
            report.failures, pictures.images, pictures.labels, queries, gallery
        )
    return plots


def roc_and_det(curves: Mapping[str, RocCurve]) -> bytes:
    """Draw TAR over FAR, and FRR over FAR on normal-deviate axes (Martin et al., "The DET curve", 1997)."""
    figure = _figure(11, 5)
    roc, det = figure.subplots(1, 2)
    deviate = np.vectorize(NormalDist().inv_cdf)
    for name, curve in curves.items():
        points = _points(len(curve.thresholds))
        far, tar = curve.false_accept_rate[points], curve.true_accept_rate[points]
        (line,) = roc.plot(far, tar, label=_plain(name))
        inside = (far > 0) & (far < 1) & (tar > 0) & (tar < 1)
        if inside.any():
            det.plot(deviate(far[inside]), deviate(1 - tar[inside]), color=line.get_color())
    roc.set(xscale="log", xlim=(_LEAST_FAR, 1), ylim=(0, 1.01), title="ROC")
    roc.set(xlabel="false accept rate", ylabel="true accept rate")
    roc.legend(loc="lower right", fontsize=8)
    ticks = [NormalDist().inv_cdf(rate) for rate in _RATES]
    labels = [f"{100 * rate:g} %" for rate in _RATES]
    det.set_xticks(ticks, labels)
    det.set_yticks(ticks, labels)
    edges = tuple(NormalDist().inv_cdf(rate) for rate in _DET_EDGES)
    det.set(xlim=edges, ylim=edges, xlabel="false accept rate", ylabel="false reject rate", title="DET")
    for axes in (roc, det):
        axes.grid(alpha=0.3)
    return _png(figure)


def score_histograms(histograms: Mapping[str, ScoreHistogram]) -> bytes:
    """Draw the scores of same and different pairs, one panel an encoder, each kind summing to one."""
    columns = min(3, len(histograms))
    lines = -(-len(histograms) // columns)
    figure = _figure(4 * columns, 2.8 * lines)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (name, histogram) in zip(panels, histograms.items(), strict=False):
        for counts, colour, kind in (
            (histogram.different, _DIFFERENT, "different"),
            (histogram.same, _SAME, "same"),
        ):
            axes.stairs(
                counts / max(1, counts.sum()),
                histogram.edges,
                fill=True,
                alpha=0.55,
                color=colour,
                label=kind,
            )
        axes.set_title(_plain(name), fontsize=9)
        axes.set_yticks([])
        axes.set_xlabel("score")
    for axes in panels[len(histograms) :]:
        axes.axis("off")
    panels[0].legend(fontsize=8)
    return _png(figure)


def embedding_map(vectors: Float32, labels: Sequence[str], name: str) -> bytes:
    """Draw (n, d) vectors at their two principal components, a colour and mark a class."""
    from matplotlib import colormaps

    flat, share = principal_plane(vectors)
    classes = sorted(set(labels))
    names = np.array(labels, np.object_)
    colours = colormaps["tab10"]
    figure = _figure(8.5 if len(classes) <= _NAMED_CLASSES else 7, 6)
    axes = figure.subplots()
    size = max(5.0, min(40.0, 8000 / len(flat)))
    for number, label in enumerate(classes):
        rows = flat[names == label]
        mark = _MARKERS[number // 10 % len(_MARKERS)]
        axes.scatter(
            rows[:, 0],
            rows[:, 1],
            s=size,
            color=colours(number % 10),
            marker=mark,
            alpha=0.75,
            linewidths=0,
            label=_plain(label),
        )
    axes.set_title(f"{_plain(name)}: {len(flat)} pictures of {len(classes)} classes", fontsize=10)
    axes.set(xlabel=f"first component ({share[0]:.0%})", ylabel=f"second component ({share[1]:.0%})")
    if len(classes) <= _NAMED_CLASSES:
        axes.legend(fontsize=8, bbox_to_anchor=(1.01, 1), loc="upper left", borderaxespad=0)
    return _png(figure)


def principal_plane(vectors: Float32) -> tuple[Float64, Float64]:
    """Project (n, d) vectors on their two principal components: (n, 2), and the two shares of the variance."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    values, directions = np.linalg.eigh(centred.T @ centred)
    chosen = directions[:, -1:-3:-1]
    plane, total = np.zeros((len(vectors), 2)), max(float(values.sum()), np.finfo(float).tiny)
    plane[:, : chosen.shape[1]] = centred @ chosen
    share = np.zeros(2)
    share[: chosen.shape[1]] = values[-1:-3:-1].clip(0) / total
    return plane, share


def failure_sheet(
    failures: Sequence[Failure],
    images: npt.NDArray[np.uint8],
    labels: Sequence[str],
    queries: Int64,
    gallery: Int64,
) -> bytes:
    """Draw each failed query beside its nearest wrong and its nearest right picture, the worst first.

    ``queries`` and ``gallery`` give the rows of ``images`` that a failure's numbers mean.
    """
    figure = _figure(6.2, 2.15 * len(failures))
    panels = figure.subplots(len(failures), 3, squeeze=False)
    for line, failure in zip(panels, failures, strict=True):
        shown = (
            (int(queries[failure.query]), "query", None, "black"),
            (int(gallery[failure.wrong]), "nearest wrong", failure.wrong_score, _DIFFERENT),
            (int(gallery[failure.right]), "nearest right", failure.right_score, _SAME),
        )
        for axes, (row, title, score, colour) in zip(line, shown, strict=True):
            axes.imshow(images[row])
            axes.set_xticks([])
            axes.set_yticks([])
            figures = "" if score is None else f"  {score:.3f}"
            axes.set_title(f"{title}{figures}\n{_plain(labels[row])}", fontsize=8, color=colour)
            for edge in axes.spines.values():
                edge.set_color(colour)
    return _png(figure)


def _name(row: Measured) -> str:
    return row.encoder if row.kind == "baseline" else f"{row.encoder} · {row.space}"


def _points(count: int) -> Int64:
    """Choose points of a curve, evenly and densest at its beginning: more than these cannot be seen."""
    if count <= _CURVE_POINTS:
        return np.arange(count)
    even, dense = np.linspace(0, count - 1, _CURVE_POINTS), np.geomspace(1, count - 1, _CURVE_POINTS)
    return np.unique(np.concatenate([even, dense]).astype(np.int64))


def _plain(text: str) -> str:
    """Keep a name from being read as a formula, hidden from a legend, or undrawable; and keep it short."""
    drawable = text.encode("utf-8", "replace").decode().replace("$", r"\$").lstrip("_")
    return drawable if len(drawable) <= 40 else f"…{drawable[-39:]}"


def _require_matplotlib() -> None:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageRefused("plots need matplotlib", "pip install 'siamese-index[plots]'") from error
    mpl.use("Agg")


def _figure(width_inches: float, height_inches: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width_inches, height_inches), layout="constrained")


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()
