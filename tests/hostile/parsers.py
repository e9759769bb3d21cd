"""Every file format that is parsed here, beside pictures: a way in for any bytes, and intact files to break.

A parser gives something, or one of the errors that it names. Anything else would be a traceback. FAISS files are not
among them: not a byte of one is parsed before all of them have proven to be those that were written.
"""

import io
import json
import random
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.decision_import import _read_lines, _read_row
from indexer.decoding.decode import decode
from indexer.decoding.limits import Limits
from indexer.decoding.picture import DecodeFailure
from indexer.errors import UsageRefused
from indexer.manifest import read_manifest
from indexer.pair_list import read_pair_list
from indexer.settings import TEMPLATE, load_settings
from retrieval.encoder import parse_spec
from retrieval.errors import EncoderInvalid
from retrieval.onnx_encoder import require_self_contained
from retrieval.view import Fit, View

FOLDER = Path(tempfile.mkdtemp(prefix="index-parsers-"))


@dataclass(frozen=True)
class Parser:
    """What reads a format, what it may raise, and intact files."""

    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]

    def fate(self, data: bytes) -> str:
        """Say what became of bytes; any other error than those that are named comes through."""
        try:
            self.read(data)
        except self.refusals as error:
            return type(error).__name__
        return "read"


def _from_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def through(data: bytes) -> object:
        path = FOLDER / name
        path.write_bytes(data)
        return read(path)

    return through


def _settings(path: Path) -> object:
    return load_settings(path.parent, {}, {})


def _decisions(path: Path) -> object:
    """Read every row, as an import does, of contents that are named by their SHA-256."""
    rows = []
    for line, cells in _read_lines(path):
        by_content = {name: cells[name] for name in cells if name is None or not name.endswith("_path")}
        rows.append(_read_row(None, None, path, line, by_content))  # type: ignore[arg-type]
    return rows


def _spec(data: bytes) -> object:
    return parse_spec(data.decode("utf-8"))


def _sound(data: bytes) -> object:
    return decode(data, size=16, fit=Fit.STRETCH, limits=Limits(), view=View.SPECTRUM)


def _wav(channels: int, rate: int, width: int) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setframerate(rate)
        file.setsampwidth(width)
        file.writeframes(random.Random(1).randbytes(1200 * channels * width))
    return content.getvalue()


def _encoded(kind: str) -> bytes:
    import numpy as np
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, np.random.default_rng(1).normal(size=2000) / 9, 8000, format=kind)
    return content.getvalue()


def _parquet() -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    content = io.BytesIO()
    columns: dict[str, list[Any]] = {"path": ["a.jpg", "b.jpg"], "label": ["cup", None], "price": [1.5, 2.0]}
    parquet.write_table(pa.table(columns), content)
    return content.getvalue()


def _graph() -> bytes:
    from tests.tiny_encoder import write_tiny_encoder

    return (write_tiny_encoder(FOLDER / "encoder", size=8, dim=2) / "model.onnx").read_bytes()


_SPEC = {
    "format": 1,
    "name": "shoes",
    "version": "3",
    "input": {
        "name": "pixels",
        "size": 160,
        "fit": "pad",
        "layout": "NHWC",
        "mean": [1, 2.5, 3],
        "std": [4, 5, 6],
    },
    "spaces": [{"name": "copy", "dim": 64, "output": "e0"}, {"name": "object", "dim": 128, "metric": "l2"}],
    "default_space": "object",
}
_DECISIONS = (
    f"first_sha256,second_sha256,verdict,note,source,decided_at\n{'ab' * 32},{'cd' * 32},same,,cli,"
    f'2026-01-31T12:00:00+00:00\n{"ab" * 32},{"ef" * 32},different,"a, b",,\n'
)


def parsers() -> dict[str, Parser]:
    """Name every format."""
    usage = (UsageRefused,)
    return {
        "spec.json": Parser(_spec, (EncoderInvalid, UnicodeDecodeError), (json.dumps(_SPEC).encode(),)),
        "index.toml": Parser(
            _from_file("index.toml", _settings),
            usage,
            (b'encoder = "x"\njobs = 2\ndecode_seconds = 1.5\nmetric = "l2"\n', TEMPLATE.encode()),
        ),
        "manifest.csv": Parser(
            _from_file("manifest.csv", read_manifest),
            usage,
            (b'path,label,seller\na.jpg,cup,"b, c"\nd.jpg,,\n',),
        ),
        "manifest.parquet": Parser(_from_file("manifest.parquet", read_manifest), usage, (_parquet(),)),
        "pairs.csv": Parser(
            _from_file("pairs.csv", read_pair_list), usage, (b"a,b,same\nx.jpg,y.jpg,1\nx.jpg,z.jpg,0\n",)
        ),
        "decisions.csv": Parser(_from_file("decisions.csv", _decisions), usage, (_DECISIONS.encode(),)),
        "model.onnx": Parser(require_self_contained, (EncoderInvalid,), (_graph(),)),
        "sound": Parser(
            _sound, (DecodeFailure,), (_wav(1, 8000, 2), _wav(2, 44100, 3), _encoded("FLAC"), _encoded("OGG"))
        ),
    }
