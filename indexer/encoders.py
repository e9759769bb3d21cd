"""Where encoders come from: the built-in one, a folder that training wrote, or any .onnx file with a spec."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import UsageRefused, os_errors
from retrieval.encoder import EncoderSpec, fingerprint, parse_spec
from retrieval.errors import EncoderInvalid

if TYPE_CHECKING:
    from retrieval.encoder import Encoder

BUILTIN = "builtin"
COPY_SPACE = "copy"  # where an encoder has it, edited versions of a picture are near there and nothing else
TRUNK_FILE = "trunk.safetensors"
GRAPH_FILE, SPEC_FILE, CARD_FILE = "model.onnx", "spec.json", "MODEL_CARD.md"
_BUILTIN_FOLDER = Path(__file__).parent / "builtin"
_MINIMAL_SPEC = (
    '{"format": 1, "name": "my-encoder", "input": {"size": 224, "layout": "NCHW", "mean": [123.7, 116.3, 103.5], '
    '"std": [58.4, 57.1, 57.4]}, "spaces": [{"name": "object", "dim": 512, "metric": "cosine"}]}'
)


@dataclass(frozen=True)
class EncoderFiles:
    """An encoder as it lies on disk: read and identified, not yet loaded."""

    source: str
    graph: bytes
    graph_sha256: str
    spec: EncoderSpec
    fingerprint: str

    @property
    def paths(self) -> tuple[Path, Path]:
        """Where its graph and its spec lie."""
        return _paths(self.source)

    def load(self, threads: int, at_once: int = 1) -> "Encoder":
        """Start ONNX Runtime on the graph: so many passes at once, on so many cores each.

        Raises:
            UsageRefused: the graph cannot be used, or does not fit its spec.
        """
        from retrieval.onnx_encoder import OnnxEncoder

        try:
            return OnnxEncoder(
                self.graph, self.spec, graph_sha256=self.graph_sha256, threads=threads, at_once=at_once
            )
        except EncoderInvalid as error:
            raise UsageRefused(f"encoder {self.source}: {error}") from error


def read_encoder(source: str) -> EncoderFiles:
    """Read the encoder that ``source`` names: ``builtin``, a folder, or an .onnx file beside its .json spec.

    Raises:
        UsageRefused: nothing there, no spec, or a spec that cannot be read.
    """
    graph_path, spec_path = _paths(source)
    with os_errors(f"reading encoder {source}"):
        if not graph_path.is_file():
            raise UsageRefused(f"no encoder at {source}: {graph_path} is not a file")
        if not spec_path.is_file():
            raise UsageRefused(
                f"encoder {source} has no spec: {spec_path} is missing",
                f"write one that says what the graph expects, for example {_MINIMAL_SPEC}",
            )
        graph = graph_path.read_bytes()
        try:
            spec = parse_spec(spec_path.read_text(encoding="utf-8"))
        except (EncoderInvalid, UnicodeDecodeError) as error:
            raise UsageRefused(f"{spec_path}: {error}") from error
    graph_sha256 = hashlib.sha256(graph).hexdigest()
    return EncoderFiles(source, graph, graph_sha256, spec, fingerprint(graph_sha256, spec))


def model_card(source: str) -> str | None:
    """Return the model card that lies beside an encoder's graph, or None.

    Raises:
        PermissionRefused, DiskFailed: it cannot be read.
    """
    path = _paths(source)[0].with_name(CARD_FILE)
    with os_errors(f"reading {path}"):
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def load_builtin() -> "Encoder":
    """Read and start the built-in encoder on all cores.

    Raises:
        UsageRefused: it is not there, or broken.
    """
    return read_encoder(BUILTIN).load(os.cpu_count() or 1)


def builtin_trunk() -> bytes:
    """Read the weights that training starts from, a safetensors file: those of the built-in encoder, before rounding.

    Raises:
        UsageRefused: they are not there.
    """
    with os_errors("reading the built-in trunk"):
        return (_BUILTIN_FOLDER / TRUNK_FILE).read_bytes()


def _paths(source: str) -> tuple[Path, Path]:
    if source == BUILTIN:
        return _BUILTIN_FOLDER / GRAPH_FILE, _BUILTIN_FOLDER / SPEC_FILE
    path = Path(source)
    if path.suffix.lower() == ".onnx":
        return path, path.with_suffix(".json")
    return path / GRAPH_FILE, path / SPEC_FILE


def canonical_source(source: str) -> str:
    """Name an encoder so that it is found from any working directory."""
    return source if source == BUILTIN else str(Path(source).resolve())
