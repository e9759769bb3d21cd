"""Backbones by name: the built-in trunk, a small network to train from nothing, torchvision's and timm's.

``builtin`` needs no network; ``builtin:5`` is its first 5 of 7 stages: strokes and shapes, not yet things. The weights of torchvision and timm come from their own hubs (and their caches), or from
a safetensors file that the caller has read.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812  # the field's name for it
from torch import Tensor, nn

from retrieval.backbone import MEAN, STAGES, STD, EfficientNetLite0
from retrieval.errors import LibraryMissing, TrainingRefused
from retrieval.training.recipe import SMALL

BUILTIN = "builtin"
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
SMALL_WIDTHS = (32, 64, 128, 256)

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class Backbone:
    """A network from normalised (n, 3, h, w) pictures to (n, channels, h', w') feature maps.

    ``mean`` and ``std`` normalise pixels of 0..255. ``pretrained`` says whether it knows pictures already.
    """

    name: str
    module: nn.Module
    channels: int
    mean: Channels
    std: Channels
    pretrained: bool


def make_backbone(name: str, *, builtin_weights: bytes, weights: bytes | None = None) -> Backbone:
    """Make ``builtin``, ``builtin:STAGES``, ``small``, ``torchvision:NAME`` or ``timm:NAME``.

    ``builtin_weights`` is the safetensors file that ships with the package; ``weights`` one for the others.

    Raises:
        TrainingRefused: no such backbone, or weights that do not fit it.
        LibraryMissing: its library is not installed.
    """
    source, _, model = name.partition(":")
    if name == BUILTIN:
        return _builtin(builtin_weights)
    if source == BUILTIN:
        return _first_stages(model, builtin_weights)
    if name == SMALL:
        half = (127.5, 127.5, 127.5)
        return Backbone(SMALL, SmallNetwork(), SMALL_WIDTHS[-1], half, half, pretrained=False)
    if source == "torchvision" and model:
        module, mean, std = _torchvision(model, weights)
    elif source == "timm" and model:
        module, mean, std = _timm(model, weights)
    else:
        known = f"{BUILTIN}, {BUILTIN}:STAGES, {SMALL}, torchvision:NAME or timm:NAME"
        raise TrainingRefused(f"unknown backbone {name!r}: {known}")
    return Backbone(name, module, _channels(module, name), mean, std, pretrained=True)


class SmallNetwork(nn.Module):
    """A stem and four residual blocks for drawings, sounds and other things that ImageNet never showed.

    A small ResNet (He et al., CVPR 2016). On unseen alphabets of Omniglot it names more characters from one example,
    after as many epochs, than as many plain convolutions.
    """

    def __init__(self) -> None:
        super().__init__()
        width = SMALL_WIDTHS[0]
        layers: list[nn.Module] = [_convolution(3, width, 3, stride=2), nn.ReLU(inplace=True)]
        for inputs, outputs in pairwise((width, *SMALL_WIDTHS)):
            layers.append(ResidualBlock(inputs, outputs, stride=1 if inputs == outputs else 2))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) to (n, 256, ceil(h / 16), ceil(w / 16))."""
        return self.layers(images)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _convolution(inputs, outputs, 3, stride=stride),
            nn.ReLU(inplace=True),
            _convolution(outputs, outputs, 3, stride=1),
        )
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else _convolution(inputs, outputs, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, ceil(h / stride), ceil(w / stride))."""
        return F.relu(self.shortcut(x) + self.residual(x))


def _convolution(inputs: int, outputs: int, kernel: int, *, stride: int) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


def _builtin(weights: bytes) -> Backbone:
    """Make the trunk with its own weights: batch normalisation is folded, and stays as it was."""
    from safetensors.torch import load

    module = EfficientNetLite0()
    module.load_folded({name: tensor.float() for name, tensor in load(weights).items()})
    return Backbone(BUILTIN, module, 1280, MEAN, STD, pretrained=True)


def _first_stages(stages: str, weights: bytes) -> Backbone:
    """Leave out the trunk's last stages: what they add is what ImageNet's things have in common."""
    if stages not in map(str, range(1, len(STAGES))):
        raise TrainingRefused(
            f"{BUILTIN}:{stages}: the trunk has {len(STAGES)} stages, give 1 to {len(STAGES) - 1}"
        )
    count = int(stages)
    trunk = _builtin(weights).module
    blocks = list(trunk.blocks)[: sum(stage[2] for stage in STAGES[:count])]
    maps = nn.Sequential(trunk.stem, *blocks)
    return Backbone(
        f"{BUILTIN}:{count}", _FeatureMaps(maps), STAGES[count - 1][1], MEAN, STD, pretrained=True
    )


class _FeatureMaps(nn.Module):
    """A network up to feature maps of it, rectified: GeM takes roots."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) to (n, channels, h', w'), not negative."""
        return F.relu(self.features(images))


def _torchvision(model: str, weights: bytes | None) -> tuple[nn.Module, Channels, Channels]:
    try:
        from torchvision import models
    except ImportError as error:
        raise LibraryMissing("torchvision") from error
    if model not in models.list_models(module=models):
        raise TrainingRefused(f"torchvision has no model {model!r}")
    try:
        network = models.get_model(model, weights="DEFAULT" if weights is None else None)
    except OSError as error:
        raise TrainingRefused(
            f"the weights of torchvision:{model} cannot be fetched ({error}): give them as a file"
        ) from error
    # EfficientNet, MobileNet, ConvNeXt and DenseNet name them; of ResNet and its kin it is all but pooling and classifier.
    named = getattr(network, "features", None)
    maps = named or nn.Sequential(*list(network.children())[:-2])
    if weights is not None:
        _load(network, maps, weights, f"torchvision:{model}")
    return _FeatureMaps(maps), IMAGENET_MEAN, IMAGENET_STD


def _timm(model: str, weights: bytes | None) -> tuple[nn.Module, Channels, Channels]:
    try:
        import timm
    except ImportError as error:
        raise LibraryMissing("timm") from error
    if not timm.is_model(model):
        raise TrainingRefused(f"timm has no model {model!r}")
    try:
        network = timm.create_model(model, pretrained=weights is None, num_classes=0, global_pool="")
    except (OSError, RuntimeError) as error:
        raise TrainingRefused(
            f"the weights of timm:{model} cannot be fetched ({error}): give them as a file"
        ) from error
    if weights is not None:
        _load(network, network, weights, f"timm:{model}")
    mean, std = ([255 * value for value in network.default_cfg[key]] for key in ("mean", "std"))
    return _FeatureMaps(network), tuple(mean), tuple(std)


def _load(network: nn.Module, maps: nn.Module, weights: bytes, name: str) -> None:
    """Load a safetensors file of the whole ``network``, of which only what makes the feature ``maps`` must be there."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(weights)
    except SafetensorError as error:
        raise TrainingRefused(f"the weights for {name} are not a safetensors file: {error}") from error
    needed = {id(tensor) for tensor in maps.state_dict(keep_vars=True).values()}
    names = [key for key, tensor in network.state_dict(keep_vars=True).items() if id(tensor) in needed]
    missing = [key for key in names if key not in tensors]
    if missing:
        raise TrainingRefused(f"the weights for {name} lack {len(missing)} tensors, first {missing[0]}")
    try:
        network.load_state_dict({key: tensors[key] for key in names}, strict=False)
    except RuntimeError as error:
        raise TrainingRefused(f"the weights for {name} are of another network: {error}") from error


@torch.inference_mode()
def _channels(module: nn.Module, name: str) -> int:
    maps = module.eval()(torch.zeros(1, 3, 224, 224))
    if maps.ndim != 4:
        raise TrainingRefused(
            f"{name} gives {tuple(maps.shape)}, not feature maps: choose a convolutional network"
        )
    return int(maps.shape[1])
