"""The word for a pair of pictures."""

import numpy as np
import pytest
from PIL import Image

from retrieval.alignment.agreement import Agreement
from retrieval.alignment.evidence import Evidence, compare
from retrieval.alignment.homography import Alignment
from retrieval.alignment.verdict import Kind, Scores, judge
from tests.retrieval.scenes import SIZE, numbered, recaptured, scene

WIDTH, HEIGHT = SIZE
ALIKE = Scores(copy=0.2, object=0.9, least_copy=0.8, least_object=0.7)
UNLIKE = Scores(copy=0.2, object=0.3, least_copy=0.8, least_object=0.7)


def kind(a: np.ndarray, b: np.ndarray, scores: Scores | None = None) -> Kind:
    return judge(compare(a, b), scores=scores).kind


def stamped(seed: int, logo: np.ndarray, left: int, top: int) -> np.ndarray:
    picture = scene(seed).copy()
    picture[top : top + logo.shape[0], left : left + logo.shape[1]] = logo
    return picture


def test_the_same_bytes_are_identical_whatever_the_pixels_say() -> None:
    blank = np.zeros((9, 9, 3), np.uint8)
    assert judge(compare(blank, blank), same_bytes=True).kind is Kind.IDENTICAL


@pytest.mark.parametrize("seed", range(3))
def test_a_picture_that_was_captured_anew_is_a_copy(seed: int) -> None:
    verdict = judge(compare(scene(seed), recaptured(scene(seed))))
    assert verdict.kind is Kind.COPY
    assert "no region changed" in verdict.reason


def test_a_crop_and_a_framed_picture_are_copies() -> None:
    assert kind(scene(1), scene(1)[30:230, 60:300]) is Kind.COPY
    framed = np.pad(scene(1), ((30, 90), (40, 40), (0, 0)), constant_values=255)
    assert kind(scene(1), framed) is Kind.COPY


def test_a_mirrored_picture_is_a_copy_and_the_reason_says_mirrored() -> None:
    verdict = judge(compare(scene(1), scene(1)[:, ::-1]))
    assert verdict.kind is Kind.COPY
    assert "mirrored" in verdict.reason


def test_a_picture_with_another_serial_number_is_altered() -> None:
    verdict = judge(compare(numbered(1, "40713263"), recaptured(numbered(1, "40718263"))))
    assert verdict.kind is Kind.ALTERED
    assert "1 region changed" in verdict.reason


@pytest.mark.parametrize("place", [(20, 20), (200, 150)])
def test_a_shared_logo_on_two_pictures_is_no_copy(place: tuple[int, int]) -> None:
    logo = scene(50, (110, 80))
    evidence = compare(stamped(1, logo, 20, 20), stamped(2, logo, *place))
    assert evidence.alignment is not None  # the logo itself is found
    assert judge(evidence).kind is Kind.DIFFERENT
    assert judge(evidence, scores=UNLIKE).kind is Kind.DIFFERENT
    assert judge(evidence, scores=ALIKE).kind is Kind.SAME_OBJECT


def test_a_logo_alone_beside_the_picture_that_bears_it_is_no_altered_copy_of_another_picture() -> None:
    logo = scene(50, (110, 80))
    page = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    page[20:100, 20:130] = logo
    assert kind(page, stamped(2, logo, 20, 20)) is Kind.DIFFERENT


def test_two_pictures_in_the_same_screenshot_frame_are_no_copies() -> None:
    frame = scene(60, (WIDTH, HEIGHT + 90))
    screens = [frame.copy() for _ in range(2)]
    for screen, seed in zip(screens, (1, 2), strict=True):
        screen[30 : HEIGHT + 30, 20 : WIDTH - 20] = scene(seed)[:, 20:-20]
    assert kind(*screens) is Kind.DIFFERENT


def test_one_scene_seen_with_other_shadows_and_folds_is_the_same_object() -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    folded = (np.sin(x / 23) + np.cos(y / 17)) * 2.5
    rows = (y + folded).round().astype(int).clip(0, HEIGHT - 1)
    columns = (x + folded).round().astype(int).clip(0, WIDTH - 1)
    stains = np.asarray(Image.fromarray(scene(70)).resize((9, 7)).resize(SIZE, Image.Resampling.BICUBIC))
    worn = (0.7 * scene(1)[rows, columns] + 0.3 * stains).astype(np.uint8)
    assert kind(scene(1), worn) is Kind.SAME_OBJECT


def test_unrelated_pictures_are_different_unless_their_vectors_are_alike() -> None:
    assert kind(scene(1), scene(2)) is Kind.DIFFERENT
    assert kind(scene(1), scene(2), UNLIKE) is Kind.DIFFERENT
    verdict = judge(compare(scene(1), scene(2)), scores=ALIKE)
    assert verdict.kind is Kind.SAME_OBJECT
    assert "object score 0.900" in verdict.reason


@pytest.mark.parametrize(
    ("overlap", "spread", "share", "word"),
    [(0.2, 1, 1, "20% of a picture"), (1, 0.1, 1, "points match in 10%"), (1, 1, 0.2, "only 20%")],
)
def test_an_exact_match_of_a_part_is_no_copy_and_the_reason_says_which(
    overlap: float, spread: float, share: float, word: str
) -> None:
    alignment = Alignment(np.eye(3), 500, overlap, overlap, spread, mirrored=False)
    verdict = judge(Evidence(alignment, Agreement(share, 0.0)))
    assert verdict.kind is Kind.DIFFERENT
    assert word in verdict.reason
