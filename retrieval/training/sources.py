"""What a network learns from: pictures that are varied anew each time, or features that a frozen backbone gave."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from retrieval.presets import Augment, NewClasses
from retrieval.similarity import Float32, Int64
from retrieval.training.augment import augmented
from retrieval.training.network import SiameseNetwork
from retrieval.training.new_classes import variant, variant_count

RUN_SIZE = 64


class Source(Protocol):
    """Rows in, embeddings out: for learning, of a varied view; for judging, of the picture as it is.

    Of n pictures the row ``v * n + row`` is learned from as variant v of picture ``row``: another class.
    """

    @property
    def variants(self) -> int:
        """How many classes one class becomes, itself included."""

    def parameters(self, network: SiameseNetwork) -> dict[str, list[nn.Parameter]]:
        """Return the weights that learn: those of the ``backbone`` and of the ``head``."""

    def learn(self, network: SiameseNetwork, rows: Int64, generator: torch.Generator) -> Tensor:
        """Return (n, dim) embeddings of views of these rows, with their gradient."""

    def embed(self, network: SiameseNetwork, rows: Int64) -> Float32:
        """Return (n, dim) embeddings of these rows, without views or gradient."""


@dataclass(frozen=True)
class PictureSource:
    """(n, size, size, 3) uint8 pictures, for full fine-tuning on ``device``."""

    images: npt.NDArray[np.uint8]
    augment: Augment
    device: torch.device
    new_classes: NewClasses = NewClasses.NONE

    @property
    def variants(self) -> int:
        """As many as there are turned or mirrored pictures of one."""
        return variant_count(self.new_classes)

    def parameters(self, network: SiameseNetwork) -> dict[str, list[nn.Parameter]]:
        """Everything learns."""
        return {
            "backbone": [*network.backbone.parameters(), *network.pool.parameters()],
            "head": list(network.head.parameters()),
        }

    def learn(self, network: SiameseNetwork, rows: Int64, generator: torch.Generator) -> Tensor:
        """Vary the pictures, then embed them; in bfloat16 on a GPU (on CPUs without AMX it is slower)."""
        numbers, rows = np.divmod(rows, len(self.images))
        pictures = self.images[rows]
        for number in range(1, self.variants):
            pictures[numbers == number] = variant(pictures[numbers == number], self.new_classes, number)
        views = augmented(torch.from_numpy(pictures), self.augment, generator)
        views = views.to(self.device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            embeddings: Tensor = network(views)
        return embeddings.float()

    def embed(self, network: SiameseNetwork, rows: Int64) -> Float32:
        """Embed the pictures as they are."""
        return embed_pictures(network, self.images, rows, self.device)


@dataclass(frozen=True)
class FeatureSource:
    """(views, n, width) pooled features of a frozen backbone; view 0 is of the picture as it is."""

    features: Float32
    device: torch.device
    variants: int = 1

    def parameters(self, network: SiameseNetwork) -> dict[str, list[nn.Parameter]]:
        """Only the head learns."""
        return {"backbone": [], "head": list(network.head.parameters())}

    def learn(self, network: SiameseNetwork, rows: Int64, generator: torch.Generator) -> Tensor:
        """Take any of the views of each row."""
        views = torch.randint(len(self.features), (len(rows),), generator=generator).numpy()
        return network.embed(torch.from_numpy(self.features[views, rows]).to(self.device))

    @torch.inference_mode()
    def embed(self, network: SiameseNetwork, rows: Int64) -> Float32:
        """Take view 0 of each row."""
        embeddings: Float32 = (
            network.embed(torch.from_numpy(self.features[0, rows]).to(self.device)).cpu().numpy()
        )
        return embeddings


@torch.inference_mode()
def embed_pictures(
    network: SiameseNetwork, images: npt.NDArray[np.uint8], rows: Int64, device: torch.device
) -> Float32:
    """Embed (n, size, size, 3) uint8 pictures as they are: (len(rows), dim)."""
    parts = [network(tensor).cpu().numpy() for tensor in _runs(images, rows, device)]
    return np.concatenate(parts) if parts else np.empty((0, network.dim), np.float32)


def _runs(images: npt.NDArray[np.uint8], rows: Int64, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(rows), RUN_SIZE):
        pixels = torch.from_numpy(images[rows[start : start + RUN_SIZE]]).to(device)
        yield pixels.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
