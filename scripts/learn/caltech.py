"""Caltech-101: the first 50 classes by name to learn from, the last 51 to be judged on, MAP@R beside the frozen trunk's.

The gain is that of each query, so its interval is of a paired comparison; classes are drawn whole (a class is easy or
hard for both).
"""

from functools import cache
from pathlib import Path

import numpy as np
from protocol import Embed, Figures, Row, Task, Vectors, labels, pixels, without_repeats

from indexer.dataset import Example
from indexer.encoders import builtin_trunk
from retrieval.evaluation.bootstrap import mean_interval
from retrieval.evaluation.ranking_metrics import RankingMetrics, ranking_metrics
from retrieval.evaluation.task import RetrievalTask
from retrieval.preprocess import PreprocessSpec
from retrieval.presets import Augment
from retrieval.view import Fit

TRAINED_CLASSES = 50
TRUNK_INPUT = PreprocessSpec(224, Fit.STRETCH, "NHWC", "uint8")


def split(data: Path, seed: int) -> Task:  # noqa: ARG001  (the split is given)
    root = data / "photos" / "caltech101"
    classes = sorted(path.name for path in root.iterdir() if path.is_dir())
    examples = [Example(str(path), path.parent.name) for path in sorted(root.glob("*/*.jpg"))]
    train = without_repeats([example for example in examples if example.label in classes[:TRAINED_CLASSES]])
    test = [example for example in examples if example.label in classes[TRAINED_CLASSES:]]
    return Task(train, without_repeats(test, among=train))


@cache
def frozen_trunk(test: tuple[str, ...], names: tuple[str, ...]) -> RankingMetrics:
    """Judge the trunk's pooled maps as they are."""
    from retrieval.training.backbones import make_backbone
    from retrieval.training.features import frozen_features
    from retrieval.training.network import SiameseNetwork

    images = pixels([Example(path, name) for path, name in zip(test, names, strict=True)], TRUNK_INPUT)
    network = SiameseNetwork(make_backbone("builtin", builtin_weights=builtin_trunk()), 256)
    features = frozen_features(
        network, images, views=1, augment=Augment(), seed=0, threads=2, progress=lambda _done, _total: None
    )
    return judged(features[0], names)


def judged(vectors: Vectors, names: tuple[str, ...]) -> RankingMetrics:
    return ranking_metrics(RetrievalTask.within(vectors, list(names)))


def measure(task: Task, embed: Embed) -> Figures:
    names = tuple(labels(task.test))
    metrics = judged(embed(task.test), names)
    trunk = frozen_trunk(tuple(example.path for example in task.test), names)
    classes = [names[row] for row in metrics.queries]
    gains = np.asarray(metrics.map_at_r) - np.asarray(trunk.map_at_r)
    interval = mean_interval(gains, classes, seed=0)
    return {
        "MAP@R": float(metrics.map_at_r.mean()),
        "Recall@1": float(metrics.recall[1].mean()),
        "frozen trunk's MAP@R": float(trunk.map_at_r.mean()),
        "gain": float(gains.mean()),
        "gain, low": interval.low,
        "gain, high": interval.high,
    }


# The lower end of the gain's interval must be above 0.
ROW = Row(
    "caltech",
    "gain, low",
    0.0,
    0.1,
    split,
    ["--preset", "photo", "--size", "224", "--dim", "512", "--epochs", "3", "--patience", "1"],
    measure,
)
