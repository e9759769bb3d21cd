"""What `object` learns: a projection of what ImageNet's trunk sees, fitted on photos with classes."""

import random

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the field's name for it
from bench.edits import FITTED, edited
from builtin.features import Features
from builtin.network import DIM, BuiltinNetwork
from builtin.photos import Photo
from builtin.whitening import class_differences, learned_whitening
from torch import nn

from indexer.decoding.decode import decode
from indexer.decoding.limits import Limits
from retrieval.training.losses import Objective
from retrieval.view import Fit

CLASSES, PER_CLASS = 48, 4  # of a step
STEPS, RATE = 400, 1e-3
HOLD = 20.0


def fitted_objects(network: BuiltinNetwork, photos: list[Photo], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Weight (d, DIM) and bias (DIM,), halfway between two projections of the trunk's features.

    The first is learned whitening: photos of a class should be near, and every photo near an edit of it. The second goes
    on from there, to tell the classes apart, and forgets some of what it never sees; halfway to it most is won and
    little lost (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
    """
    features = Features(network, "object", size)
    rows = features.of(pixels(photo.path.read_bytes(), size) for photo in photos)
    edits = features.of(
        pixels(edited(photo.path, random.Random(number), kinds=FITTED), size)
        for number, photo in enumerate(photos)
    )
    labels = [photo.label for photo in photos]
    differences = {"classes": class_differences(rows, labels), "edits": rows - edits}
    weight, bias = learned_whitening(
        rows, differences, {"classes": 1.0, "edits": 0.2}, dim=DIM, shrinkage=0.7, whitening=0.2
    )
    length = np.linalg.norm(rows @ weight + bias, axis=1).mean()
    start = weight / length, bias / length
    learned = _told_apart(rows, labels, *start)
    return (start[0] + learned[0]) / 2, (start[1] + learned[1]) / 2


def _told_apart(
    rows: np.ndarray, labels: list[str | None], weight: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Go on from a projection of (n, d) features by SupCon, holding on to the cosines that the features have."""
    torch.manual_seed(0)
    head = nn.Linear(*weight.shape)
    head.weight.data, head.bias.data = torch.from_numpy(weight.T.copy()), torch.from_numpy(bias.copy())
    features = torch.from_numpy(rows)
    known = F.normalize(features - features.mean(dim=0))
    members: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label is not None:
            members.setdefault(label, []).append(row)
    classes = [of_class for of_class in members.values() if len(of_class) >= PER_CLASS]
    objective = Objective("supcon", dim=DIM, classes=len(classes))
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, STEPS)
    chance = random.Random(0)
    for _ in range(STEPS):
        drawn = chance.sample(range(len(classes)), min(CLASSES, len(classes)))
        chosen = torch.tensor([row for one in drawn for row in chance.sample(classes[one], PER_CLASS)])
        embeddings = F.normalize(head(features[chosen]))
        change = (embeddings @ embeddings.T - known[chosen] @ known[chosen].T).square().mean()
        loss = objective(embeddings, torch.tensor(drawn).repeat_interleave(PER_CLASS)) + HOLD * change
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return head.weight.detach().numpy().T, head.bias.detach().numpy()


def pixels(content: bytes, size: int) -> np.ndarray:
    """(size, size, 3) uint8, decoded as the product does."""
    return decode(content, size=size, fit=Fit.STRETCH, limits=Limits()).pixels
