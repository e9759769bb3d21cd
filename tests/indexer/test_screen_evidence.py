"""What the reasons of `index screen` rest on: bytes, decisions, pixels or scores; and how a page shows them."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageFilter

from indexer import Index
from indexer.calibrations import write_calibration
from indexer.checksums import embedding_checksum
from indexer.decoding.sandbox import Sandbox
from indexer.durable import sha256_of
from indexer.errors import StoreDamaged
from indexer.listings import add_listings, switch_off
from indexer.lookup import Gallery
from indexer.screening.facts import Basis, Case, Relation
from indexer.screening.neighbours import Surroundings
from indexer.screening.options import ScreenOptions
from indexer.screening.page import write_screen_page
from indexer.screening.relations import Relations
from indexer.screening.report import ScreenedImage, ScreenReport, ScreenVerdict
from indexer.screening.screen import screen
from indexer.store import open_store
from retrieval.alignment.verdict import Kind
from retrieval.calibration import ProbabilityMap
from tests.indexer.sandboxes import sandbox_of
from tests.indexer.sounds import melody, wav
from tests.pictures import picture
from tests.tiny_encoder import write_tiny_encoder

SIZE, SMALLER = (192, 144), (160, 120)
SELLERS = {1: "ann", 2: "bob", 3: "cleo"}

needs_opencv = pytest.mark.usefixtures("_opencv")


@pytest.fixture
def _opencv() -> None:
    pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Index:
    """Pictures 1 to 3, each of a seller and with its SKU."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "c").mkdir()
    rows = ["path,label,seller,sku"]
    for seed, seller in SELLERS.items():
        picture(seed, SIZE).save(folder / f"c/{seed}.png")
        rows.append(f"c/{seed}.png,,{seller},S{seed}")
    (folder / "labels.csv").write_text("\n".join(rows))
    index = Index(folder, encoder=str(tiny_encoder), jobs=1)
    index.build(folder / "c", labels=folder / "labels.csv")
    return index


@pytest.fixture
def own(shop: Index, tmp_path: Path) -> Index:
    """The shop again, to be changed."""
    for name in (".index", "c"):
        shutil.copytree(shop.path.parent / name, tmp_path / name)
    return Index(tmp_path)


def path(index: Index, seed: int) -> Path:
    return index.path.parent / f"c/{seed}.png"


def copy_of(seed: int) -> np.ndarray:
    return np.asarray(picture(seed, SIZE).resize(SMALLER))


def claimed(seed: int, **other: str) -> dict[str, str]:
    return {"seller": SELLERS[seed], "sku": f"S{seed}"} | other


def report_of(
    index: Index, sandbox: Sandbox, images: Sequence[Any], claims: Sequence[dict[str, str]], **options: Any
) -> ScreenReport:
    said: dict[str, Any] = {"owner": "seller", "key": "sku", "verify": False}
    asked = ScreenOptions(**said | options)
    return screen(Gallery(open_store(index.path)), images, sandbox, asked, claims)


def judged(
    index: Index, sandbox: Sandbox, image: Any, claim: dict[str, str], **options: Any
) -> ScreenedImage:
    return report_of(index, sandbox, [image], [claim], **options).images[0]


def rules(image: ScreenedImage) -> list[str]:
    return [reason.rule for reason in image.reasons]


@contextmanager
def listed(index: Index, name: str, seed: int, note: str = "") -> Iterator[None]:
    (row,) = add_listings(open_store(index.path), name, [path(index, seed)], note=note)
    try:
        yield
    finally:
        switch_off(open_store(index.path), str(row.id))


@contextmanager
def decided(index: Index, a: Path, b: Path, verdict: str) -> Iterator[None]:
    index.decide(a, b, verdict)
    try:
        yield
    finally:
        index.decide(a, b, None)


def related(index: Index, sandbox: Sandbox, image: Path) -> dict[str, Relation]:
    """Relate picture 1, which lies at ``image`` by the time pixels are compared, to what is near it."""
    gallery = Gallery(open_store(index.path))
    with gallery.store.database.reading() as connection:
        around = Surroundings(gallery, connection)
        sha256 = bytes.fromhex(sha256_of(path(index, 1)))
        items = around.items_of([sha256]).tolist()
        vectors = {s.name: around.read(s, items)[items[0]].vector for s in (around.copy, around.object)}
        case = Case("incoming.png", sha256, {}, vectors)
        near = around.copies(case)
    relations = Relations(gallery, sandbox, around.decisions, verify=True)
    found = relations.judge(case, image, near, around.least_copy)
    return {Path(relation.neighbour.path).stem: relation for relation in found}


def test_a_page_says_of_each_reason_why_it_is_one_and_of_what_is_no_picture_that_it_is_none(
    shop: Index, shared: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "bad.jpg").write_text("no <picture>")
    images = [tmp_path / "bad.jpg", copy_of(1), np.asarray(picture(9, SIZE)), copy_of(3), picture(50, SIZE)]
    claims = [{}, claimed(1, sku="S9"), claimed(2), claimed(3), claimed(1, sku="S50")]
    with listed(shop, "fraud", 3, "case <7>"):
        report = report_of(shop, shared, images, claims)
    write_screen_page(tmp_path / "page.html", report, shared)
    page = (tmp_path / "page.html").read_text()
    assert "5 images, 3 flagged; without a reason: 1" in page
    sections = {part.partition("</h2>")[0]: part for part in page.split("<h2>")[1:]}
    assert list(sections) == [str(tmp_path / "bad.jpg"), "image 1", "image 2", "image 3"]
    unusable, other_key, other_look, fraud = sections.values()
    assert "not-an-image: " in unusable
    assert "data:image" not in unusable
    assert "; sku there: S1<" in other_key
    assert "; the same sku<" in other_look
    assert "; case &lt;7&gt;<" in fraud
    assert "Pictures shared across owners" not in page


def test_what_is_known_by_bytes_or_decisions_needs_no_look_at_the_image(shop: Index) -> None:
    one, two, three = (path(shop, seed) for seed in SELLERS)
    with decided(shop, one, two, "different"), decided(shop, three, one, "fraud"), sandbox_of() as sandbox:
        found = related(shop, sandbox, one)
        assert not sandbox._workers
    assert {name: (relation.kind, relation.basis) for name, relation in found.items()} == {
        "1": (Kind.IDENTICAL, Basis.BYTES),
        "2": (Kind.DIFFERENT, Basis.DECISION),
        "3": (Kind.ALTERED, Basis.DECISION),
    }


@needs_opencv
def test_an_image_that_is_gone_or_another_one_by_the_time_of_a_look_is_judged_by_its_score_and_says_so(
    shop: Index, shared: Sandbox, tmp_path: Path
) -> None:
    gone = related(shop, shared, tmp_path / "gone.png")
    picture(8).save(tmp_path / "changed.png")
    changed = related(shop, shared, tmp_path / "changed.png")
    for found, why in (
        (gone, "not verified: vanished: "),
        (changed, "not verified: the image changed meanwhile"),
    ):
        assert found["1"].basis is Basis.BYTES
        assert [(found[name].kind, found[name].basis) for name in "23"] == [(None, Basis.SCORE)] * 2
        assert all(why in found[name].why for name in "23")


def test_a_sound_is_judged_by_its_score_and_says_that_nothing_was_verified(
    shared: Sandbox, tmp_path: Path
) -> None:
    pytest.importorskip("soundfile")
    (tmp_path / "c").mkdir()
    for seed in (1, 2):
        (tmp_path / f"c/{seed}.wav").write_bytes(wav(melody(seed)))
    (tmp_path / "softer.wav").write_bytes(wav(0.9 * melody(1)))
    encoder = write_tiny_encoder(tmp_path / "encoder", view="spectrum")
    index = Index(tmp_path, encoder=str(encoder), jobs=1)
    index.build(tmp_path / "c")
    found = judged(index, shared, tmp_path / "softer.wav", {}, owner=None, key=None, verify=True)
    (reason,) = found.reasons
    assert (reason.rule, Path(reason.path).name, found.verdict) == ("reused", "1.wav", ScreenVerdict.REVIEW)
    assert "not verified: encoder tiny listens to sounds" in reason.evidence["why"]


def test_a_risk_that_rests_on_a_score_is_its_probability_where_that_is_calibrated(
    own: Index, shared: Sandbox
) -> None:
    store = open_store(own.path)
    knots = ProbabilityMap.fit(np.array([0.95, 0.99]), np.array([0.0, 0.1, 0.96])).to_list()
    document = {"threshold": 0.9, "fpr": 0.01, "knots": knots}
    before = judged(own, shared, copy_of(2), claimed(1), key=None)
    write_calibration(store, Gallery(store).generation.fingerprint, "copy", "by hand", document)
    after = judged(own, shared, copy_of(2), claimed(1), key=None)
    assert [rules(image) for image in (before, after)] == [["reused"]] * 2
    assert (before.risk, before.reasons[0].probability) == (0.5, None)
    assert after.risk == after.reasons[0].risk == after.reasons[0].probability
    assert 0.5 < after.reasons[0].risk < 1


@needs_opencv
def test_what_looks_like_known_fraud_is_for_review_although_pixels_did_not_find_it(
    shop: Index, shared: Sandbox
) -> None:
    blurred = np.asarray(picture(1, SIZE).filter(ImageFilter.GaussianBlur(6)))
    assert judged(shop, shared, blurred, claimed(1), verify=True).reasons == []
    with listed(shop, "fraud", 1):
        found = judged(shop, shared, blurred, claimed(1), verify=True)
    assert (rules(found), found.verdict, found.risk) == (["known-fraud"], ScreenVerdict.REVIEW, 0.5)
    assert (found.reasons[0].evidence["basis"], found.reasons[0].evidence["verdict"]) == (
        "pixels",
        "different",
    )


def test_another_look_contradicts_no_key_once_it_was_decided_to_be_the_same(
    shop: Index, shared: Sandbox, tmp_path: Path
) -> None:
    picture(9, SIZE).save(tmp_path / "other.png")
    assert rules(judged(shop, shared, tmp_path / "other.png", claimed(2))) == ["contradiction"]
    with decided(shop, tmp_path / "other.png", path(shop, 2), "same"):
        assert rules(judged(shop, shared, tmp_path / "other.png", claimed(2))) == []
    with decided(shop, tmp_path / "other.png", path(shop, 2), "different"):
        assert rules(judged(shop, shared, tmp_path / "other.png", claimed(2))) == ["contradiction"]


def test_nothing_is_cleared_where_that_rule_is_off(shop: Index, shared: Sandbox) -> None:
    claim = claimed(1, sku="S2")
    with listed(shop, "benign", 2):
        on = judged(shop, shared, copy_of(2), claim)
        off = judged(shop, shared, copy_of(2), claim, off=frozenset({"cleared"}))
    assert (rules(on), [reason.rule for reason in on.cleared]) == ([], ["reused"])
    assert (rules(off), off.cleared, off.owners) == (["reused"], [], ["bob"])


def test_against_an_index_that_holds_nothing_every_image_is_clear(
    tiny_encoder: Path, shared: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "c").mkdir()
    index = Index(tmp_path, encoder=str(tiny_encoder), jobs=1)
    index.build(tmp_path / "c")
    found = judged(index, shared, copy_of(1), claimed(1))
    assert (found.verdict, found.reasons, found.risk) == (ScreenVerdict.CLEAR, [], 0)


def test_search_structures_that_disagree_with_the_database_give_no_verdict(
    own: Index, shared: Sandbox
) -> None:
    fingerprint = Gallery(open_store(own.path)).generation.fingerprint
    with closing(sqlite3.connect(own.path / "catalog.db")) as database, database:
        rows = database.execute(
            "SELECT item_id, vector, sha256 FROM embeddings JOIN items ON items.id = item_id"
            " WHERE space = 'copy' AND item_id < 3 ORDER BY item_id"
        ).fetchall()
        for (item, _, sha256), (_, other, _) in zip(rows, reversed(rows), strict=True):
            database.execute(
                "UPDATE embeddings SET vector = ?, checksum = ? WHERE space = 'copy' AND item_id = ?",
                (other, embedding_checksum(fingerprint, "copy", sha256, other), item),
            )
    with pytest.raises(StoreDamaged, match="what searches space 'copy' disagrees with the database"):
        judged(own, shared, copy_of(3), claimed(3))
