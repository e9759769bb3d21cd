"""What `index verify` shows: a page that needs nothing else, an overlay, and the same from Python."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import Index
from indexer.compared import require_comparable
from indexer.encoders import read_encoder
from indexer.errors import UsageRefused
from tests.conftest import Command
from tests.retrieval.scenes import scene
from tests.tiny_encoder import write_tiny_encoder

pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")

HOSTILE = "b'<img src=x onerror=alert(1)>&.png"


def changed(seed: int = 1) -> np.ndarray:
    """A scene with a patch of another one, a quarter smaller."""
    pixels = scene(seed).copy()
    pixels[100:150, 120:190] = scene(seed + 8)[100:150, 120:190]
    return np.asarray(Image.fromarray(pixels).resize((270, 202), Image.Resampling.LANCZOS))


@pytest.fixture
def original(workplace: Path) -> Path:
    path = workplace / "a.png"
    Image.fromarray(scene(1)).save(path)
    return path


def test_the_page_needs_nothing_but_itself_and_names_are_escaped(index: Command, original: Path) -> None:
    Image.fromarray(changed()).save(HOSTILE)
    answer = index("verify", "a.png", HOSTILE, "--html", "page.html")
    assert (answer.code, answer.out.split(":")[0]) == (4, "altered")
    page = Path("page.html").read_text()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "b&#x27;&lt;img src=x onerror=alert(1)&gt;&amp;.png" in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|url\(|@import|\son\w+=[^a]", page.replace("onerror=alert", ""))
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 5  # both, the two that blink, and what differs
    for image in images:
        assert 'src="data:image/jpeg;base64,' in image
        assert re.search(r'alt="[^"]+"', image)
    assert len(re.findall(r"<rect ", page)) == 2 * page.count("times the usual")
    assert "animation: blink" in page
    for said in (
        "points in place",
        "overlap",
        "copy score",
        "270 x 202 pixels",
        answer.out.split(": ")[1][:20],
    ):
        assert said in page


def test_without_an_alignment_the_page_says_so_and_the_overlay_shows_both(
    index: Command, original: Path
) -> None:
    Image.fromarray(scene(2)).save("b.png")
    answer = index("verify", "a.png", "b.png", "--html", "page.html", "--overlay", "o.png")
    assert answer.code == 4
    assert "there is no alignment" in answer.err
    page = Path("page.html").read_text()
    assert "there is no alignment" in page
    assert len(re.findall(r"<img", page)) == 2
    with Image.open("o.png") as overlay:
        assert overlay.size == (360 + 16 + 360, 270)


def test_what_is_too_low_to_be_compared_is_laid_and_no_difference_is_shown(
    index: Command, workplace: Path
) -> None:
    strip = np.asarray(Image.fromarray(scene(1)).resize((1200, 900)))[100:115]
    Image.fromarray(strip).save("a.png")
    Image.fromarray(strip).save("b.jpg", quality=95)
    answer = index("verify", "a.png", "b.jpg", "--html", "page.html")
    assert answer.code in {0, 4}, answer.err
    page = Path("page.html").read_text()
    assert "B where it lies in A" in page
    assert len(re.findall(r"<img", page)) == 4  # both, and the two that blink
    assert "red where B differs" not in page
    assert "No changed region was found" in page


def test_a_picture_as_small_as_a_pixel_is_verified_and_shown(index: Command, original: Path) -> None:
    Image.new("RGB", (1, 1), "red").save("dot.png")
    for a, b in (("dot.png", "a.png"), ("a.png", "dot.png"), ("dot.png", "dot.png")):
        answer = index("verify", a, b, "--html", "page.html", "--overlay", "o.png")
        assert answer.code == (0 if a == b else 4), answer.err


def test_the_overlay_has_the_size_of_a_and_frames_what_was_changed(index: Command, original: Path) -> None:
    Image.fromarray(changed()).save("b.png")
    assert index("verify", "a.png", "b.png", "--overlay", "o.png").code == 4
    with Image.open("o.png") as overlay:
        assert (overlay.size, overlay.format, overlay.info) == ((360, 270), "PNG", {})
        shown = np.asarray(overlay.convert("RGB")).astype(int)
    red = (np.abs(shown - [230, 30, 60]).sum(axis=2) < 20).nonzero()
    assert red[0].min() == pytest.approx(100, abs=12)
    assert red[1].max() == pytest.approx(190, abs=12)
    assert np.abs(shown[:80] - scene(1)[:80]).mean() < 15


def test_an_overlay_that_is_named_otherwise_is_refused_before_anything_is_read(
    index: Command, original: Path
) -> None:
    answer = index("verify", "a.png", "a.png", "--overlay", "o.jpg")
    assert (answer.code, Path("o.jpg").exists()) == (2, False)
    assert "NAME.png" in answer.err


def test_arrays_images_bytes_and_paths_are_judged_alike_without_an_index(original: Path) -> None:
    Image.fromarray(changed()).save("b.png")
    with Index(".") as index:
        found = [
            index.verify(scene(1), changed()),
            index.verify(Image.fromarray(scene(1)), "b.png"),
            index.verify(original.read_bytes(), Path("b.png")),
        ]
        for one in found:
            assert (one.verdict, one.changes) == ("altered", found[0].changes)
            assert one.to_dict()["alignment"]["matrix"] == found[0].alignment["matrix"]  # type: ignore[index]
        assert found[0].a == "image 0"
        assert found[2].a.startswith("bytes:")
        assert index.verify(original, original.read_bytes()).verdict == "identical"
        assert index.verify(scene(1), scene(1)).verdict == "copy"  # arrays have no bytes of a file
        with pytest.raises(ValueError, match="image 1: not-an-image"):
            index.verify(original, np.zeros((3, 3, 4), np.uint8))
        with pytest.raises(ValueError, match=r"missing\.png"):
            index.verify("missing.png", original)


def test_what_listens_to_sounds_verifies_nothing(tmp_path: Path) -> None:
    spec = read_encoder(str(write_tiny_encoder(tmp_path / "ears", view="spectrum"))).spec
    with pytest.raises(UsageRefused, match="it is pictures that are verified"):
        require_comparable(spec)
