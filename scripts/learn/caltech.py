"""Caltech-101: the first 50 classes by name to learn from, the last 51 to be judged on, MAP@R with its interval."""

from pathlib import Path

from protocol import Embed, Figures, Row, Task, labels, without_repeats

from indexer.dataset import Example
from retrieval.evaluation.bootstrap import mean_interval
from retrieval.evaluation.ranking_metrics import ranking_metrics
from retrieval.evaluation.task import RetrievalTask

TRAINED_CLASSES = 50


def split(data: Path, seed: int) -> Task:  # noqa: ARG001  (the split is given)
    root = data / "photos" / "caltech101"
    classes = sorted(path.name for path in root.iterdir() if path.is_dir())
    examples = [Example(str(path), path.parent.name) for path in sorted(root.glob("*/*.jpg"))]
    train = without_repeats([example for example in examples if example.label in classes[:TRAINED_CLASSES]])
    test = [example for example in examples if example.label in classes[TRAINED_CLASSES:]]
    return Task(train, without_repeats(test, among=train))


def measure(task: Task, embed: Embed) -> Figures:
    names = labels(task.test)
    metrics = ranking_metrics(RetrievalTask.within(embed(task.test), names))
    interval = mean_interval(metrics.map_at_r, [names[row] for row in metrics.queries], seed=0)
    return {
        "MAP@R": float(metrics.map_at_r.mean()),
        "MAP@R, low": interval.low,
        "MAP@R, high": interval.high,
        "Recall@1": float(metrics.recall[1].mean()),
    }


# The frozen trunk's MAP@R is what must be beaten; it is measured beside, as `builtin` and `frozen trunk`.
ROW = Row(
    "caltech",
    "MAP@R",
    0.702,
    0.802,
    split,
    ["--preset", "photo", "--epochs", "10"],
    measure,
)
