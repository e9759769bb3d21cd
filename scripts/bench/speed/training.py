"""A training step as `index train` takes it, beside a plain PyTorch loop on the same batches, and the matrix products.

    python scripts/bench/speed/training.py

Both loops have the same network, loss and optimiser, and drawn pictures; the plain one has no views, no clipping of
gradients, no rates that follow a plan, and picks its rows at random: it is what a step could cost at the least. The
floor of the head alone is its products (forward, and two for the gradients); of everything, the network's forward and
backward pass without a loss. Needs the extra `train`.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from results import Result, medians_in_turns, record

from indexer.encoders import builtin_trunk
from retrieval.presets import Augment
from retrieval.splits import split_classes
from retrieval.training.loop import Watcher, train
from retrieval.training.losses import Objective
from retrieval.training.recipe import Recipe
from retrieval.training.run import NetworkPlan, make_network
from retrieval.training.sampling import BatchPlan
from retrieval.training.sources import FeatureSource, PictureSource, Source

CLASSES, EACH, SIZE, ROUNDS = 40, 24, 128, 3
FULL, HEAD = Recipe(epochs=1, batch=BatchPlan(64, 4)), Recipe(epochs=1)
DEVICE = torch.device("cpu")


def network() -> torch.nn.Module:
    return make_network(NetworkPlan("builtin", builtin_trunk()), FULL).to(memory_format=torch.channels_last)


def our_step(source: Source, recipe: Recipe, labels: list[str]) -> float:
    """Median seconds of a batch in `retrieval.training.loop.train`, validation left out."""
    arrived: list[float] = []
    watcher = Watcher(
        lambda _done, _total: arrived.append(time.perf_counter()), lambda _progress, _state: None
    )
    train(network(), source, labels, split_classes(labels, 0.1, 0), recipe, watcher)
    return float(np.median(np.diff(arrived)))


def plain_step(
    batch: Callable[[], torch.Tensor], through: Callable[[torch.nn.Module], object], size: int
) -> float:
    """Median seconds of forward, loss, backward and step."""
    one = network().train()
    embed = through(one)
    objective = Objective(
        FULL.loss, dim=FULL.dim, classes=CLASSES, miner=None, euclidean=False, memory=0, koleo=0.0
    )
    optimiser = torch.optim.AdamW(one.parameters(), 1e-4)
    targets = torch.arange(size) // 4
    taken = []
    for _ in range(10):
        started = time.perf_counter()
        loss = objective(embed(batch()), targets)  # type: ignore[operator]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def passes(pictures: torch.Tensor) -> float:
    """Seconds of the network's forward and backward pass alone."""
    one = network().train()
    one(pictures).sum().backward()
    started = time.perf_counter()
    for _ in range(3):
        one(pictures).sum().backward()
    return (time.perf_counter() - started) / 3


def products(size: int, width: int, dim: int) -> float:
    """Seconds of the products that a linear head needs for a step."""
    features, weights, gradient = torch.randn(size, width), torch.randn(width, dim), torch.randn(size, dim)
    started = time.perf_counter()
    for _ in range(100):
        features @ weights
        features.T @ gradient
        gradient @ weights.T
    return (time.perf_counter() - started) / 100


def main() -> None:
    generator = np.random.default_rng(0)
    labels = [str(row // EACH) for row in range(CLASSES * EACH)]
    images = generator.integers(0, 256, (len(labels), SIZE, SIZE, 3), np.uint8)
    width = network().width
    features = generator.standard_normal((4, len(labels), width), np.float32)
    pictures, vectors = FULL.batch.size, HEAD.batch.size

    def picture_batch() -> torch.Tensor:
        rows = generator.integers(0, len(labels), pictures)
        batch = torch.from_numpy(images[rows]).permute(0, 3, 1, 2).float()
        return batch.contiguous(memory_format=torch.channels_last)

    def feature_batch() -> torch.Tensor:
        return torch.from_numpy(features[0, generator.integers(0, len(labels), vectors)])

    taken = medians_in_turns(
        {
            "full": lambda: our_step(PictureSource(images, Augment(flip=True), DEVICE), FULL, labels),
            "full, plain": lambda: plain_step(picture_batch, lambda one: one, pictures),
            "full, floor": lambda: passes(picture_batch()),
            "head": lambda: our_step(FeatureSource(features, DEVICE), HEAD, labels),
            "head, plain": lambda: plain_step(feature_batch, lambda one: one.embed, vectors),
            "head, floor": lambda: products(vectors, width, HEAD.dim),
        },
        ROUNDS,
    )
    results = [
        Result(
            f"training step, {name}",
            "ms",
            1000 * taken[mode],
            1000 * taken[f"{mode}, floor"],
            floor_is,
            {"plain PyTorch loop": 1000 * taken[f"{mode}, plain"]},
            must_of_peer=0.9,
        )
        for mode, name, floor_is in (
            ("head", f"head alone, {vectors} vectors of {width}", "matrix products"),
            ("full", f"whole network, {pictures} pictures of {SIZE} px", "forward and backward pass"),
        )
    ]
    record(results, "scripts/bench/speed/training.py")


if __name__ == "__main__":
    main()
