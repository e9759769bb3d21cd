"""The network: its trunk is the one that ships, its head starts as a projection, and its graph is itself."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs: pip install 'siamese-index[train]'")

from indexer.encoders import BUILTIN, builtin_trunk, read_encoder  # noqa: E402
from retrieval.backbone import STAGES, GeM  # noqa: E402
from retrieval.encoder import EncoderSpec, Space  # noqa: E402
from retrieval.errors import TrainingRefused  # noqa: E402
from retrieval.onnx_encoder import OnnxEncoder  # noqa: E402
from retrieval.preprocess import PreprocessSpec  # noqa: E402
from retrieval.presets import Augment  # noqa: E402
from retrieval.training.backbones import make_backbone  # noqa: E402
from retrieval.training.export import require_agreement, to_onnx  # noqa: E402
from retrieval.training.features import frozen_features  # noqa: E402
from retrieval.training.network import SiameseNetwork  # noqa: E402
from retrieval.training.sources import PictureSource, embed_pictures  # noqa: E402
from tests.pictures import picture  # noqa: E402

TRUNK = builtin_trunk()
CPU = torch.device("cpu")


def pixels(count: int, size: int) -> np.ndarray:
    return np.stack([np.asarray(picture(seed, (size, size))) for seed in range(count)])


def small(dim: int = 8, grid: int = 1, *, symmetric: bool = False) -> SiameseNetwork:
    torch.manual_seed(0)
    backbone = make_backbone("small", builtin_weights=TRUNK)
    return SiameseNetwork(backbone, dim, grid, symmetric=symmetric).eval()


def spec_of(size: int, dim: int) -> EncoderSpec:
    shape = PreprocessSpec(size=size, layout="NHWC", dtype="uint8")
    return EncoderSpec("test", "1", shape, (Space("object", dim),), "object")


@pytest.fixture(scope="module")
def builtin() -> SiameseNetwork:
    return SiameseNetwork(make_backbone("builtin", builtin_weights=TRUNK), 256).eval()


def test_the_builtin_backbone_sees_what_the_graph_that_ships_sees(builtin: SiameseNetwork) -> None:
    import onnx
    from onnx import numpy_helper

    tensors = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).astype("float32"))
        for tensor in onnx.load_from_string(read_encoder(BUILTIN).graph).graph.initializer
        if tensor.name.startswith("object.")
    }
    files = read_encoder(BUILTIN)
    images = pixels(4, files.spec.preprocess.size)
    with torch.inference_mode():
        features = builtin.features(torch.from_numpy(images).permute(0, 3, 1, 2).float())
    ours = torch.nn.functional.normalize(features @ tensors["object.projection"] + tensors["object.bias"])
    theirs = files.load(1).encode(images)["object"]
    assert (ours.numpy() * theirs).sum(axis=1).min() > 0.9  # the graph's weights are rounded to 8 bits


def test_a_grid_pools_each_cell_by_itself() -> None:
    maps = torch.rand(2, 5, 6, 9, generator=torch.Generator().manual_seed(0))
    got = GeM(3.0, grid=3)(maps).view(2, 5, 3, 3)
    for row in range(3):
        for column in range(3):
            cell = maps[:, :, 2 * row : 2 * row + 2, 3 * column : 3 * column + 3]
            assert torch.allclose(got[:, :, row, column], GeM(3.0)(cell), atol=1e-5)


@pytest.mark.parametrize(("grid", "symmetric"), [(1, False), (2, False), (3, True)])
def test_the_graph_gives_the_networks_embeddings(grid: int, symmetric: bool) -> None:
    network, images = small(grid=grid, symmetric=symmetric), pixels(20, 32)
    graph = to_onnx(network, 32, "object")
    assert require_agreement(graph, spec_of(32, 8), network, images, 1) > 0.9999


def test_a_graph_of_other_weights_is_refused() -> None:
    network, images = small(), pixels(20, 32)
    graph = to_onnx(network, 32, "object")
    with torch.no_grad():
        network.head[0].weight += 0.05 * torch.randn_like(network.head[0].weight)
    with pytest.raises(TrainingRefused, match="does not agree with PyTorch"):
        require_agreement(graph, spec_of(32, 8), network, images, 1)


def test_a_symmetric_network_judges_a_picture_and_its_mirror_image_alike_and_learns_from_one_side() -> None:
    network, images = small(grid=3, symmetric=True), pixels(10, 32)
    rows = np.arange(10)
    seen = embed_pictures(network, images, rows, CPU)
    mirrored = embed_pictures(network, np.ascontiguousarray(images[:, :, ::-1]), rows, CPU)
    assert np.allclose(seen, mirrored, atol=1e-5)
    assert not np.allclose(seen, embed_pictures(small(grid=3), images, rows, CPU), atol=1e-3)
    pixels_in = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    features = network.train().features(pixels_in)
    assert torch.equal(features, network.one_sided(pixels_in))


@pytest.mark.parametrize("symmetric", [False, True])
def test_features_of_a_frozen_backbone_are_those_of_the_network(symmetric: bool) -> None:
    network, images = small(grid=3, symmetric=symmetric), pixels(10, 32)
    told = []
    features = frozen_features(
        network,
        images,
        views=3,
        augment=Augment(turn_degrees=30, view_size=16),
        seed=0,
        threads=1,
        progress=lambda done, total: told.append((done, total)),
    )
    with torch.inference_mode():
        expected = network.features(torch.from_numpy(images).permute(0, 3, 1, 2).float()).numpy()
    assert features.shape == (3, 10, network.width)
    assert np.allclose(features[0], expected, atol=1e-4)
    assert np.abs(features[1] - features[2]).max() > 1e-3
    assert told[-1] == (30, 30)


def test_both_pictures_of_a_pair_go_through_the_same_weights() -> None:
    network, images = small(), pixels(6, 32)
    source = PictureSource(images, Augment(), CPU)
    rows = np.array([3, 1, 3])
    learned = source.learn(network, rows, torch.Generator().manual_seed(0)).detach().numpy()
    assert np.allclose(learned[0], learned[2], atol=1e-6)
    assert np.allclose(learned, embed_pictures(network, images, rows, CPU), atol=1e-3)
    assert np.allclose(np.linalg.norm(learned, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("stages", "channels", "stride"), [(1, 16, 2), (3, 40, 8), (5, 112, 16), (6, 192, 32)]
)
def test_the_builtin_trunk_may_end_after_any_stage(
    builtin: SiameseNetwork, stages: int, channels: int, stride: int
) -> None:
    backbone = make_backbone(f"builtin:{stages}", builtin_weights=TRUNK)
    seen: list[torch.Tensor] = []
    last = builtin.backbone.blocks[sum(stage[2] for stage in STAGES[:stages]) - 1]
    hook = last.register_forward_hook(lambda _module, _inputs, maps: seen.append(maps))
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        builtin.backbone(images)
        maps = backbone.module.eval()(images)
    hook.remove()
    assert maps.shape == (2, channels, 64 // stride, 64 // stride)
    assert backbone.channels == channels
    assert torch.allclose(maps, torch.relu(seen[0]), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "resnet",
            "unknown backbone 'resnet': builtin, builtin:STAGES, small, torchvision:NAME or timm:NAME",
        ),
        ("builtin:7", "the trunk has 7 stages, give 1 to 6"),
        ("builtin:all", "the trunk has 7 stages, give 1 to 6"),
        ("torchvision:nothing", "torchvision has no model 'nothing'"),
    ],
)
def test_a_backbone_that_is_not_there_is_refused(name: str, words: str) -> None:
    with pytest.raises(TrainingRefused, match=words):
        make_backbone(name, builtin_weights=TRUNK)


@pytest.mark.parametrize("model", ["resnet18", "mobilenet_v3_small"])
def test_torchvisions_networks_take_weights_from_a_file(model: str) -> None:
    from safetensors.torch import save
    from torchvision import models

    torch.manual_seed(0)
    theirs = models.get_model(model, weights=None)
    maps = getattr(theirs, "features", None) or torch.nn.Sequential(*list(theirs.children())[:-2])
    weights = save({name: tensor.contiguous() for name, tensor in theirs.state_dict().items()})
    backbone = make_backbone(f"torchvision:{model}", builtin_weights=TRUNK, weights=weights)
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(backbone.module.eval()(images), maps.eval()(images).relu())
        assert backbone.module(images).shape[1] == backbone.channels
    with pytest.raises(TrainingRefused, match="not a safetensors file"):
        make_backbone(f"torchvision:{model}", builtin_weights=TRUNK, weights=b"nothing of the kind")
    with pytest.raises(TrainingRefused, match="lack"):
        make_backbone(f"torchvision:{model}", builtin_weights=TRUNK, weights=save({"x": torch.zeros(1)}))
    misshapen = save({name: torch.zeros(3) for name in theirs.state_dict()})
    with pytest.raises(TrainingRefused, match="of another network"):
        make_backbone(f"torchvision:{model}", builtin_weights=TRUNK, weights=misshapen)


def test_timms_networks_take_weights_from_a_file() -> None:
    timm = pytest.importorskip("timm", reason="timm's backbones need: pip install 'siamese-index[timm]'")
    from safetensors.torch import save

    torch.manual_seed(0)
    theirs = timm.create_model("resnet18", pretrained=False).eval()
    weights = save({name: tensor.contiguous() for name, tensor in theirs.state_dict().items()})
    backbone = make_backbone("timm:resnet18", builtin_weights=TRUNK, weights=weights)
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(backbone.module.eval()(images), theirs.forward_features(images).relu())
    assert backbone.channels == 512
    assert backbone.mean == pytest.approx((123.675, 116.28, 103.53))
    with pytest.raises(TrainingRefused, match="timm has no model 'nothing'"):
        make_backbone("timm:nothing", builtin_weights=TRUNK)


def test_a_torchvision_network_trains_and_ships_like_ours() -> None:
    from safetensors.torch import save
    from torchvision import models

    torch.manual_seed(0)
    theirs = models.resnet18(weights=None)
    weights = save({name: tensor.contiguous() for name, tensor in theirs.state_dict().items()})
    backbone = make_backbone("torchvision:resnet18", builtin_weights=TRUNK, weights=weights)
    network = SiameseNetwork(replace(backbone, pretrained=True), 16).eval()
    graph = to_onnx(network, 48, "object")
    encoder = OnnxEncoder(graph, spec_of(48, 16))
    assert encoder.encode(pixels(3, 48))["object"].shape == (3, 16)
