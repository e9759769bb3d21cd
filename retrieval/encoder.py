"""What an encoder is: a spec, a fingerprint, and pictures in, one array of vectors per space out."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from retrieval.errors import EncoderInvalid
from retrieval.metric import Metric
from retrieval.preprocess import PIXELS_VERSION, PreprocessSpec
from retrieval.similarity import Float32
from retrieval.view import Fit, View

SPEC_FORMAT = 1
MAX_DIM = 32_768
_MAX_CHARACTERS = 200  # of a name


@dataclass(frozen=True)
class Space:
    """One kind of embedding that a forward pass gives.

    ``metric`` says how its vectors are stored: cosine spaces are L2-normalised (and can be compared by either
    metric), l2 spaces are kept as the graph gives them. ``threshold`` is the cosine from which the encoder takes two
    pictures for the same, until it is calibrated on the catalogue at hand; None where nobody measured it.
    """

    name: str
    dim: int
    metric: Metric = Metric.COSINE
    output: str = ""
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Refuse names that could not be a file's part, dimensions beyond reason, and thresholds that are no cosine."""
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise EncoderInvalid(f"space name {self.name!r}: letters, digits, '-' and '_' only")
        if not 1 <= self.dim <= MAX_DIM:
            raise EncoderInvalid(f"space {self.name!r}: dimension {self.dim} is outside 1..{MAX_DIM}")
        if self.threshold is not None and not (self.metric is Metric.COSINE and 0 < self.threshold <= 1):
            raise EncoderInvalid(
                f"space {self.name!r}: threshold {self.threshold} is no cosine above 0, or the metric is none"
            )


@dataclass(frozen=True)
class EncoderSpec:
    """Everything that must travel with a graph for its vectors to mean the same thing tomorrow."""

    name: str
    version: str
    preprocess: PreprocessSpec
    spaces: tuple[Space, ...]
    default_space: str
    input: str = ""

    def __post_init__(self) -> None:
        """Refuse a spec without spaces, with two of one name, or with a default that is not there."""
        names = [space.name for space in self.spaces]
        if not names or len(set(names)) != len(names):
            raise EncoderInvalid(f"spaces must be named once each, got {names}")
        if self.default_space not in names:
            raise EncoderInvalid(f"default space {self.default_space!r} is not one of {names}")

    def space(self, name: str | None = None) -> Space:
        """Return the space called ``name``, or the default one.

        Raises:
            EncoderInvalid: the encoder has no such space.
        """
        wanted = self.default_space if name is None else name
        for space in self.spaces:
            if space.name == wanted:
                return space
        raise EncoderInvalid(
            f"encoder {self.name!r} has no space {wanted!r}; it has {', '.join(space.name for space in self.spaces)}"
        )


def spec_document(spec: EncoderSpec) -> dict[str, Any]:
    """Write a spec as the JSON document that `parse_spec` reads."""
    document = asdict(spec)
    document["input"] = document.pop("preprocess") | {"name": document["input"]}
    return {"format": SPEC_FORMAT} | document


class Encoder(Protocol):
    """Pictures in, vectors out."""

    @property
    def spec(self) -> EncoderSpec:
        """What it takes and what it gives."""

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, over graph and spec: equal only if vectors can be compared."""

    def encode(self, images: npt.NDArray[np.uint8]) -> dict[str, Float32]:
        """Embed (n, size, size, 3) uint8 RGB pictures: per space name an (n, dim) float32 array."""


def parse_spec(text: str) -> EncoderSpec:
    """Read a spec from JSON.

    Raises:
        EncoderInvalid: not JSON, a field is missing or unknown, or a value is out of range.
    """
    try:
        document = json.loads(text)
        spec_format = document.get("format")
        spec = _spec_from(document) if spec_format == SPEC_FORMAT else None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise EncoderInvalid(f"spec cannot be read: {type(error).__name__}: {error}") from error
    if spec is None:
        raise EncoderInvalid(f"spec format {spec_format!r} is not {SPEC_FORMAT}")
    return spec


def _whole(value: object, name: str) -> int:
    """Return a JSON number that must be whole; 160.5 pixels are a slip, not 160."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise EncoderInvalid(f"{name} must be a whole number, got {value!r}")
    return value


def _text(value: object, name: str) -> str:
    """Return a JSON text, or number, that is short, and that a database and a terminal can take."""
    text = str(value)
    if not isinstance(value, str | int | float) or len(text) > _MAX_CHARACTERS or not text.isprintable():
        raise EncoderInvalid(
            f"{name} must be at most {_MAX_CHARACTERS} printable characters, got {text[:50]!r}"
        )
    return text


def _spec_from(document: dict[str, Any]) -> EncoderSpec:
    entry = dict(document["input"])
    input_name = _text(entry.pop("name", ""), "input name")
    for field in ("mean", "std"):
        if isinstance(entry.get(field, ""), list):
            entry[field] = tuple(float(value) for value in entry[field])
    _whole(entry["size"], "input size")
    entry["fit"] = Fit(entry.get("fit", Fit.STRETCH))
    entry["view"] = View(entry.get("view", View.COLOUR))
    preprocess = PreprocessSpec(**entry)
    for space in document["spaces"]:
        name = _text(space["name"], "a space's name")
        _whole(space["dim"], f"dimension of space {name!r}")
        _text(space.get("output", ""), f"output of space {name!r}")
        if not isinstance(space.get("threshold"), float | int | None):
            raise EncoderInvalid(f"threshold of space {name!r} must be a number")
    spaces = tuple(
        Space(**(space | {"metric": Metric(space.get("metric", Metric.COSINE))}))
        for space in document["spaces"]
    )
    return EncoderSpec(
        name=_text(document["name"], "name"),
        version=_text(document.get("version", "1"), "version"),
        preprocess=preprocess,
        spaces=spaces,
        default_space=str(document.get("default_space", spaces[0].name)),
        input=input_name,
    )


def fingerprint(graph_sha256: str, spec: EncoderSpec) -> str:
    """SHA-256, in hex, over the graph's own SHA-256, the spec and the pixel rule."""
    document = asdict(spec)
    for space in document["spaces"]:
        del space["threshold"]  # it changes what is said of vectors, and none of them
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{PIXELS_VERSION}\n{graph_sha256}\n{canonical}".encode()).hexdigest()
