"""The built-in encoder while it learns: one trunk, and a pooled, projected head for each space."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F  # noqa: N812  # the field's name for it
from torch import Tensor, nn

from retrieval.backbone import MEAN, STD, ConvNorm, EfficientNetLite0, GeM

DIM = 256
# What a head pools: layers of the trunk. Copies are told by parts as much as by things, so they see a middle layer too.
LAYERS = {"copy": ("blocks.11.expand", "head"), "object": ("head",)}
FIRST_LEARNING_BLOCK = 3  # edges and colours, two thirds of the time of a step, stay as ImageNet taught them


class BuiltinNetwork(nn.Module):
    """(n, 3, h, w) float32 in 0..255 to {space: (n, DIM)} of unit length.

    Batch normalisation is folded into the convolutions and so stays as it was; what comes before
    FIRST_LEARNING_BLOCK is frozen.
    """

    def __init__(self, trunk: EfficientNetLite0) -> None:
        super().__init__()
        self.trunk = trunk
        for layer in trunk.modules():
            if isinstance(layer, ConvNorm):
                layer.fold()
        for frozen in (trunk.stem, *trunk.blocks[:FIRST_LEARNING_BLOCK]):
            frozen.requires_grad_(requires_grad=False)
        self.pools = nn.ModuleDict(
            {space: nn.ModuleList(GeM(3.0, learn=True) for _ in LAYERS[space]) for space in LAYERS}
        )
        self.heads = nn.ModuleDict({space: nn.Linear(self.width(space), DIM) for space in LAYERS})

    def width(self, space: str) -> int:
        """How many features a head projects."""
        return sum(self.trunk.get_submodule(name).conv.out_channels for name in LAYERS[space])

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """Feature maps of every layer that some head pools, not negative."""
        x = (images - MEAN[0]) / STD[0]
        with torch.no_grad():
            x = self.trunk.stem(x)
            for block in self.trunk.blocks[:FIRST_LEARNING_BLOCK]:
                x = block(x)
        maps = {}
        for number, block in enumerate(self.trunk.blocks[FIRST_LEARNING_BLOCK:], FIRST_LEARNING_BLOCK):
            name = f"blocks.{number}.expand"
            if name in LAYERS["copy"]:
                maps[name] = block.expand(x)
            x = block(x)
        return maps | {"head": self.trunk.head(x)}

    def features(self, maps: dict[str, Tensor], space: str) -> Tensor:
        """(n, width) pooled, each layer's part of unit length."""
        return torch.cat(
            [
                F.normalize(pool(maps[name]))
                for pool, name in zip(self.pools[space], LAYERS[space], strict=True)
            ],
            dim=1,
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Embed pictures in every space."""
        maps = self.maps(images)
        return {space: F.normalize(self.heads[space](self.features(maps, space))) for space in LAYERS}

    def trunk_parameters(self) -> Iterable[nn.Parameter]:
        """What learns of the trunk, and the pools."""
        return [p for p in (*self.trunk.parameters(), *self.pools.parameters()) if p.requires_grad]
