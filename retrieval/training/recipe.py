"""What a training run is told: the same recipe and seed on the same data give the same run."""

from dataclasses import dataclass, field

from retrieval.training.sampling import BatchPlan

SMALL = "small"  # the backbone that starts from nothing
RATE_FROM_NOTHING = 1e-3  # what it learns at, unless told otherwise


@dataclass(frozen=True)
class Recipe:
    """Learning rates are AdamW's peaks, after a linear warm-up and before a cosine descent to nothing.

    ``patience`` ends a run after that many epochs without a better validation. ``dim`` is the embedding's. The rest
    is described where it is used: `losses.Objective`, `sampling.BatchPlan`.
    """

    loss: str = "multi-similarity"
    miner: str | None = None
    euclidean: bool = False
    memory: int = 0
    koleo: float = 0.0
    dim: int = 256
    epochs: int = 30
    patience: int = 8
    batch: BatchPlan = field(default_factory=BatchPlan)
    backbone_rate: float = 1e-4
    head_rate: float = 1e-3
    proxy_rate: float = 5e-3
    weight_decay: float = 1e-4
    warmup_share: float = 0.05
    seed: int = 0
