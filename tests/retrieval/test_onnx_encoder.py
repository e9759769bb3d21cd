"""The encoder that ships with the package, and graphs that strangers bring."""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from retrieval.encoder import Encoder, EncoderSpec, Space, fingerprint, parse_spec
from retrieval.errors import EncoderInvalid, VectorsInvalid
from retrieval.metric import Metric
from retrieval.onnx_encoder import OnnxEncoder, require_self_contained
from retrieval.preprocess import PreprocessSpec

BUILTIN = Path(__file__).resolve().parents[2] / "indexer" / "builtin"
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
SIZE, DIM = 8, 5
WEIGHT = np.random.default_rng(1).normal(size=(3, DIM)).astype(np.float32)

Shape = list[int | str | None]


def some_pictures(count: int, size: int, seed: int = 0) -> np.ndarray:
    """Blocks of colour, so that a network sees shapes rather than noise."""
    blocks = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return blocks.repeat(size // 8, axis=1).repeat(size // 8, axis=2)


def tiny_graph(
    *,
    batch: int | str = "n",
    layout: str = "NCHW",
    output: str = "embedding",
    tail: Sequence[int] = (),
    extra_nodes: list[onnx.NodeProto] | None = None,
    tensors: list[onnx.TensorProto] | None = None,
    inputs: int = 1,
) -> onnx.ModelProto:
    """The mean colour of each picture times WEIGHT; ``extra_nodes`` take "vectors" and give the output."""
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    shape: Shape = [batch, 3, SIZE, SIZE] if layout == "NCHW" else [batch, SIZE, SIZE, 3]
    nodes = [helper.make_node("ReduceMean", ["images"], ["colour"], axes=axes, keepdims=0)]
    nodes.append(
        helper.make_node("MatMul", ["colour", "weight"], ["vectors" if extra_nodes or tail else output])
    )
    if tail:
        nodes.append(helper.make_node("Unsqueeze", ["vectors", "axes"], [output]))
    graph = helper.make_graph(
        nodes + (extra_nodes or []),
        "tiny",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name in ["images", "second"][:inputs]
        ],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, DIM, *tail])],
        [
            *([numpy_helper.from_array(WEIGHT, "weight")] if tensors is None else tensors),
            numpy_helper.from_array(np.arange(2, 2 + len(tail)), "axes"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def tiny_spec(*, space: Space | None = None, **preprocess: Any) -> EncoderSpec:
    fields = {"size": SIZE, "mean": MEAN, "std": STD} | preprocess
    spaces = (space or Space("object", DIM),)
    return EncoderSpec("tiny", "1", PreprocessSpec(**fields), spaces, spaces[0].name)


def tiny_encoder(spec: EncoderSpec | None = None, **graph: Any) -> OnnxEncoder:
    return OnnxEncoder(tiny_graph(**graph).SerializeToString(), spec or tiny_spec())


def vectors_by_loop(pictures: np.ndarray) -> np.ndarray:
    rows = []
    for picture in pictures:
        colour = [
            sum((int(value) - MEAN[channel]) / STD[channel] for value in picture[..., channel].ravel())
            / SIZE**2
            for channel in range(3)
        ]
        rows.append([sum(colour[c] * float(WEIGHT[c, d]) for c in range(3)) for d in range(DIM)])
    return np.array(rows)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# --- the built-in encoder ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def builtin() -> OnnxEncoder:
    spec = parse_spec((BUILTIN / "spec.json").read_text(encoding="utf-8"))
    return OnnxEncoder((BUILTIN / "model.onnx").read_bytes(), spec, threads=2)


def test_the_builtin_gives_unit_vectors_in_both_spaces(builtin: OnnxEncoder) -> None:
    encoder: Encoder = builtin
    vectors = encoder.encode(some_pictures(3, 224))
    assert list(vectors) == ["copy", "object"]
    for array in vectors.values():
        assert array.shape == (3, 256)
        assert array.dtype == np.float32
        assert np.linalg.norm(array.astype(np.float64), axis=1) == pytest.approx(np.ones(3), abs=1e-6)


def test_a_batch_gives_what_its_pictures_give_one_by_one(builtin: OnnxEncoder) -> None:
    pictures = some_pictures(16, 224)
    together = builtin.encode(pictures)
    for number, picture in enumerate(pictures):
        alone = builtin.encode(picture[None])
        for space, vectors in together.items():
            assert float(vectors[number] @ alone[space][0]) >= 0.99999


def test_the_same_pictures_give_the_same_bits(builtin: OnnxEncoder) -> None:
    pictures = some_pictures(5, 224)
    first, second = builtin.encode(pictures), builtin.encode(pictures.copy())
    assert all(first[space].tobytes() == second[space].tobytes() for space in first)


def test_passes_at_once_give_what_one_after_another_gives(builtin: OnnxEncoder) -> None:
    pictures = some_pictures(9, 224)
    files = ((BUILTIN / name).read_bytes() for name in ("model.onnx", "spec.json"))
    graph, spec = next(files), parse_spec(next(files).decode())
    at_once = OnnxEncoder(graph, spec, at_once=2).encode(pictures)
    assert all((at_once[space] == vectors).all() for space, vectors in builtin.encode(pictures).items())


def test_another_picture_is_further_away_than_a_slightly_changed_one(builtin: OnnxEncoder) -> None:
    pictures = some_pictures(2, 224)
    darker = (pictures[0] * 0.9).astype(np.uint8)
    for vectors in builtin.encode(np.stack([pictures[0], darker, pictures[1]])).values():
        assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.01


@pytest.mark.parametrize("value", [0, 127, 255])
def test_a_blank_picture_has_finite_vectors(builtin: OnnxEncoder, value: int) -> None:
    vectors = builtin.encode(np.full((1, 224, 224, 3), value, np.uint8))
    assert all(np.isfinite(array).all() for array in vectors.values())


def test_the_builtin_is_small_and_needs_no_other_file() -> None:
    graph = (BUILTIN / "model.onnx").read_bytes()
    assert sum(path.stat().st_size for path in BUILTIN.iterdir()) <= 16_000_000
    require_self_contained(graph)
    onnx.checker.check_model(onnx.load_from_string(graph))


def test_no_pictures_give_no_vectors(builtin: OnnxEncoder) -> None:
    vectors = builtin.encode(np.empty((0, 224, 224, 3), np.uint8))
    assert {space: array.shape for space, array in vectors.items()} == {"copy": (0, 256), "object": (0, 256)}


def test_the_fingerprint_covers_graph_and_spec() -> None:
    graph = tiny_graph().SerializeToString()
    digest = hashlib.sha256(graph).hexdigest()
    encoder = OnnxEncoder(graph, tiny_spec())
    assert encoder.fingerprint == fingerprint(digest, encoder.spec)
    assert OnnxEncoder(graph, tiny_spec(), graph_sha256=digest).fingerprint == encoder.fingerprint
    assert OnnxEncoder(graph, tiny_spec(mean=(0.0, 0.0, 0.0))).fingerprint != encoder.fingerprint


# --- graphs of strangers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_a_foreign_graph_gives_what_a_loop_over_the_pixels_gives(layout: str) -> None:
    pictures = some_pictures(3, SIZE)
    vectors = tiny_encoder(tiny_spec(layout=layout), layout=layout).encode(pictures)["object"]
    assert vectors == pytest.approx(unit(vectors_by_loop(pictures)), abs=1e-5)


def test_vectors_of_an_l2_space_keep_their_length() -> None:
    pictures = some_pictures(3, SIZE)
    encoder = tiny_encoder(tiny_spec(space=Space("object", DIM, Metric.L2)))
    assert encoder.encode(pictures)["object"] == pytest.approx(vectors_by_loop(pictures), abs=1e-4)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 3, 7])
@pytest.mark.parametrize("at_once", [1, 3])
def test_a_graph_of_fixed_batch_size_takes_any_number_of_pictures(
    batch: int, count: int, at_once: int
) -> None:
    pictures = some_pictures(count, SIZE)
    fixed = OnnxEncoder(tiny_graph(batch=batch).SerializeToString(), tiny_spec(), at_once=at_once)
    assert fixed.encode(pictures)["object"] == pytest.approx(
        tiny_encoder().encode(pictures)["object"], abs=1e-6
    )


def test_vectors_that_end_in_1_by_1_maps_are_flattened() -> None:
    pictures = some_pictures(2, SIZE)
    vectors = tiny_encoder(tail=[1, 1]).encode(pictures)["object"]
    assert vectors == pytest.approx(tiny_encoder().encode(pictures)["object"])


@pytest.mark.parametrize("output", ["embedding", "object"])
def test_the_output_is_found_by_the_spec_by_the_space_or_because_it_is_the_only_one(output: str) -> None:
    pictures = some_pictures(1, SIZE)
    expected = tiny_encoder().encode(pictures)["object"]
    for named in ("", output):
        encoder = tiny_encoder(tiny_spec(space=Space("object", DIM, output=named)), output=output)
        assert (encoder.encode(pictures)["object"] == expected).all()


def test_a_graph_that_does_not_tell_its_dimension_is_checked_when_it_runs() -> None:
    keep = numpy_helper.from_array(np.ones(DIM, bool), "keep")
    graph = tiny_graph(extra_nodes=[helper.make_node("Compress", ["vectors", "keep"], ["embedding"], axis=1)])
    graph.graph.initializer.append(keep)
    graph.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "unknown"
    content = graph.SerializeToString()
    pictures = some_pictures(2, SIZE)
    assert OnnxEncoder(content, tiny_spec()).encode(pictures)["object"].shape == (2, DIM)
    wrong = OnnxEncoder(content, tiny_spec(space=Space("object", DIM + 1)))
    with pytest.raises(EncoderInvalid, match=r"gave shape \(2, 5\) for 2 pictures.*needs \(2, 6\)"):
        wrong.encode(pictures)


def test_what_one_of_many_passes_at_once_fails_on_is_said() -> None:
    graph = tiny_graph(extra_nodes=[helper.make_node("Log", ["vectors"], ["embedding"])])
    encoder = OnnxEncoder(graph.SerializeToString(), tiny_spec(), at_once=4)
    with pytest.raises(VectorsInvalid, match="1 of 1 vectors of space 'object' hold NaN"):
        encoder.encode(some_pictures(40, SIZE))


def test_vectors_that_are_not_finite_are_refused_and_counted() -> None:
    encoder = tiny_encoder(extra_nodes=[helper.make_node("Log", ["vectors"], ["embedding"])])
    pictures = some_pictures(4, SIZE)
    broken = sum(1 for row in vectors_by_loop(pictures) if min(row) < 0)
    with pytest.raises(VectorsInvalid, match=f"{broken} of 4 vectors of space 'object' hold NaN"):
        encoder.encode(pictures)


def test_a_zero_vector_stays_zero() -> None:
    encoder = tiny_encoder(extra_nodes=[helper.make_node("Sub", ["vectors", "vectors"], ["embedding"])])
    assert (encoder.encode(some_pictures(2, SIZE))["object"] == 0).all()


@pytest.mark.parametrize(
    ("spec", "graph", "message"),
    [
        (
            tiny_spec(space=Space("object", DIM, output="pooled")),
            {},
            "no output 'pooled'.*it gives 'embedding'",
        ),
        (tiny_spec(space=Space("object", 6)), {}, r"shape \['n', 5\].*needs \(n, 6\)"),
        (tiny_spec(), {"tail": [1]}, r"shape \['n', 5, 1\].*needs \(n, 5\)"),
        (tiny_spec(size=16), {}, r"shape \['n', 3, 8, 8\], the spec says NCHW of 16 px"),
        (tiny_spec(layout="NHWC"), {}, "the spec says NHWC of 8 px"),
        (tiny_spec(dtype="uint8"), {}, r"tensor\(float\), the spec says uint8"),
        (tiny_spec(), {"inputs": 2}, "takes 'images', 'second'.*one input"),
        (tiny_spec(), {"tensors": []}, "cannot load"),
    ],
    ids=["output name", "dimension", "rank", "size", "layout", "type", "two inputs", "a weight is missing"],
)
def test_a_graph_that_does_not_match_its_spec_is_refused(
    spec: EncoderSpec, graph: dict[str, Any], message: str
) -> None:
    with pytest.raises(EncoderInvalid, match=message):
        tiny_encoder(spec, **graph)


def test_an_input_that_the_graph_does_not_have_is_refused() -> None:
    spec = EncoderSpec("tiny", "1", PreprocessSpec(SIZE), (Space("object", DIM),), "object", input="pixels")
    with pytest.raises(EncoderInvalid, match="takes 'images', the spec names 'pixels'"):
        tiny_encoder(spec)


def test_an_output_of_whole_numbers_is_refused() -> None:
    graph = tiny_graph(
        extra_nodes=[helper.make_node("Cast", ["vectors"], ["embedding"], to=TensorProto.INT64)]
    )
    graph.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    with pytest.raises(EncoderInvalid, match=r"tensor\(int64\), not floating point"):
        OnnxEncoder(graph.SerializeToString(), tiny_spec())


def test_one_of_two_outputs_must_be_named() -> None:
    graph = tiny_graph()
    graph.graph.output.append(helper.make_tensor_value_info("colour", TensorProto.FLOAT, ["n", 3]))
    with pytest.raises(EncoderInvalid, match=r"no output 'object'.*it gives 'embedding', 'colour'"):
        OnnxEncoder(graph.SerializeToString(), tiny_spec())


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(EncoderInvalid, match=r"\(n, 8, 8, 3\), got uint8 \(2, 16, 16, 3\)"):
        tiny_encoder().encode(some_pictures(2, 16))


def test_an_operator_of_another_library_is_refused() -> None:
    node = helper.make_node("Whiten", ["vectors"], ["embedding"], domain="com.stranger")
    graph = tiny_graph(extra_nodes=[node])
    graph.opset_import.append(helper.make_opsetid("com.stranger", 1))
    with pytest.raises(EncoderInvalid, match=r"ONNX Runtime cannot load the graph.*Whiten"):
        OnnxEncoder(graph.SerializeToString(), tiny_spec())


def external_weight() -> onnx.TensorProto:
    tensor = onnx.TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=WEIGHT.shape)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "secret.bin", "offset": "0", "length": str(WEIGHT.nbytes)}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def in_initializer(graph: onnx.ModelProto) -> None:
    graph.graph.initializer.append(external_weight())


def in_constant(graph: onnx.ModelProto) -> None:
    graph.graph.node.insert(0, helper.make_node("Constant", [], ["weight"], value=external_weight()))


def in_branch(graph: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [], [external_weight()])
    graph.graph.node.insert(
        0, helper.make_node("If", ["c"], ["weight"], then_branch=branch, else_branch=branch)
    )


def in_function(graph: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["weight"], value=external_weight())
    opset = [helper.make_opsetid("", 17)]
    graph.functions.append(helper.make_function("own", "Weight", [], ["weight"], [node], opset))
    graph.graph.node.insert(0, helper.make_node("Weight", [], ["weight"], domain="own"))
    graph.opset_import.append(helper.make_opsetid("own", 1))


@pytest.mark.parametrize("place", [in_initializer, in_constant, in_branch, in_function])
def test_a_graph_cannot_read_other_files(
    place: Callable[[onnx.ModelProto], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.bin").write_bytes(WEIGHT.tobytes())
    monkeypatch.chdir(tmp_path)
    graph = tiny_graph(tensors=[])
    place(graph)
    with pytest.raises(EncoderInvalid, match="keeps weights in another file"):
        OnnxEncoder(graph.SerializeToString(), tiny_spec())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        b"{}",
        b"\xff" * 64,
        b"\x08\x08",
        b"\x18\0\0\0ORTM" + bytes(64),
    ],
    ids=["empty", "zero", "PNG", "JSON", "ones", "only a version", "ORT format"],
)
def test_bytes_of_another_format_are_refused(content: bytes) -> None:
    with pytest.raises(EncoderInvalid, match=r"not an ONNX graph|cannot load"):
        OnnxEncoder(content, tiny_spec())


@given(content=st.binary(max_size=200))
def test_no_bytes_at_all_make_the_check_fail_in_another_way(content: bytes) -> None:
    with contextlib.suppress(EncoderInvalid):
        require_self_contained(content)


def test_a_graph_that_is_cut_short_is_refused() -> None:
    content = tiny_graph().SerializeToString()
    for length in range(0, len(content), 7):
        with pytest.raises(EncoderInvalid):
            OnnxEncoder(content[:length], tiny_spec())


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    tiny_encoder().encode(some_pictures(1, SIZE))
    with pytest.raises(EncoderInvalid):
        tiny_encoder(tensors=[])
    assert capfd.readouterr() == ("", "")
