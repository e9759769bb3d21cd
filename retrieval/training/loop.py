"""The training loop: epochs of batches, a validation after each, the best weights kept, and a state to go on from."""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.errors import TrainingRefused
from retrieval.similarity import Int64
from retrieval.splits import Split, require_trainable
from retrieval.training.checkpoint import pack, unpack
from retrieval.training.losses import PROXY_LOSSES, Objective
from retrieval.training.network import SiameseNetwork
from retrieval.training.recipe import Recipe
from retrieval.training.sampling import BatchSampler
from retrieval.training.sources import Source
from retrieval.training.validation import Validation

_LARGEST_GRADIENT = 5.0
_EPOCH_SEEDS = 1_000_003  # a prime: no two seeds share an epoch


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to. Number 0 is the validation before training: what there is to beat."""

    number: int
    loss: float | None
    map_at_r: float
    recall_at_1: float


@dataclass
class Progress:
    """A run so far; ``best`` is the number of the epoch that validated best."""

    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0


@dataclass(frozen=True)
class Watcher:
    """Who follows a run: told after each batch (done, total), and after each epoch with what writes its state."""

    on_batch: Callable[[int, int], None]
    on_epoch: Callable[[Progress, Callable[[], bytes]], None]


def train(
    network: SiameseNetwork,
    source: Source,
    labels: Sequence[str],
    split: Split,
    recipe: Recipe,
    watcher: Watcher,
    *,
    groups: Sequence[str] | None = None,
    resume: bytes | None = None,
) -> Progress:
    """Train ``network`` in place; it ends with the weights that validated best.

    Validation is MAP@R over the held-out rows, each against all others or those of its group; ``resume`` is a state of the same run.

    Raises:
        TrainingRefused: an unknown loss, a state of another run, or a loss or embeddings that are not finite.
    """
    run = _Run(network, source, labels, split, recipe, groups)
    if resume is not None:
        run.restore(resume)
    else:
        run.validate(0, None)
        watcher.on_epoch(run.progress, run.state)
    while not run.is_over:
        run.validate(run.number + 1, run.epoch(watcher.on_batch))
        watcher.on_epoch(run.progress, run.state)
    network.load_state_dict(run.best)
    network.eval()
    return run.progress


class _Run:
    """One run's moving parts."""

    def __init__(
        self,
        network: SiameseNetwork,
        source: Source,
        labels: Sequence[str],
        split: Split,
        recipe: Recipe,
        groups: Sequence[str] | None,
    ) -> None:
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self._network, self._source, self._split, self._recipe = network, source, split, recipe
        self._data = _fingerprint(labels, split, groups)
        rows, variants = _learnable(split.train, labels, recipe), source.variants
        numbers = {label: number for number, label in enumerate(sorted({labels[row] for row in rows}))}
        targets = np.array([numbers[labels[row]] for row in rows])
        self._rows = np.concatenate([number * len(labels) + rows for number in range(variants)])
        self._targets = np.concatenate([number * len(numbers) + targets for number in range(variants)])
        self._validation = Validation.of(split, labels, groups)
        torch.manual_seed(recipe.seed)
        self._objective = _objective(recipe, variants * len(numbers)).to(next(network.parameters()).device)
        chosen = None
        if groups is not None:  # turned classes are hard to tell from classes that are turned alike
            chosen = [f"{groups[row]} {number}" for number in range(variants) for row in rows]
        self._sampler = BatchSampler(self._targets.tolist(), recipe.batch, chosen)
        self._optimizer = self._make_optimizer()

    @property
    def number(self) -> int:
        """The last epoch's."""
        return self.progress.epochs[-1].number

    @property
    def is_over(self) -> bool:
        """After the last epoch, or when validation has not got better for long."""
        return self.number >= self._recipe.epochs or self.number - self.progress.best >= self._recipe.patience

    def _make_optimizer(self) -> torch.optim.Optimizer:
        recipe, weights = self._recipe, self._source.parameters(self._network)
        rates = {"backbone": recipe.backbone_rate, "head": recipe.head_rate, "proxies": recipe.proxy_rate}
        weights["proxies"] = list(self._objective.parameters())
        groups = [
            {"params": weights[name], "lr": rate, "peak": rate}
            for name, rate in rates.items()
            if weights[name]
        ]
        return torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)

    def epoch(self, on_batch: Callable[[int, int], None]) -> float:
        """Learn from as many pictures as there are; return the mean loss."""
        number, total = self.number, len(self._sampler)
        _set_training(self._network)
        seed = self._recipe.seed * _EPOCH_SEEDS + number
        generator = torch.Generator().manual_seed(seed)
        losses = []
        for batch, picked in enumerate(self._sampler.epoch(seed)):
            self._set_rates((number + batch / total) / self._recipe.epochs)
            embeddings = self._source.learn(self._network, self._rows[picked], generator)
            targets = torch.from_numpy(self._targets[picked]).to(embeddings.device)
            loss = self._objective(embeddings, targets)
            if not torch.isfinite(loss):
                raise TrainingRefused(
                    f"the loss became {loss.item()} in epoch {number + 1}: lower the learning rates"
                )
            self._optimizer.zero_grad()
            loss.backward()
            for group in self._optimizer.param_groups:
                torch.nn.utils.clip_grad_norm_(group["params"], _LARGEST_GRADIENT)
            self._optimizer.step()
            losses.append(loss.item())
            on_batch(batch + 1, total)
        return float(np.mean(losses))

    def _set_rates(self, done: float) -> None:
        """``done`` is the share of the run, 0 to 1."""
        warm = min(1.0, done / self._recipe.warmup_share) if self._recipe.warmup_share else 1.0
        factor = warm * (1 + math.cos(math.pi * min(1.0, done))) / 2
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * factor

    def validate(self, number: int, loss: float | None) -> None:
        """Judge the network as it is, and keep its weights if it never was better."""
        self._network.eval()
        vectors = self._source.embed(self._network, self._split.validation)
        if not np.isfinite(vectors).all():
            raise TrainingRefused(f"embeddings became infinite in epoch {number}: lower the learning rates")
        epoch = Epoch(number, loss, *self._validation.judge(vectors))
        self.progress.epochs.append(epoch)
        if number == 0 or epoch.map_at_r > self.progress.epochs[self.progress.best].map_at_r:
            self.progress.best = number
            self.best = {name: tensor.detach().clone() for name, tensor in self._network.state_dict().items()}

    def state(self) -> bytes:
        """Write down everything that the next epoch depends on."""
        facts = {"recipe": asdict(self._recipe), "data": self._data, "progress": asdict(self.progress)}
        return pack(self._network, self._objective, self._optimizer, self.best, facts)

    def restore(self, state: bytes) -> None:
        """Go back to where ``state`` was written.

        Raises:
            TrainingRefused: it is of another run.
        """
        best, facts = unpack(state, self._network, self._objective, self._optimizer)
        if facts["recipe"] != asdict(self._recipe):
            raise TrainingRefused("the checkpoint is of a run with another recipe: give the same options")
        if facts["data"] != self._data:
            raise TrainingRefused(
                "the checkpoint is of a run on other pictures or labels, and what it learned from could be held out "
                "now: begin again"
            )
        progress = facts["progress"]
        self.progress.epochs = [Epoch(**epoch) for epoch in progress["epochs"]]
        self.progress.best, self.best = progress["best"], best


def _learnable(rows: Int64, labels: Sequence[str], recipe: Recipe) -> Int64:
    """Leave out pictures that are alone in their class where the loss would learn a proxy for each.

    Raises:
        TrainingRefused: too few classes are left.
    """
    if recipe.loss not in PROXY_LOSSES:
        return rows
    counts = require_trainable([labels[row] for row in rows])
    kept = [row for row in rows if counts[labels[row]] > 1]
    require_trainable([labels[row] for row in kept])
    return np.array(kept, np.int64)


def _fingerprint(labels: Sequence[str], split: Split, groups: Sequence[str] | None) -> str:
    """Name what a run learns from and is judged on: a class that moved from one side to the other is a leak."""
    sides = [split.train.tolist(), split.validation.tolist()]
    document = json.dumps([list(labels), sides, None if groups is None else list(groups)])
    return hashlib.sha256(document.encode()).hexdigest()


def _objective(recipe: Recipe, classes: int) -> Objective:
    return Objective(
        recipe.loss,
        dim=recipe.dim,
        classes=classes,
        miner=recipe.miner,
        euclidean=recipe.euclidean,
        memory=recipe.memory,
        koleo=recipe.koleo,
    )


def _set_training(network: SiameseNetwork) -> None:
    """Train, with the statistics of a backbone's batch normalisation as they were learned from far more pictures."""
    network.train()
    if network.pretrained:
        for module in network.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
