"""The Siamese network: backbone, GeM pooling and head, one set of weights for both pictures of a pair."""

import torch
import torch.nn.functional as F  # noqa: N812  # the field's name for it
from torch import Tensor, nn

from retrieval.backbone import GeM
from retrieval.errors import TrainingRefused
from retrieval.training.backbones import Backbone

HIDDEN = 512
_LEAST_VARIANCE = 1e-10  # of features of unit length: below lies only rounding


class SiameseNetwork(nn.Module):
    """Pictures to embeddings of unit length.

    A backbone that knows pictures gets a linear head, set by `whiten` to a projection of what the backbone sees, so
    that training starts from the frozen trunk and not from noise; one that does not gets a layer between. ``grid``
    is the number of cells a side that pooling keeps apart: ``width`` is the backbone's channels in all of them.
    """

    def __init__(self, backbone: Backbone, dim: int, grid: int = 1) -> None:
        super().__init__()
        self.backbone = backbone.module
        self.pool = GeM(3.0, learn=True, grid=grid)
        self.dim, self.width, self.pretrained = dim, backbone.channels * grid**2, backbone.pretrained
        self.head: nn.Module = nn.Linear(self.width, dim)
        if not backbone.pretrained:
            self.head = nn.Sequential(nn.Linear(self.width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, dim))
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1))

    def features(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) float32 in 0..255 to pooled (n, width) of unit length."""
        return F.normalize(self.pool(self.backbone((images - self.mean) / self.std)))

    def embed(self, features: Tensor) -> Tensor:
        """(n, width) to (n, dim) of unit length."""
        return F.normalize(self.head(features))

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) float32 in 0..255 to (n, dim) of unit length."""
        return self.embed(self.features(images))


@torch.no_grad()
def whiten(head: nn.Linear, features: Tensor, power: float = 0.5) -> None:
    """Set a (width, dim) head to the first principal components of (n, width) features, half-whitened.

    Dividing each component by its deviation to the ``power`` is between PCA (0) and whitening (1); Jégou and Chum,
    "Negative evidences and co-occurrences in image retrieval: the benefit of PCA and whitening", ECCV 2012.
    Components that the features do not have stay as they were, but 0.

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
    order = variances.argsort(descending=True)[: min(head.out_features, len(features) - 1)]
    weight = directions[:, order] / variances[order].clamp(min=variances.max() * 1e-6) ** (power / 2)
    weight = weight / (centred @ weight).norm(dim=1).mean()
    head.weight.zero_()
    head.bias.zero_()
    head.weight[: len(order)] = weight.T.float()
    head.bias[: len(order)] = -(mean @ weight).float()


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
