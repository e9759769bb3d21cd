"""Sounds from end to end: rejected with a reason where they are broken, built, queried and shown where they are not."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from indexer import Index
from indexer.decoding.decode import decode
from indexer.decoding.limits import Limits
from indexer.decoding.picture import DecodeFailure, Reason
from indexer.decoding.sandbox import Job, Sandbox
from indexer.scan import scan_folder
from retrieval.view import Fit, View
from tests.conftest import Command
from tests.hostile.crafted import photo, saved
from tests.indexer.sounds import SIZE, heard, melody, tone, wav
from tests.tiny_encoder import write_tiny_encoder

WHOLE = wav(tone())


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def compressed(kind: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, melody(0), 16_000, format=kind)
    return buffer.getvalue()


def floats(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, values, 16_000, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


BROKEN = {
    "nothing": (b"", {Reason.EMPTY}),
    "no samples": (wav(np.zeros(0)), {Reason.EMPTY}),
    "half a WAV": (WHOLE[: len(WHOLE) // 2], {Reason.TRUNCATED}),
    "a WAV's first bytes": (WHOLE[:30], {Reason.TRUNCATED}),
    "half an AIFF": (compressed("AIFF")[:9_000], {Reason.TRUNCATED}),
    "half a FLAC": (compressed("FLAC")[:9_000], {Reason.TRUNCATED, Reason.DAMAGED}),
    "half an Ogg": (compressed("OGG")[:3_000], {Reason.DAMAGED}),
    "half an MP3": (compressed("MP3")[:3_000], {Reason.TRUNCATED, Reason.DAMAGED}),
    "a zeroed FLAC": (patched(compressed("FLAC"), 5_000, bytes(9_000)), {Reason.TRUNCATED, Reason.DAMAGED}),
    "garbage": (np.random.default_rng(0).bytes(5_000), {Reason.NOT_A_SOUND}),
    "garbage in a WAV": (patched(WHOLE, 12, np.random.default_rng(0).bytes(5_000)), {Reason.DAMAGED}),
    "a huge format chunk": (patched(WHOLE, 16, b"\xf0\xff\xff\x7f"), {Reason.DAMAGED}),
    "no rate": (patched(WHOLE, 24, bytes(4)), {Reason.DAMAGED}),
    "a huge rate": (patched(WHOLE, 24, struct.pack("<I", 2**31 - 1)), {Reason.UNSUPPORTED_FORMAT}),
    "65535 channels": (patched(WHOLE, 22, b"\xff\xff"), {Reason.DAMAGED}),
    "an unknown codec": (patched(WHOLE, 20, b"\x99\x99"), {Reason.DAMAGED, Reason.UNSUPPORTED_FORMAT}),
    "a picture": (saved(photo(60, 40), "PNG"), {Reason.NOT_A_SOUND}),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(limits=Limits(), workers=1) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_sound_is_rejected_with_its_reason(name: str, sandbox: Sandbox) -> None:
    data, reasons = BROKEN[name]
    jobs = [Job(0, data=data), Job(1, data=WHOLE)]
    run = sandbox.run(jobs, size=SIZE, fit=Fit.STRETCH, view=View.SPECTRUM, window=2)
    outcomes = {outcome.key: outcome for outcome in run}
    failure = outcomes[0].failure
    assert failure is not None
    assert failure.reason in reasons
    assert ": " in failure.message or "encoder" in failure.message
    assert outcomes[1].picture is not None


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (b"", Reason.EMPTY, "the file is empty"),
        (BROKEN["half an MP3"][0], Reason.TRUNCATED, "of 14400 samples are there"),
    ],
    ids=["nothing", "half an MP3"],
)
def test_a_sound_that_is_not_there_is_told_from_one_that_is_broken(
    data: bytes, reason: Reason, words: str
) -> None:
    with pytest.raises(DecodeFailure, match=words) as failure:
        heard(data)
    assert failure.value.reason is reason


def test_values_that_are_no_numbers_do_no_harm() -> None:
    values = tone()
    values[100:200], values[300], values[400] = np.nan, np.inf, 1e38
    assert heard(floats(values)).pixels.shape == (SIZE, SIZE, 3)


def test_a_wav_that_was_written_into_a_pipe_is_read() -> None:
    endless = patched(patched(WHOLE, 4, b"\xff" * 4), 40, b"\xff" * 4)
    assert (heard(endless).pixels == heard(WHOLE).pixels).all()


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU"])
def test_a_sound_that_is_shorter_than_it_says_is_truncated_and_a_whole_one_is_read(kind: str) -> None:
    whole = compressed(kind)
    assert heard(whole).format == kind
    for size in (len(whole) // 4, len(whole) - 10):
        with pytest.raises(DecodeFailure) as failure:
            heard(whole[:size])
        assert failure.value.reason is Reason.TRUNCATED


def test_a_sound_is_read_from_an_open_file_as_from_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(WHOLE)
    with (tmp_path / "a.wav").open("rb") as file:
        streamed = decode(file, size=SIZE, fit=Fit.STRETCH, view=View.SPECTRUM, limits=Limits())
    assert (streamed.pixels == heard(WHOLE).pixels).all()
    assert (streamed.width, streamed.height, streamed.format) == (16_000, 1, "WAV")


def test_a_sound_of_too_many_bytes_is_not_opened() -> None:
    with pytest.raises(DecodeFailure) as failure:
        decode(WHOLE, size=SIZE, fit=Fit.STRETCH, view=View.SPECTRUM, limits=Limits(max_file_bytes=1_000))
    assert failure.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF"])
def test_an_encoder_of_pictures_says_which_encoders_take_sounds(kind: str) -> None:
    with pytest.raises(DecodeFailure, match='"view": "spectrum"') as failure:
        decode(compressed(kind), size=SIZE, fit=Fit.STRETCH, limits=Limits())
    assert failure.value.reason is Reason.NOT_AN_IMAGE


def test_an_encoder_of_sounds_says_which_encoders_take_pictures() -> None:
    with pytest.raises(DecodeFailure, match='"colour", "grey" or "ink"'):
        heard(saved(photo(60, 40), "JPEG"))


def test_without_soundfile_the_message_is_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(DecodeFailure, match=r"pip install 'siamese-index\[audio\]'") as failure:
        heard(WHOLE)
    assert failure.value.reason is Reason.UNSUPPORTED_FORMAT


def test_a_scan_for_sounds_finds_them_by_suffix_or_first_bytes_and_passes_pictures_by(tmp_path: Path) -> None:
    for name in ("a.WAV", "b.flac", "c.jpg", "d.txt"):
        (tmp_path / name).write_bytes(b"whatever")
    (tmp_path / "sound").write_bytes(WHOLE)
    (tmp_path / "picture").write_bytes(saved(photo(20, 20), "PNG"))
    (tmp_path / "folder.ogg").mkdir()
    scan = scan_folder(str(tmp_path), view=View.SPECTRUM)
    assert [Path(found.path).name for found in scan.files] == ["a.WAV", "b.flac", "sound"]
    assert [odd.message for odd in scan.odd] == ["named like a sound, but a folder"]
    assert [Path(found.path).name for found in scan_folder(str(tmp_path)).files] == ["c.jpg", "picture"]


@pytest.fixture
def listening(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of eight sounds in two classes, and an encoder that takes sounds."""
    encoder = write_tiny_encoder(workplace / "ears", view="spectrum")
    monkeypatch.setenv("INDEX_ENCODER", str(encoder))
    for seed in range(8):
        path = workplace / "sounds" / ("calls" if seed % 2 else "songs") / f"{seed}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav(melody(seed)))
    return workplace / "sounds"


def test_a_folder_of_sounds_is_built_queried_and_deduped(listening: Path, index: Command) -> None:
    (listening / "songs" / "cover.jpg").write_bytes(saved(photo(60, 40), "JPEG"))
    (listening / "songs" / "cut.wav").write_bytes(WHOLE[:5_000])
    (listening / "calls" / "again.wav").write_bytes(wav(melody(3)))
    report = index("build", listening, "--json").json()
    assert (report["found"], report["indexed"]) == (10, 9)
    assert [entry["reason"] for entry in report["rejected"]] == ["truncated"]

    telephone = listening.parent / "telephone.wav"
    telephone.write_bytes(wav(0.3 * melody(5, 8_000), 8_000))
    (answer,) = index("query", telephone, "-k", "3", "--json").json()["queries"]
    assert (Path(answer["results"][0]["path"]).name, answer["results"][0]["label"]) == ("5.wav", "calls")

    groups = index("dedupe", "--threshold", "0.9999", "--json").json()["groups"]
    assert [Path(group["members"][0]["path"]).name for group in groups] == ["again.wav"]
    assert index("check", "--json").code == 0


def test_a_page_shows_the_spectra_of_sounds(listening: Path, index: Command) -> None:
    index("build", listening)
    target = listening.parent / "page.html"
    assert index("query", listening / "calls" / "1.wav", "-k", "2", "--html", target).code == 0
    assert target.read_text().count("data:image/jpeg") == 3
    assert "not readable" not in target.read_text()


def test_sounds_are_not_edited_to_calibrate_by_them(listening: Path, index: Command) -> None:
    index("build", listening)
    answer = index("calibrate", "--synthetic", "--fpr", 0.4)
    assert (answer.code, "it is pictures that are edited" in answer.err) == (2, True)
    assert "give a list of pairs" in answer.err


def test_python_queries_sounds_by_their_bytes(listening: Path) -> None:
    with Index(listening.parent) as opened:
        opened.build(listening)
        assert Path(opened.query(wav(melody(2)), k=1)[0].path).name == "2.wav"
        with pytest.raises(ValueError, match="not-a-sound"):
            opened.query(saved(photo(60, 40), "PNG"))


def test_a_sound_that_an_encoder_of_pictures_rejected_is_read_by_one_of_sounds(
    listening: Path, index: Command, tiny_encoder: Path
) -> None:
    manifest = listening.parent / "sounds.csv"
    manifest.write_text("path\n" + "".join(f"{path}\n" for path in sorted(listening.rglob("*.wav"))))
    rejected = index("build", manifest, "--encoder", tiny_encoder, "--json").json()["rejected"]
    assert [entry["reason"] for entry in rejected] == ["not-an-image"] * 8
    report = index("build", "--json").json()
    assert (report["indexed"], report["rejected"]) == (8, [])
