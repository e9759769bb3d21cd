"""What a label's genuine pictures say of an image: which of them count, and which picture of another label is nearest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from indexer import Index
from indexer.durable import sha256_of
from indexer.listings import add_listings, switch_off
from indexer.lookup import Gallery
from indexer.screening import genuine
from indexer.screening.facts import Case, Genuine
from indexer.screening.genuine import GenuineLabels
from indexer.screening.neighbours import Surroundings
from indexer.store import open_store
from tests.pictures import picture

EACH = 4  # pictures of each label

Judge = Callable[[str, str], Genuine]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Index:
    """Sizes of picture 1, labelled ``ten``, and of picture 2, labelled ``twenty``; two more of those without a label."""
    folder = tmp_path_factory.mktemp("shop")
    for label, seed in (("ten", 1), ("twenty", 2)):
        (folder / "c" / label).mkdir(parents=True)
        for number in range(EACH):
            size = (96 - 6 * number, 72 + 3 * number)
            picture(seed).resize(size).save(folder / "c" / label / f"{label}-{number}.png")
    for number in range(2):
        picture(2).resize((90 + number, 90)).save(folder / f"c/new-{number}.png")
    index = Index(folder, encoder=str(tiny_encoder), jobs=1)
    index.build(folder / "c")
    return index


@pytest.fixture(scope="module")
def vectors(shop: Index, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    target = tmp_path_factory.mktemp("exported") / "vectors.npz"
    shop.export(target, space="object")
    with np.load(target) as data:
        names = [Path(path).stem for path in data["path"].tolist()]
        return dict(zip(names, data["vectors"].astype(np.float64), strict=True))


def path_of(shop: Index, name: str) -> Path:
    return next((shop.path.parent / "c").rglob(f"{name}.png"))


@contextmanager
def judging(shop: Index) -> Iterator[Judge]:
    """Judge pictures of the index against labels, all in one snapshot."""
    gallery = Gallery(open_store(shop.path))
    with gallery.store.database.reading() as connection:
        around = Surroundings(gallery, connection)
        labels, space = GenuineLabels(around, connection), around.object

        def judge(name: str, label: str) -> Genuine:
            (item,) = around.items_of([bytes.fromhex(sha256_of(path_of(shop, name)))]).tolist()
            facts = around.read(space, [item])[item]
            case = Case(name, facts.sha256, {}, {space.name: facts.vector}, facts.files[0].path)
            return labels.judge(case, label)

        yield judge


@contextmanager
def listed(shop: Index, name: str, picture: str, label: str | None = None) -> Iterator[None]:
    (row,) = add_listings(open_store(shop.path), name, [path_of(shop, picture)], label)
    try:
        yield
    finally:
        switch_off(open_store(shop.path), str(row.id))


def nearest(found: Genuine) -> str:
    assert found.nearest is not None
    return Path(found.nearest.path).stem


def rival(found: Genuine) -> str | None:
    return None if found.rival is None else Path(found.rival.nearest.path).stem


def told(found: Genuine) -> tuple[object, ...]:
    """Everything that rules judge by."""
    assert found.nearest is not None
    assert found.rival is not None
    scores = (found.scores.own, found.scores.pooled, found.rival.margins.own, found.rival.margins.pooled)
    facts = (found.count, nearest(found), found.nearest.score, rival(found), found.rival.margin)
    return (*facts, *(part.tolist() for part in scores))


def test_images_that_are_judged_together_are_judged_as_each_alone(shop: Index) -> None:
    """What was read of labels for one image is kept for the next; of one that is of them itself it must not be."""
    claims = [("new-0", "ten"), ("ten-0", "ten"), ("new-1", "ten"), ("ten-1", "ten"), ("new-1", "twenty")]
    with judging(shop) as judge:
        together = [judge(*claim) for claim in claims]
    assert [found.count for found in together] == [EACH, EACH - 1, EACH, EACH - 1, EACH]
    assert [len(found.scores.own) for found in together] == [found.count for found in together]
    for claim, found in zip(claims, together, strict=True):
        with judging(shop) as judge:
            assert told(judge(*claim)) == told(found)


def test_a_picture_that_is_known_fraud_is_no_genuine_one_though_it_carries_the_label(shop: Index) -> None:
    with judging(shop) as judge:
        before = judge("new-0", "twenty")
    with listed(shop, "fraud", nearest(before)), judging(shop) as judge:
        after = judge("new-0", "twenty")
    assert (before.count, after.count) == (EACH, EACH - 1)
    assert nearest(after) != nearest(before)


def test_the_rival_is_the_nearest_picture_of_another_label_and_never_the_image_itself(
    shop: Index, vectors: dict[str, np.ndarray]
) -> None:
    for name in ("twenty-0", "twenty-3", "new-0"):
        others = [other for other in vectors if other.startswith("twenty") and other != name]
        with judging(shop) as judge:
            found = judge(name, "ten")
        assert rival(found) == max(others, key=lambda other: vectors[name] @ vectors[other])
        assert found.rival is not None
        assert found.rival.nearest.score == pytest.approx(max(vectors[name] @ vectors[o] for o in others))


def test_an_image_has_no_rival_where_it_is_the_only_picture_of_another_label(shop: Index) -> None:
    with listed(shop, "genuine", "twenty-0", "twenty"), judging(shop) as judge:
        assert rival(judge("twenty-0", "ten")) is None
        assert rival(judge("twenty-1", "ten")) == "twenty-0"


def test_where_labels_have_more_pictures_than_are_read_those_of_the_first_by_name_are_the_rivals(
    shop: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(genuine, "POOLED", EACH)  # two thousand would take long to build
    with judging(shop) as judge:
        assert rival(judge("new-0", "ten")) is None
        found = judge("new-0", "twenty").rival
    assert found is not None
    assert found.label == "ten"
