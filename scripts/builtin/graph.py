"""The built-in encoder as an ONNX graph: the trunk, and for each space pooled and projected feature maps.

1 x 1 convolutions and projections are stored as float16, and cast once, when the runtime loads the graph.
"""

import json
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from retrieval.backbone import GEM_EPSILON, MEAN, STD, ConvNorm, EfficientNetLite0, InvertedResidual

OPSET = 17
IR_VERSION = 8  # that of ONNX 1.12: the oldest runtime that we support reads it


class Graph:
    """An ONNX graph under construction; its methods return the name of what they add.

    Of one whose convolutions will be rounded to 8 bits, ``halves`` must be false: what is cast cannot be.
    """

    def __init__(self, *, halves: bool = True) -> None:
        self.halves = halves
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
        store = self.weights if self.halves and layer.conv.kernel_size[0] == 1 else self.constant
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
        """Normalisation and every layer of the network: {layer or block: its output}."""
        x = self.add("Transpose", self.add("Cast", "images", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
        x = self.add("Sub", x, self.number(MEAN[0]))
        x = self.convolution(x, net.stem, "stem", 1 / STD[0])
        maps = {"stem": x}
        for index, block in enumerate(net.blocks):
            x = maps[f"blocks.{index}"] = self.block(x, block, f"blocks.{index}", maps)
        maps["head"] = self.convolution(x, net.head, "head")
        return maps

    def block(self, x: str, block: InvertedResidual, name: str, maps: dict[str, str]) -> str:
        """One block; its layers' outputs go into ``maps``."""
        shortcut = x
        for part in ("expand", "depthwise", "project"):
            layer = getattr(block, part)
            if layer is not None:
                x = maps[f"{name}.{part}"] = self.convolution(x, layer, f"{name}.{part}")
        return self.add("Add", shortcut, x) if block.shortcut else x

    def pooled(self, maps: dict[str, str], layers: Mapping[str, float]) -> str:
        """GeM of feature maps, {layer: p}, each of unit length, side by side: (n, sum of channels)."""
        parts = []
        for name, p in layers.items():
            x = self.add("Max", maps[name], self.number(GEM_EPSILON))
            x = self.add("ReduceMean", self.add("Pow", x, self.number(p)), axes=[2, 3], keepdims=0)
            x = self.add("Pow", x, self.number(1 / p))
            parts.append(self.add("LpNormalization", x, axis=1, p=2))
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=1)

    def projected(self, features: str, weight: np.ndarray, bias: np.ndarray, space: str) -> str:
        """(n, d) times (d, dim) ``weight``, of unit length."""
        x = self.add(
            "Gemm",
            features,
            self.weights(weight, f"{space}.projection"),
            self.constant(bias, f"{space}.bias"),
        )
        return self.add("LpNormalization", x, axis=1, p=2)

    def model(self, outputs: dict[str, tuple[str, int]], size: int) -> onnx.ModelProto:
        """``outputs``: {public name: (inner name, dimension)}."""
        names = [self.add("Identity", inner) for inner, _ in outputs.values()]
        for name, node in zip(outputs, self.nodes[-len(names) :], strict=True):
            node.output[0] = name
        graph = helper.make_graph(
            self.nodes,
            "image_encoder",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", size, size, 3])],
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


def spec_text(version: str, size: int, thresholds: Mapping[str, float], dim: int) -> str:
    """The spec that travels with the graph; ``thresholds`` are {space: the cosine of what is the same}."""
    document = {
        "format": 1,
        "name": "builtin",
        "version": version,
        "input": {"name": "images", "size": size, "fit": "stretch", "layout": "NHWC", "dtype": "uint8"},
        "spaces": [
            {"name": space, "dim": dim, "metric": "cosine", "output": space, "threshold": threshold}
            for space, threshold in thresholds.items()
        ],
        "default_space": "object",
    }
    return json.dumps(document, indent=2) + "\n"
