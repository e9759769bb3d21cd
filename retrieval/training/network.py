"""The Siamese network: backbone, GeM pooling and head, one set of weights for both pictures of a pair."""

import torch
import torch.nn.functional as F  # noqa: N812  # the field's name for it
from torch import Tensor, nn

from retrieval.backbone import GeM
from retrieval.training.backbones import Backbone

HIDDEN = 512


class SiameseNetwork(nn.Module):
    """Pictures to embeddings of unit length.

    A backbone that knows pictures gets a linear head, set to a projection of what the backbone sees, so that training
    starts from the frozen trunk and not from noise; one that does not gets a layer between. ``grid``
    is the number of cells a side that pooling keeps apart: ``width`` is the backbone's channels in all of them.
    ``whitening`` is what `finish` may put behind the head once it is trained. What is ``symmetric`` embeds a picture
    together with its mirror image, but learns from one side at a time.
    """

    def __init__(self, backbone: Backbone, dim: int, grid: int = 1, *, symmetric: bool = False) -> None:
        super().__init__()
        self.symmetric = symmetric
        self.backbone = backbone.module
        self.pool = GeM(3.0, learn=True, grid=grid)
        self.dim, self.width, self.pretrained = dim, backbone.channels * grid**2, backbone.pretrained
        self.head: nn.Module = nn.Linear(self.width, dim)
        if not backbone.pretrained:
            self.head = nn.Sequential(nn.Linear(self.width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, dim))
        self.whitening: nn.Module = nn.Identity()
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1))

    def one_sided(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) float32 in 0..255, as they lie, to pooled (n, width) of unit length."""
        return F.normalize(self.pool(self.backbone((images - self.mean) / self.std)))

    def features(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) float32 in 0..255 to pooled (n, width) of unit length, of both sides where they are judged."""
        if self.training or not self.symmetric:
            return self.one_sided(images)
        return F.normalize(self.one_sided(images) + self.one_sided(images.flip(3)))

    def embed(self, features: Tensor) -> Tensor:
        """(n, width) to (n, dim) of unit length."""
        embeddings = F.normalize(self.head(features))
        return (
            embeddings if isinstance(self.whitening, nn.Identity) else F.normalize(self.whitening(embeddings))
        )

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) float32 in 0..255 to (n, dim) of unit length."""
        return self.embed(self.features(images))
