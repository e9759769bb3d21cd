"""What a training run says of itself: figures for scripts, and a model card for people."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from indexer.dataset import LabelledPictures
from indexer.decided import DecidedExamples
from retrieval.encoder import EncoderSpec
from retrieval.splits import Split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from retrieval.training.run import TrainedEncoder

_HELD_OUT = {
    "classes": "whole classes that it did not learn from",
    "pictures": "pictures of the classes that it learned: how it does on other classes was not measured",
    "groups": "whole groups that it did not learn from",
    "column": "the rows that the dataset itself holds out",
}


@dataclass(frozen=True)
class TrainingReport:
    """What a run came to; ``epochs`` begin with what the network was worth before it learned anything.

    ``finish`` is what became of the embeddings after the last epoch, and the validation of the encoder as it is.

    ``encoder`` is the folder it lies in; ``decisions`` is what became of those that it learned from, if it did.
    """

    encoder: str
    name: str
    pictures: int
    classes: int
    learned: int
    held_out: int
    held_out_by: str
    mode: str
    start: str
    device: str
    best_epoch: int
    epochs: list[dict[str, Any]]
    finish: dict[str, Any]
    smallest_class: int
    largest_class: int
    unusable: list[dict[str, str]]
    duplicates: dict[str, str]
    lowest_cosine_to_pytorch: float
    decisions: dict[str, Any] | None
    told: dict[str, Any]
    finished_at: str
    seconds: float

    @classmethod
    def of(
        cls,
        encoder: str,
        told: "Mapping[str, Any]",
        decided: DecidedExamples | None,
        spec: EncoderSpec,
        pictures: LabelledPictures,
        split: Split,
        trained: "TrainedEncoder",
        *,
        seconds: float,
    ) -> Self:
        """Put together what a finished run knows."""
        counts = Counter(pictures.labels)
        return cls(
            encoder=encoder,
            name=spec.name,
            pictures=len(pictures.examples),
            classes=len(counts),
            learned=len(split.train),
            held_out=len(split.validation),
            held_out_by=split.by,
            mode=str(trained.mode),
            start=trained.start,
            device=trained.device,
            best_epoch=trained.progress.best,
            epochs=[asdict(epoch) for epoch in trained.progress.epochs],
            finish=asdict(trained.finish),
            smallest_class=min(counts.values()),
            largest_class=max(counts.values()),
            unusable=[unusable.to_dict() for unusable in pictures.unusable],
            duplicates=pictures.duplicates,
            lowest_cosine_to_pytorch=trained.lowest_cosine,
            decisions=decided.facts if decided else None,
            told=dict(told),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=seconds,
        )

    @property
    def before(self) -> dict[str, Any]:
        """The validation before training."""
        return self.epochs[0]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def model_card(report: TrainingReport) -> str:
    """Write what someone must know who gets this encoder without its history."""
    recipe, preset = report.told["recipe"], report.told["preset"]
    before, after = report.before, report.finish
    return f"""# {report.name}

An image encoder, trained by `index train`. Use it with `index build CATALOGUE --encoder {report.name}/`.

* **Learned from** {report.learned} of {report.pictures} pictures in {report.classes} classes of
  {report.smallest_class} to {report.largest_class} ({_sources(report)}); {len(report.duplicates)} exact
  duplicates and {len(report.unusable)} unusable files were left out.
* **Network**: backbone {report.told["backbone"]}, GeM pooling in {preset["grid"] ** 2} cells{", of both sides" if preset["symmetric"] else ""}, {recipe["dim"]} dimensions; {report.mode} training
  from a head that was {report.start}.
* **Input**: preset {preset["name"]}: {preset["size"]} px, view {preset["view"]}, fit {preset["fit"]}.
* **Loss**: {recipe["loss"]}{f", miner {recipe['miner']}" if recipe["miner"] else ""}; seed {recipe["seed"]};
  best of {len(report.epochs) - 1} epochs: {report.best_epoch}; embeddings {report.finish["name"]}.
* **Trained** on {report.device}, finished {report.finished_at}. The graph gives PyTorch's embeddings: cosine of at
  least {report.lowest_cosine_to_pytorch:.6f}.

## How good it is

Measured on {report.held_out} pictures: {_HELD_OUT[report.held_out_by]}. They chose the epoch, so these figures flatter a
little; `index evaluate` on pictures that had no part in this is the judge.

| | before training | after |
|---|---|---|
| MAP@R | {before["map_at_r"]:.3f} | {after["map_at_r"]:.3f} |
| Recall@1 | {before["recall_at_1"]:.3f} | {after["recall_at_1"]:.3f} |
"""


def _sources(report: TrainingReport) -> str:
    dataset, decisions = report.told["dataset"], report.decisions
    judged = f"{decisions['pairs']} pairs decided in {decisions['store']}" if decisions else None
    return " and ".join(source for source in (dataset, judged) if source)
