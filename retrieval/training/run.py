"""A whole run: backbone, network, what it learns from, the loop, and the encoder that comes out, as bytes."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from retrieval.encoder import MAX_DIM, EncoderSpec
from retrieval.errors import TrainingRefused
from retrieval.presets import Augment, NewClasses
from retrieval.splits import Split
from retrieval.training.backbones import make_backbone
from retrieval.training.export import require_agreement, to_onnx
from retrieval.training.features import frozen_features
from retrieval.training.finish import Finish, finish
from retrieval.training.loop import Progress, Watcher, train
from retrieval.training.losses import require_known
from retrieval.training.memory import keep_freed_memory
from retrieval.training.network import SiameseNetwork
from retrieval.training.projection import best_start
from retrieval.training.recipe import Recipe
from retrieval.training.sources import FeatureSource, PictureSource, Source
from retrieval.training.validation import Validation


class Mode(StrEnum):
    """What learns: only a new ``head``, on features of a frozen backbone that are computed once; or the ``full`` network."""

    HEAD = "head"
    FULL = "full"


@dataclass(frozen=True)
class TrainingTask:
    """(n, size, size, 3) uint8 pictures, a label each, their split, and how they may be varied.

    ``groups`` are n values; classes of one group meet in a batch where the recipe's batch plan says so.
    ``new_classes`` are made where the whole network learns.
    """

    images: npt.NDArray[np.uint8]
    labels: Sequence[str]
    split: Split
    augment: Augment
    groups: Sequence[str] | None = None
    new_classes: NewClasses = NewClasses.NONE


@dataclass(frozen=True)
class NetworkPlan:
    """The network to train. ``weights`` is a safetensors file; ``views`` counts those that a frozen backbone sees, ``grid`` the cells a side that pooling keeps.

    What is ``symmetric`` is embedded together with its mirror image.
    """

    backbone: str
    builtin_weights: bytes
    weights: bytes | None = None
    mode: Mode | None = None
    views: int = 4
    grid: int = 1
    symmetric: bool = False


@dataclass(frozen=True)
class TrainedEncoder:
    """An encoder as it is shipped: graph and weights, and how the run went.

    ``start`` names what the head was before it learned, ``finish`` what became of the embeddings afterwards.
    """

    graph: bytes
    weights: bytes
    mode: Mode
    start: str
    progress: Progress
    finish: Finish
    lowest_cosine: float
    device: str


def make_network(plan: NetworkPlan, recipe: Recipe) -> SiameseNetwork:
    """Make the network as it is before it has seen a picture. What can be refused without pictures is refused here.

    Raises:
        TrainingRefused: settings that contradict each other, no such backbone, or weights that do not fit it.
        LibraryMissing: the backbone's library is not installed.
    """
    require_known(recipe.loss, recipe.miner, memory=recipe.memory, euclidean=recipe.euclidean)
    size, per_class = recipe.batch.size, recipe.batch.per_class
    if 2 * per_class > size:
        raise TrainingRefused(f"a batch of {size} has no room for two classes with {per_class} pictures each")
    if 0 < recipe.memory < size:
        raise TrainingRefused(f"a memory of {recipe.memory} does not hold one batch of {size}")
    torch.manual_seed(recipe.seed)
    backbone = make_backbone(plan.backbone, builtin_weights=plan.builtin_weights, weights=plan.weights)
    width = backbone.channels * plan.grid**2
    if width > MAX_DIM:
        raise TrainingRefused(
            f"a grid of {plan.grid} cells a side gives {width} features a picture, at most {MAX_DIM} are learned from:"
            " take a smaller grid"
        )
    return SiameseNetwork(backbone, recipe.dim, plan.grid, symmetric=plan.symmetric)


def train_encoder(
    task: TrainingTask,
    network: SiameseNetwork,
    plan: NetworkPlan,
    recipe: Recipe,
    spec: EncoderSpec,
    watcher: Watcher,
    *,
    resume: bytes | None,
    on_features: Callable[[int, int], None],
) -> TrainedEncoder:
    """Train ``network``, keep what validated best, export it, and hold the graph against PyTorch.

    Without a ``mode`` the head learns on a backbone that knows pictures, and everything on one that does not.

    Raises:
        TrainingRefused: pictures or settings that cannot be trained with, or a graph that is not the network.
    """
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    mode = plan.mode or (Mode.HEAD if network.pretrained else Mode.FULL)
    validation = Validation.of(task.split, task.labels, task.groups)
    source, start = _source(network, task, plan, mode, recipe.seed, device, on_features, validation)
    network = network.to(device, memory_format=torch.channels_last)
    progress = train(
        network, source, task.labels, task.split, recipe, watcher, groups=task.groups, resume=resume
    )
    finished = finish(network, source, task.labels, validation)
    network = network.cpu()
    graph = to_onnx(network, task.images.shape[1], spec.spaces[0].name)
    lowest = require_agreement(graph, spec, network, task.images, os.cpu_count() or 1)
    return TrainedEncoder(graph, _safetensors(network), mode, start, progress, finished, lowest, device.type)


def _source(
    network: SiameseNetwork,
    task: TrainingTask,
    plan: NetworkPlan,
    mode: Mode,
    seed: int,
    device: torch.device,
    on_features: Callable[[int, int], None],
    validation: Validation,
) -> tuple[Source, str]:
    """What the network learns from, and what its head starts as: if linear, a projection of what the backbone sees."""
    head, pictures = network.head, PictureSource(task.images, task.augment, device, task.new_classes)
    if mode is Mode.FULL and not isinstance(head, nn.Linear):
        return pictures, "random"
    features = frozen_features(
        network.eval(),
        task.images,
        views=plan.views,
        augment=task.augment,
        seed=seed,
        threads=os.cpu_count() or 1,
        progress=on_features,
    )
    start = "random"
    if isinstance(head, nn.Linear):
        start = best_start(head, features, task.labels, validation)
    return (FeatureSource(features, device) if mode is Mode.HEAD else pictures), start


def _safetensors(network: nn.Module) -> bytes:
    from safetensors.torch import save

    return save({name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()})
