"""The spec that travels with a graph, and the fingerprint over both."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retrieval.encoder import EncoderSpec, Space, fingerprint, parse_spec, spec_document
from retrieval.errors import EncoderInvalid
from retrieval.metric import Metric
from retrieval.preprocess import PreprocessSpec
from retrieval.view import Fit

BUILTIN_SPEC = Path(__file__).resolve().parents[2] / "indexer" / "builtin" / "spec.json"

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "name": "shoes",
    "version": "3",
    "input": {
        "name": "pixels",
        "size": 160,
        "fit": "pad",
        "layout": "NHWC",
        "dtype": "float32",
        "mean": [1, 2, 3],
        "std": [4, 5, 6],
    },
    "spaces": [
        {"name": "copy", "dim": 64, "metric": "cosine", "output": "embedding_0"},
        {"name": "object", "dim": 128, "metric": "l2"},
    ],
    "default_space": "object",
}


def changed(*path: str | int, to: Any) -> str:
    document = copy.deepcopy(DOCUMENT)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return json.dumps(document)


def test_every_field_is_read() -> None:
    assert parse_spec(json.dumps(DOCUMENT)) == EncoderSpec(
        name="shoes",
        version="3",
        preprocess=PreprocessSpec(
            size=160, fit=Fit.PAD, layout="NHWC", dtype="float32", mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0)
        ),
        spaces=(Space("copy", 64, Metric.COSINE, "embedding_0"), Space("object", 128, Metric.L2)),
        default_space="object",
        input="pixels",
    )


def test_what_may_be_left_out_has_a_default() -> None:
    spec = parse_spec(
        json.dumps({"format": 1, "name": "x", "input": {"size": 32}, "spaces": [{"name": "a", "dim": 8}]})
    )
    assert spec.preprocess == PreprocessSpec(size=32)
    assert spec.spaces == (Space("a", 8, Metric.COSINE, ""),)
    assert spec.default_space == "a"
    assert spec.input == ""


def test_the_builtin_spec_names_its_two_spaces() -> None:
    spec = parse_spec(BUILTIN_SPEC.read_text(encoding="utf-8"))
    assert spec.name == "builtin"
    assert [(space.name, space.dim, space.metric) for space in spec.spaces] == [
        ("copy", 256, Metric.COSINE),
        ("object", 256, Metric.COSINE),
    ]
    assert spec.space().name == "object"


def test_a_space_is_found_by_name_and_a_missing_one_says_what_there_is() -> None:
    spec = parse_spec(json.dumps(DOCUMENT))
    assert spec.space("copy").dim == 64
    with pytest.raises(EncoderInvalid, match=r"'shoes' has no space 'face'; it has copy, object"):
        spec.space("face")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("[1]", "cannot be read"),
        ("null", "cannot be read"),
        ("{}", "format"),
        (changed("format", to=2), "format 2 is not 1"),
        (changed("input", to=None), "cannot be read"),
        (changed("input", to={}), "size"),
        (changed("input", "colour", to="BGR"), "colour"),
        (changed("input", "size", to="big"), "whole number"),
        (changed("input", "size", to=4), "4 px"),
        (changed("input", "size", to=160.5), "160.5"),
        (changed("input", "fit", to="zoom"), "zoom"),
        (changed("input", "mean", to=[1, 2]), "three values"),
        (changed("input", "std", to=[1, 0, 1]), "above 0"),
        (changed("input", "std", to="one"), "cannot be read"),
        (changed("spaces", to=[]), "cannot be read|once each"),
        (changed("spaces", 0, "name", to="object"), "once each"),
        (changed("spaces", 0, "name", to="../copy"), "letters, digits"),
        (changed("spaces", 0, "name", to=""), "letters, digits"),
        (changed("spaces", 0, "dim", to=0), "dimension 0"),
        (changed("spaces", 0, "dim", to=40_000), "dimension 40000"),
        (changed("spaces", 0, "dim", to=64.5), "64.5"),
        (changed("spaces", 0, "metric", to="hamming"), "hamming"),
        (changed("spaces", 0, "size", to=3), "size"),
        (changed("default_space", to="face"), "'face' is not one of"),
        (changed("spaces", 0, "threshold", to=75), "is no cosine"),
        (changed("spaces", 1, "threshold", to=0.5), "the metric is none"),
        (changed("spaces", 0, "threshold", to="0.5"), "must be a number"),
        (changed("input", "size", to=True), "whole number"),
        (changed("input", "mean", to=[10**400, 1, 1]), "cannot be read"),
        (changed("input", "mean", to=[float("nan"), 1, 1]), "finite"),
        (changed("input", "mean", to="123"), "cannot be read"),
        (changed("input", "name", to=["pixels"]), "printable"),
        (changed("name", to="\ud800"), "printable"),
        (changed("name", to={"a": 1}), "printable"),
        (changed("version", to="1" * 1000), "at most 200"),
        (changed("spaces", 0, "output", to=[1]), "printable"),
        ("[" * 100_000, "cannot be read"),
        ('{"format": ' + "9" * 5000 + "}", "cannot be read"),
    ],
)
def test_a_wrong_spec_is_refused_and_says_why(text: str, message: str) -> None:
    with pytest.raises(EncoderInvalid, match=message):
        parse_spec(text)


def test_equal_graph_and_spec_have_an_equal_fingerprint() -> None:
    reordered = json.dumps(dict(reversed(DOCUMENT.items())), indent=4)
    first, second = (fingerprint("aa", parse_spec(text)) for text in (json.dumps(DOCUMENT), reordered))
    assert first == second
    assert len(first) == 64


def test_any_difference_that_could_change_a_vector_changes_the_fingerprint() -> None:
    spec = parse_spec(json.dumps(DOCUMENT))
    variants = [
        ("bb", spec),
        ("aa", replace(spec, version="4")),
        ("aa", replace(spec, preprocess=replace(spec.preprocess, fit=Fit.CROP))),
        ("aa", replace(spec, preprocess=replace(spec.preprocess, mean=(0.0, 2.0, 3.0)))),
        ("aa", replace(spec, spaces=spec.spaces[::-1])),
        ("aa", replace(spec, spaces=(replace(spec.spaces[0], metric=Metric.L2), spec.spaces[1]))),
    ]
    assert len({fingerprint("aa", spec), *(fingerprint(*variant) for variant in variants)}) == 1 + len(
        variants
    )


def test_a_threshold_says_nothing_of_vectors_and_leaves_the_fingerprint() -> None:
    with_one = parse_spec(changed("spaces", 0, "threshold", to=0.7))
    assert with_one.space("copy").threshold == 0.7
    assert parse_spec(json.dumps(spec_document(with_one))) == with_one
    assert fingerprint("aa", with_one) == fingerprint("aa", parse_spec(json.dumps(DOCUMENT)))
