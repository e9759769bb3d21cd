"""The trunk: the public weights under their own names, and layers that fold without changing what they see."""

import pytest

torch = pytest.importorskip("torch", reason="training needs: pip install 'siamese-index[train]'")

from retrieval.backbone import ConvNorm, EfficientNetLite0, renamed  # noqa: E402


def alive(module: torch.nn.Module) -> torch.nn.Module:
    """Give its normalisations statistics and weights that are none of a layer that saw nothing yet."""
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            for values in (part.running_var, part.weight, part.running_mean, part.bias):
                torch.nn.init.uniform_(values.data, 0.5, 1.5)
    return module.eval()


@pytest.mark.parametrize(
    ("public", "ours"),
    [
        ("_conv_stem.weight", "stem.conv.weight"),
        ("_bn1.running_var", "head.norm.running_var"),
        ("_blocks.3._bn2.bias", "blocks.3.project.norm.bias"),
        ("_blocks.15._depthwise_conv.weight", "blocks.15.depthwise.conv.weight"),
    ],
)
def test_public_weights_have_our_names(public: str, ours: str) -> None:
    assert renamed(public) == ours


def test_public_weights_are_loaded_without_their_classifier() -> None:
    trunk, again = alive(EfficientNetLite0()), EfficientNetLite0().eval()
    weights = {_public(name): tensor for name, tensor in trunk.state_dict().items()}
    again.load_public(weights | {"_fc.weight": torch.zeros(3), "_fc.bias": torch.zeros(3)})
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(again(images), trunk(images))
    del weights["_conv_stem.weight"]
    with pytest.raises(RuntimeError, match="Missing key"):
        again.load_public(weights)


def _public(name: str) -> str:
    """The other way round from `renamed`."""
    layers = {"stem.conv": "_conv_stem", "stem.norm": "_bn0", "head.conv": "_conv_head", "head.norm": "_bn1"}
    parts = {"expand.conv": "_expand_conv", "expand.norm": "_bn0", "depthwise.conv": "_depthwise_conv"}
    parts |= {"depthwise.norm": "_bn1", "project.conv": "_project_conv", "project.norm": "_bn2"}
    layer, _, tensor = name.rpartition(".")
    if layer in layers:
        return f"{layers[layer]}.{tensor}"
    _, number, part = layer.split(".", 2)
    return f"_blocks.{number}.{parts[part]}.{tensor}"


def test_a_layer_that_is_folded_sees_the_same_however_often_it_is_folded() -> None:
    layer = alive(ConvNorm(3, 8, 3, stride=2))
    images = torch.rand(2, 3, 16, 16)
    with torch.inference_mode():
        before = layer(images)
        layer.fold()
        once = layer.folded()
        assert torch.allclose(layer(images), before, atol=1e-5)
        layer.fold()
    assert all(torch.equal(*pair) for pair in zip(once, layer.folded(), strict=True))
    with torch.inference_mode():
        assert torch.allclose(layer(images), before, atol=1e-5)
