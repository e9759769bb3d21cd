"""An encoder whose forward pass is an ONNX graph, run by ONNX Runtime on the CPU."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.encoder import EncoderSpec, Space, fingerprint
from retrieval.errors import EncoderInvalid, VectorsInvalid
from retrieval.metric import Metric
from retrieval.onnx_runtime import onnx_runtime
from retrieval.preprocess import prepare
from retrieval.similarity import Float32, normalise

# Pictures at work at a time in a graph of free batch size, or one a pass: more gain nothing, and each adds 12 MB.
RUN_SIZE = 4

_FATAL_ONLY = 4  # ONNX Runtime's log severity: what fails is raised, and worded here
_INPUT_TYPES = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}
_OUTPUT_TYPES = {"tensor(float)", "tensor(float16)", "tensor(double)"}

Shape = list[int | str | None]


class OnnxEncoder:
    """Pictures in, one array of vectors per embedding space out.

    ``threads`` is the number of cores that one forward pass may use: one picture is soon done on several. Many are done
    a fifth sooner by as many passes ``at_once``, on one core each. ``graph_sha256`` saves hashing the graph a second time
    where the caller has done so.

    Raises:
        EncoderInvalid: the bytes are no ONNX graph, refer to other files, need operators that ONNX Runtime does
            not have, or do not have the input and outputs that the spec names.
    """

    def __init__(
        self,
        graph: bytes,
        spec: EncoderSpec,
        *,
        graph_sha256: str | None = None,
        threads: int = 1,
        at_once: int = 1,
    ) -> None:
        self._spec = spec
        self._fingerprint = fingerprint(graph_sha256 or hashlib.sha256(graph).hexdigest(), spec)
        require_self_contained(graph)
        self._session = _session(graph, threads)
        self._at_once = at_once
        self._input, self._fixed = _checked_input(self._session.get_inputs(), spec)
        self._outputs = [
            _checked_output(self._session.get_outputs(), space, self._fixed) for space in spec.spaces
        ]

    @property
    def spec(self) -> EncoderSpec:
        """What it takes and what it gives."""
        return self._spec

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, over graph, spec and pixel rule: equal only if vectors can be compared."""
        return self._fingerprint

    def encode(self, images: npt.NDArray[np.uint8]) -> dict[str, Float32]:
        """Embed (n, size, size, 3) uint8 RGB pictures: per space name an (n, dim) float32 array.

        Vectors of cosine spaces have unit length.

        Raises:
            EncoderInvalid: the pictures do not have the size that the spec names, or the graph fails on them.
            VectorsInvalid: the graph gave NaN or infinite values.
        """
        vectors = {space.name: np.empty((len(images), space.dim), np.float32) for space in self._spec.spaces}
        step = self._fixed or max(1, RUN_SIZE // self._at_once)

        def encode_some(start: int) -> None:
            batch = prepare(images[start : start + step], self._spec.preprocess)
            for space, values in zip(self._spec.spaces, self._run(batch), strict=True):
                vectors[space.name][start : start + step] = _finished(values, space, len(batch))

        starts = range(0, len(images), step)
        if self._at_once == 1:
            for start in starts:
                encode_some(start)
        else:
            with ThreadPoolExecutor(self._at_once) as passes:
                list(passes.map(encode_some, starts))  # a list, so that what is raised there is raised here
        return vectors

    def _run(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """One forward pass; a graph of fixed batch size gets its last batch filled up with zeros."""
        count = len(batch)
        if self._fixed and count < self._fixed:
            batch = np.concatenate([batch, np.zeros((self._fixed - count, *batch.shape[1:]), batch.dtype)])
        try:
            values = self._session.run(self._outputs, {self._input: batch})
        except Exception as error:
            raise EncoderInvalid(f"the graph fails on its input: {_reason(error)}") from error
        return [value[:count] for value in values]


def _session(graph: bytes, threads: int) -> Any:
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    # Waiting threads sleep rather than spin: alone that costs a tenth of the speed, but beside decoding processes
    # spinning takes from them the cores that everyone waits for, and a third of the whole pipeline's speed.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise EncoderInvalid(f"ONNX Runtime cannot load the graph: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, without its own prefix and in one bounded line."""
    return " ".join(str(error).rpartition("[ONNXRuntimeError] : ")[2].split())[:300]


def _checked_input(inputs: list[Any], spec: EncoderSpec) -> tuple[str, int | None]:
    """The graph's input name and its fixed batch size, None if free."""
    by_name = {node.name: node for node in inputs}
    if len(inputs) != 1 or spec.input not in {"", *by_name}:
        raise EncoderInvalid(
            f"the graph takes {_listed(by_name)}, the spec names {spec.input!r}: an encoder takes one input, "
            "and input.name must be its name or be left out"
        )
    node, wanted = inputs[0], spec.preprocess
    if node.type != _INPUT_TYPES[wanted.dtype]:
        raise EncoderInvalid(
            f"input {node.name!r} is {node.type}, the spec says {wanted.dtype}: correct input.dtype"
        )
    side = wanted.size
    shape = [None, 3, side, side] if wanted.layout == "NCHW" else [None, side, side, 3]
    if not _agrees(node.shape, shape):
        raise EncoderInvalid(
            f"input {node.name!r} has shape {node.shape}, the spec says {wanted.layout} of {side} px: "
            "correct input.layout and input.size, or export the graph with that shape"
        )
    return node.name, node.shape[0] if isinstance(node.shape[0], int) else None


def _checked_output(outputs: list[Any], space: Space, fixed: int | None) -> str:
    """The name of the output that gives the vectors of ``space``."""
    by_name = {node.name: node for node in outputs}
    name = space.output or (space.name if space.name in by_name or len(outputs) != 1 else outputs[0].name)
    if name not in by_name:
        raise EncoderInvalid(
            f"the graph has no output {name!r} for space {space.name!r}, it gives {_listed(by_name)}: "
            "set the space's output to one of them"
        )
    node = by_name[name]
    if node.type not in _OUTPUT_TYPES:
        raise EncoderInvalid(f"output {name!r} is {node.type}, not floating point: name another output")
    if node.shape and not any(_agrees(node.shape, [fixed, space.dim, *tail]) for tail in ([], [1, 1])):
        raise EncoderInvalid(
            f"output {name!r} has shape {node.shape}, space {space.name!r} needs (n, {space.dim}): correct the "
            "space's dim, or export the graph with pooled, flat vectors"
        )
    return str(name)


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(repr(name) for name in names) or "nothing"


def _agrees(shape: Shape, wanted: list[int | None]) -> bool:
    """Same rank, and every dimension that both sides fix is the same."""
    return len(shape) == len(wanted) and all(
        want is None or not isinstance(size, int) or size == want
        for size, want in zip(shape, wanted, strict=True)
    )


def _finished(values: npt.NDArray[Any], space: Space, count: int) -> Float32:
    if values.shape not in {(count, space.dim), (count, space.dim, 1, 1)}:
        raise EncoderInvalid(
            f"the graph gave shape {values.shape} for {count} pictures, space {space.name!r} needs "
            f"({count}, {space.dim}): correct the space's dim or output"
        )
    vectors = np.ascontiguousarray(values.reshape(count, space.dim), dtype=np.float32)
    broken = int((~np.isfinite(vectors)).any(axis=1).sum())
    if broken:
        raise VectorsInvalid(
            f"{broken} of {count} vectors of space {space.name!r} hold NaN or infinite values"
        )
    return normalise(vectors) if space.metric is Metric.COSINE else vectors


# Fields of onnx.proto that lead to tensors: {message: {field number: message}}.
_FIELDS = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION, _GRAPH = 13, 14, 7


def require_self_contained(graph: bytes) -> None:
    """Refuse a graph whose weights lie in other files.

    ONNX Runtime looks for such files in the working directory when it gets a graph as bytes, so a stranger's
    graph could read there. This walks the protobuf's fields; it needs no ``onnx`` package.

    Raises:
        EncoderInvalid: a tensor refers to another file, or the bytes are no ONNX graph.
    """
    try:
        if not any(field == _GRAPH for field, _, _ in _fields(graph, 0, len(graph))):
            raise EncoderInvalid("not an ONNX graph: it has no graph inside")
        pending = [("model", 0, len(graph))]
        while pending:
            message, start, end = pending.pop()
            for field, low, high in _fields(graph, start, end):
                if message == "tensor" and (
                    field == _EXTERNAL_DATA or (field == _DATA_LOCATION and graph[low])
                ):
                    raise EncoderInvalid("the graph keeps weights in another file: save it as one file")
                if field in _FIELDS[message]:
                    pending.append((_FIELDS[message][field], low, high))
    except (IndexError, ValueError) as error:
        raise EncoderInvalid("not an ONNX graph: the bytes are cut short or of another format") from error


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, first byte and end of every field of the protobuf message in ``data[start:end]``."""
    while start < end:
        tag, start = _varint(data, start)
        wire = tag & 7
        if wire == 0:
            stop = _varint(data, start)[1]
        elif wire == 2:
            length, start = _varint(data, start)
            stop = start + length
        elif wire in {1, 5}:
            stop = start + (8 if wire == 1 else 4)
        else:
            raise ValueError(f"wire type {wire}")
        if stop > end:
            raise ValueError("a field ends behind its message")
        yield tag >> 3, start, stop
        start = stop


def _varint(data: bytes, start: int) -> tuple[int, int]:
    """The number that begins at ``start``, and where it ends."""
    value = shift = 0
    while True:
        byte = data[start]
        value |= (byte & 127) << shift
        start, shift = start + 1, shift + 7
        if byte < 128:
            return value, start
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
