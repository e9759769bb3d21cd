"""Where a linear head starts: projections of a frozen backbone's features that need no gradient, and the best of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.errors import TrainingRefused
from retrieval.similarity import Float32
from retrieval.training.validation import Validation

SHRINKAGES = (0.03, 0.1, 0.3, 0.6)
_MOST_COMPONENTS = 512  # of the features, within which whitening is learned
_LEAST_VARIANCE = 1e-10  # of features of unit length: below lies only rounding


@dataclass(frozen=True)
class Projection:
    """(x - mean) @ weight takes (n, width) features to (n, k); ``name`` says how it was found."""

    name: str
    mean: Tensor
    weight: Tensor

    def start(self, head: nn.Linear) -> None:
        """Set the head to it, scaled to embeddings near unit length; outputs beyond k are 0."""
        with torch.no_grad():
            head.weight.zero_()
            head.bias.zero_()
            head.weight[: self.weight.shape[1]] = self.weight.T.float()
            head.bias[: self.weight.shape[1]] = -(self.mean @ self.weight).float()


def projections(features: Tensor, labels: Sequence[str], dim: int) -> Iterator[Projection]:
    """Find projections of (n, width) features of unit length to at most ``dim`` components.

    Raises:
        TrainingRefused: the features are all the same.
    """
    mean = features.double().mean(dim=0)
    centred = features.double() - mean
    variances, directions = _principal(centred)
    if variances.max() < _LEAST_VARIANCE:
        raise TrainingRefused(
            "the backbone sees no difference between the pictures: are they all of one colour?"
        )
    kept = variances.argsort(descending=True)[: min(_MOST_COMPONENTS, len(features) - 1)]
    variances, directions = variances[kept].clamp(min=variances.max() * 1e-6), directions[:, kept]
    weight = half_whitened(variances, directions)[:, :dim]
    yield Projection("half-whitened components", mean, _scaled(weight, centred))
    reduced = centred @ directions
    for shrinkage in SHRINKAGES:
        weight = directions @ whitened_within_classes(reduced, labels, dim, shrinkage)
        yield Projection(f"whitened within classes, shrinkage {shrinkage:g}", mean, _scaled(weight, centred))


def half_whitened(variances: Tensor, directions: Tensor) -> Tensor:
    """Divide (width, k) principal directions by the root of their deviation: between PCA and whitening.

    Jégou and Chum, "Negative evidences and co-occurrences in image retrieval: the benefit of PCA and whitening",
    ECCV 2012.
    """
    return directions / variances**0.25


def whitened_within_classes(features: Tensor, labels: Sequence[str], dim: int, shrinkage: float) -> Tensor:
    """Return a (width, dim) projection under which (n, width) centred features vary alike in all directions within classes.

    What differs between pictures of one class is made small, then the directions of the largest variance are kept:
    learned whitening (Mikolajczyk and Matas, "Improving descriptors for fast tree matching by optimal linear
    projection", ICCV 2007; Radenović et al., PAMI 2018). ``shrinkage`` is the share of the mean variance that is put
    in place of the estimated one (Ledoit and Wolf, 2004): of few pictures the estimate is poor.
    """
    numbers = {label: number for number, label in enumerate(sorted(set(labels)))}
    targets = torch.tensor([numbers[label] for label in labels])
    sums = torch.zeros(len(numbers), features.shape[1], dtype=features.dtype).index_add_(0, targets, features)
    counts = torch.bincount(targets, minlength=len(numbers))
    within = features - (sums / counts[:, None])[targets]
    variances, directions = torch.linalg.eigh(within.T @ within / len(within))
    variances = (1 - shrinkage) * variances.clamp(min=0) + shrinkage * variances.mean()
    whitening = directions / variances.clamp(min=_LEAST_VARIANCE).sqrt()
    _, kept = torch.linalg.eigh((features @ whitening).T @ (features @ whitening))
    return whitening @ kept.flip(1)[:, :dim]


def best_start(head: nn.Linear, features: Float32, labels: Sequence[str], validation: Validation) -> str:
    """Start the head as the projection that validates best (MAP@R), and name it; a tie goes to the larger gap.

    ``features`` are (views, n, width): projections are found on all views of what is learned from, and judged on
    view 0 of what is held out for validation.

    Raises:
        TrainingRefused: the features are all the same.
    """
    split = validation.split
    rows = torch.from_numpy(features[:, split.train]).flatten(0, 1)
    names = [labels[row] for row in split.train] * len(features)
    judged = torch.from_numpy(features[0, split.validation])
    best = max(
        projections(rows, names, head.out_features),
        key=lambda projection: _quality(
            nn.functional.normalize((judged.double() - projection.mean) @ projection.weight), validation
        ),
    )
    best.start(head)
    return best.name


def _quality(embeddings: Tensor, validation: Validation) -> tuple[float, float]:
    """MAP@R, then how many deviations lie between the scores of same and of different pairs: few classes tie."""
    names = np.array(validation.labels)
    first, second = np.triu_indices(len(names), 1)
    same = torch.from_numpy(names[first] == names[second])
    scores = (embeddings @ embeddings.T)[first, second]
    gap = scores[same].mean() - scores[~same].mean()
    spread = ((scores[same].var(correction=0) + scores[~same].var(correction=0)) / 2).sqrt()
    return validation.judge(embeddings.float().numpy())[0], float(gap / spread.clamp(min=1e-9))


def _scaled(weight: Tensor, centred: Tensor) -> Tensor:
    return weight / (centred @ weight).norm(dim=1).mean()


def _principal(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Variances and (width, k) directions of (n, width) centred features, by the smaller of the two products.

    Of fewer rows than columns the products of rows with each other hold the same (Turk and Pentland, 1991).
    """
    count, width = centred.shape
    if width <= count:
        variances, directions = torch.linalg.eigh(centred.T @ centred / count)
        return variances, directions
    variances, mixtures = torch.linalg.eigh(centred @ centred.T / count)
    directions = centred.T @ mixtures
    return variances, directions / directions.norm(dim=0).clamp(min=1e-12)
