"""`index verify`: two files judged, with what was changed in pixels of the files."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from indexer.encoders import BUILTIN, read_encoder
from tests.conftest import Command
from tests.pictures import picture
from tests.retrieval.scenes import scene

pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")


def page(seed: int) -> Image.Image:
    return Image.fromarray(scene(seed)).resize((720, 540), Image.Resampling.BICUBIC)


@pytest.fixture
def original(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INDEX_ENCODER", BUILTIN)
    path = workplace / "a.png"
    page(1).save(path)
    return path


def altered(original: Path, target: Path) -> tuple[int, int, int, int]:
    """Put another scene's patch into a picture, and save it at half the size: the box, in the target's pixels."""
    image = Image.open(original)
    image.paste(page(9).crop((0, 0, 120, 100)), (400, 300))
    image.resize((360, 270), Image.Resampling.LANCZOS).save(target, quality=85)
    return 200, 150, 260, 200


def test_the_same_bytes_are_identical(index: Command, original: Path) -> None:
    shutil.copy(original, "b.png")
    answer = index("verify", "a.png", "b.png", "--json")
    assert answer.code == 0
    document = answer.json()
    assert document["verdict"] == "identical"
    assert set(document) >= {"a", "b", "verdict", "probability", "scores", "alignment", "changes"}
    assert document["scores"].keys() == {"copy", "object"}
    assert document["scores"]["copy"] == pytest.approx(1, abs=1e-6)


def test_a_resaved_smaller_mirror_image_is_a_copy_and_its_matrix_is_in_pixels_of_the_files(
    index: Command, original: Path
) -> None:
    ImageOps.mirror(Image.open(original)).resize((360, 270)).save("b.jpg", quality=80)
    answer = index("verify", "a.png", "b.jpg", "--json")
    document = answer.json()
    assert (answer.code, document["verdict"]) == (0, "copy")
    assert document["alignment"]["mirrored"]
    matrix = np.array(document["alignment"]["matrix"])
    for x, y in [(100, 50), (600, 500)]:
        seen = matrix @ [x, y, 1]
        assert seen[:2] / seen[2] == pytest.approx([(719 - x) / 2, y / 2], abs=2)


def test_a_changed_patch_is_altered_and_boxed_in_both_files(index: Command, original: Path) -> None:
    left, top, right, bottom = altered(original, Path("b.jpg"))
    answer = index("verify", "a.png", "b.jpg", "--json")
    document = answer.json()
    assert (answer.code, document["verdict"]) == (4, "altered")
    box_a, box_b = document["changes"][0]["box_a"], document["changes"][0]["box_b"]
    assert left - 15 <= box_b[0] < box_b[2] <= right + 15
    assert top - 15 <= box_b[1] < box_b[3] <= bottom + 15
    assert box_a == pytest.approx([2 * side for side in box_b], abs=8)
    told = index("verify", "a.png", "b.jpg").out
    assert told.startswith("altered: ")
    assert "changed in B: x " in told


def test_unlike_pictures_are_different(index: Command, original: Path) -> None:
    picture(3, (720, 540)).save("b.png")
    answer = index("verify", "a.png", "b.png", "--json")
    assert (answer.code, answer.json()["verdict"]) == (4, "different")
    assert answer.json()["alignment"] is None


def test_what_is_no_picture_is_named(index: Command, original: Path) -> None:
    Path("b.jpg").write_bytes(b"nothing")
    answer = index("verify", "a.png", "b.jpg")
    assert answer.code == 3
    assert "b.jpg: not-an-image" in answer.err
    assert index("verify", "a.png", "missing.jpg").code == 2


def test_the_encoder_is_that_of_the_index(
    index: Command, original: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (original.parent / "c").mkdir()
    shutil.copy(original, original.parent / "c")
    monkeypatch.setenv("INDEX_ENCODER", str(tiny_encoder))
    index("build", "c")
    monkeypatch.delenv("INDEX_ENCODER")
    spaces = {space.name for space in read_encoder(str(tiny_encoder)).spec.spaces}
    assert index("verify", "a.png", "a.png", "--json").json()["scores"].keys() == spaces


def test_without_opencv_it_says_what_to_install(original: Path, tmp_path: Path) -> None:
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "cv2.py").write_text("raise ImportError('no cv2')\n")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'shadow')!r}); "
        f"from indexer.cli import run; sys.exit(run(['verify', {str(original)!r}, {str(original)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "pip install 'siamese-index[verify]'" in done.stderr
