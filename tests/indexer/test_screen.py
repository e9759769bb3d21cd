"""`index screen`: each rule speaks where it should and is silent where it should, and says on what evidence."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer import Index
from indexer.decisions import Decisions
from indexer.errors import StoreDamaged, UsageRefused
from indexer.listings import add_listings, switch_off
from indexer.lookup import Gallery
from indexer.screening.facts import Case, Facts, Genuine, Neighbour, Rival
from indexer.screening.options import ScreenOptions
from indexer.screening.report import Reason, ScreenedImage, ScreenVerdict, rings_of
from indexer.screening.rules import not_genuine
from indexer.screening.screen import screen, screen_items
from indexer.settings import load_settings
from indexer.store import Store, open_store
from retrieval.detection.genuine import GenuineScores
from tests.conftest import Command
from tests.retrieval.scenes import recaptured, scene
from tests.tiny_encoder import write_tiny_encoder

pytest.importorskip("cv2", reason="verifying needs: pip install 'siamese-index[verify]'")

GENUINE = 8  # pictures of each of two notes


def changed(seed: int) -> np.ndarray:
    """A scene with a patch of another one."""
    pixels = scene(seed).copy()
    pixels[100:160, 120:200] = scene(seed + 8)[100:160, 120:200]
    return pixels


def note(seed: int, number: int) -> np.ndarray:
    """One of many captures of a scene."""
    return recaptured(scene(seed), scale=0.6 + 0.04 * number, degrees=number / 2 - 2, quality=60 + 3 * number)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Scenes 1 to 4 of three sellers, each with its SKU."""
    folder = tmp_path_factory.mktemp("shop")
    rows = ["path,label,seller,sku"]
    (folder / "c").mkdir()
    for seed, seller in ((1, "anna"), (2, "ben"), (3, "cleo"), (4, "cleo")):
        Image.fromarray(scene(seed)).save(folder / f"c/{seed}.png")
        rows.append(f"c/{seed}.png,,{seller},S{seed}")
    with built(folder, rows) as index:
        yield index


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Captures of scenes 11 and 12, each scene a label."""
    folder = tmp_path_factory.mktemp("bank")
    rows = ["path,label"]
    (folder / "c").mkdir()
    for label, seed in (("ten", 11), ("twenty", 12)):
        for number in range(GENUINE):
            Image.fromarray(note(seed, number)).save(folder / f"c/{label}-{number}.png")
            rows.append(f"c/{label}-{number}.png,{label}")
    with built(folder, rows) as index:
        yield index


@contextmanager
def built(folder: Path, rows: list[str]) -> Iterator[Index]:
    (folder / "labels.csv").write_text("\n".join(rows))
    encoder = write_tiny_encoder(folder / "encoder")
    with Index(folder, encoder=str(encoder), jobs=1) as index:
        index.build(folder / "c", labels=folder / "labels.csv")
        yield index


def judged(shop: Index, image: Any, **options: Any) -> ScreenedImage:
    return shop.screen(image, **options).images[0]


def judged_by_scores(index: Index, image: Any, *, claim: dict[str, str], **options: Any) -> ScreenedImage:
    """Without a look at pixels, which takes long and is not what tells whether a picture is genuine."""
    chosen = ScreenOptions(verify=False, **options)
    return screen(Gallery(open_store(index.path)), [image], index._decoding(), chosen, [claim]).images[0]


def told(image: ScreenedImage) -> list[tuple[str, str]]:
    return [(reason.rule, Path(reason.path).name) for reason in image.reasons]


def of_rule(image: ScreenedImage, rule: str) -> list[Reason]:
    return [reason for reason in image.reasons if reason.rule == rule]


def path(shop: Index, name: str) -> Path:
    return shop.path.parent / "c" / name


def test_a_copy_of_another_sellers_picture_is_reused_and_rejected(shop: Index) -> None:
    found = judged(shop, recaptured(scene(2)), claim={"seller": "anna"}, owner="seller")
    assert told(found) == [("reused", "2.png")]
    assert (found.verdict, found.owners) == (ScreenVerdict.REJECT, ["ben"])
    reason = found.reasons[0]
    assert (reason.evidence["basis"], reason.probability, reason.evidence["owners"]) == (
        "pixels",
        None,
        ["ben"],
    )
    assert 0.9 < found.risk < 1  # type: ignore[operator]


def test_ones_own_picture_and_a_new_one_are_clear(shop: Index) -> None:
    own = judged(shop, recaptured(scene(2)), claim={"seller": "ben"}, owner="seller")
    new = judged(shop, scene(99), claim={"seller": "ben"}, owner="seller")
    assert [(one.verdict, one.risk, one.reasons) for one in (own, new)] == [
        (ScreenVerdict.CLEAR, 0.0, [])
    ] * 2


def test_without_an_owner_any_copy_counts_but_the_file_itself(shop: Index, tmp_path: Path) -> None:
    assert told(judged(shop, path(shop, "2.png"))) == []
    again = shutil.copy(path(shop, "2.png"), tmp_path)
    found = judged(shop, again)
    assert told(found) == [("reused", "2.png")]
    assert (found.risk, found.reasons[0].evidence["basis"]) == (1.0, "bytes")


def test_without_a_claim_of_the_owner_reuse_is_not_judged_and_a_note_says_so(shop: Index) -> None:
    found = judged(shop, recaptured(scene(2)), owner="seller")
    assert told(found) == []
    assert "no seller is claimed" in found.notes[0]


def test_an_altered_copy_is_for_review_with_the_boxes_in_the_images_pixels(shop: Index) -> None:
    large = Image.fromarray(changed(1)).resize((720, 540))
    found = judged(shop, large, claim={"seller": "anna"}, owner="seller")
    assert told(found) == [("altered", "1.png")]
    assert found.verdict is ScreenVerdict.REVIEW
    boxes = [change["box"] for change in found.reasons[0].evidence["changes"]]
    assert any(abs(box[0] - 240) < 40 and abs(box[3] - 320) < 40 for box in boxes)


def test_of_two_shots_that_differ_a_copy_of_one_is_not_altered_but_the_altered_one_itself_is(
    tmp_path: Path,
) -> None:
    (tmp_path / "c").mkdir()
    for name, pixels in (("shot", scene(1)), ("next-shot", changed(1))):
        Image.fromarray(pixels).save(tmp_path / f"c/{name}.png")
    with Index(tmp_path, encoder=str(write_tiny_encoder(tmp_path / "encoder")), jobs=1) as index:
        index.build(tmp_path / "c")
        copy = judged(index, recaptured(scene(1)))
        assert told(copy) == [("reused", "shot.png")]
        # The second may be a forgery of the first that was catalogued: it is no copy of anything but itself.
        there = judged(index, tmp_path / "c/next-shot.png")
        again = judged(index, (tmp_path / "c/next-shot.png").read_bytes())
        assert of_rule(there, "altered")[0].path.endswith("c/shot.png")
        assert [reason.rule for reason in again.reasons] == ["reused", "altered"]


def test_what_is_not_verified_is_judged_by_its_score_and_says_so(shop: Index, tmp_path: Path) -> None:
    Image.fromarray(scene(2)).save(tmp_path / "again.jpg", quality=95)
    found = judged_by_scores(shop, tmp_path / "again.jpg", claim={})
    assert told(found) == [("reused", "2.png")]
    assert (found.verdict, found.risk) == (ScreenVerdict.REVIEW, 0.5)
    assert "not verified: not asked to verify" in found.reasons[0].evidence["why"]


def test_a_label_that_is_wrongly_claimed_is_not_genuine_and_the_right_one_is(bank: Index) -> None:
    picture = recaptured(scene(12), scale=0.7, degrees=0.3, quality=75)
    wrong = judged_by_scores(bank, picture, claim={"label": "ten"}, fpr=0.05)
    reason = of_rule(wrong, "not-genuine")[0]
    assert of_rule(judged(bank, picture, claim={"label": "ten"}, fpr=0.05), "not-genuine") == [reason]
    assert wrong.verdict is ScreenVerdict.REVIEW
    assert reason.evidence["p_value"] <= 0.05
    assert reason.score < reason.evidence["threshold"]
    assert (reason.evidence["label"], reason.evidence["genuine"]) == ("ten", GENUINE)
    right = judged_by_scores(bank, picture, claim={"label": "twenty"}, fpr=0.05)
    strict = judged_by_scores(bank, picture, claim={"label": "ten"}, fpr=0.001)
    assert of_rule(right, "not-genuine") == of_rule(strict, "not-genuine") == []
    assert "cannot show a rate of 0.001" in strict.notes[-1]
    nobody = judged_by_scores(bank, picture, claim={"label": "fifty"})
    assert "no other genuine picture of fifty" in nobody.notes[-1]


def test_a_picture_nearer_to_those_of_another_label_than_genuine_ones_are_names_that_label(
    bank: Index,
) -> None:
    wrong = judged_by_scores(bank, note(12, 3), claim={"label": "ten"}, fpr=0.2)
    rival = of_rule(wrong, "not-genuine")[0].evidence["rival"]
    assert rival["label"] == "twenty"
    assert rival["margin"] < 0
    assert rival["margin"] < rival["margin_threshold"]
    right = judged_by_scores(bank, note(12, 3), claim={"label": "twenty"}, fpr=0.2)
    assert of_rule(right, "not-genuine") == []


@pytest.mark.parametrize(("score", "is_told"), [(0.05, False), (0.03, False), (0.02, True)])
def test_two_tests_have_half_of_the_stated_rate_each(score: float, is_told: bool) -> None:
    """Of 99 genuine pictures at 0.01 to 0.99, three of a hundred score 0.02 or less with the one that is added."""
    spread = GenuineScores(np.empty(0), np.linspace(0.01, 0.99, 99))
    near = Neighbour(1, b"g", "g.png", (), "object", score, None)
    rival = Rival("twenty", Neighbour(2, b"r", "r.png", (), "object", 0.0, None), 0.9, spread)
    case = Case("new.png", None, {"label": "ten"}, {})
    for others, fpr in ((None, 0.03), (rival, 0.06)):
        genuine = Genuine("ten", 99, near, spread, others)
        facts = Facts(
            options=ScreenOptions(fpr=fpr),
            decisions=Decisions({}),
            fraud_pairs=frozenset(),
            listed={},
            relations=(),
            namesake=None,
            genuine=genuine,
            least_copy=0.9,
            least_object=0.5,
            shown=str,
        )
        assert bool(not_genuine.judge(case, facts)) is is_told


def test_where_genuine_pictures_are_listed_only_those_count(bank: Index) -> None:
    twenties = [path(bank, f"twenty-{number}.png") for number in range(GENUINE)]
    claim = {"label": "ten"}
    listed = add_listings(store_of(bank), "genuine", twenties, "ten")
    try:
        assert of_rule(judged_by_scores(bank, note(12, 3), claim=claim, fpr=0.05), "not-genuine") == []
        assert of_rule(judged_by_scores(bank, note(11, 3), claim=claim, fpr=0.2), "not-genuine") != []
    finally:
        for row in listed:
            switch_off(store_of(bank), str(row.id))
    assert of_rule(judged_by_scores(bank, note(11, 3), claim=claim, fpr=0.05), "not-genuine") == []


def store_of(index: Index) -> Store:
    return open_store(index.path)


def test_one_look_under_another_key_and_one_key_with_another_look_contradict(shop: Index) -> None:
    other_key = judged(
        shop, recaptured(scene(3)), claim={"sku": "S9", "seller": "cleo"}, key="sku", owner="seller"
    )
    assert told(other_key) == [("contradiction", "3.png")]
    assert (other_key.verdict, other_key.reasons[0].evidence["found"]) == (ScreenVerdict.REJECT, ["S3"])
    other_look = judged(shop, scene(98), claim={"sku": "S3", "seller": "cleo"}, key="sku", owner="seller")
    assert told(other_look) == [("contradiction", "3.png")]
    assert other_look.verdict is ScreenVerdict.REVIEW
    right = judged(
        shop, recaptured(scene(3)), claim={"sku": "S3", "seller": "cleo"}, key="sku", owner="seller"
    )
    new = judged(shop, scene(98), claim={"sku": "S98", "seller": "cleo"}, key="sku", owner="seller")
    assert (told(right), told(new)) == ([], [])


def test_a_copy_of_listed_fraud_is_rejected_until_the_listing_is_off(shop: Index) -> None:
    mine = {"claim": {"seller": "anna"}, "owner": "seller"}
    listed = add_listings(store_of(shop), "fraud", [path(shop, "1.png")], note="case 7")
    try:
        found = judged(shop, recaptured(scene(1)), **mine)
        assert told(found) == [("known-fraud", "1.png")]
        assert (found.verdict, found.reasons[0].evidence["note"]) == (ScreenVerdict.REJECT, "case 7")
        assert told(judged(shop, path(shop, "1.png"), **mine)) == [("known-fraud", "1.png")]
        assert told(judged(shop, scene(97), **mine)) == []
    finally:
        switch_off(store_of(shop), str(listed[0].id))
    assert told(judged(shop, recaptured(scene(1)), **mine)) == []


def test_a_pair_that_was_decided_to_be_fraud_is_and_its_copies_are_for_review(
    shop: Index, tmp_path: Path
) -> None:
    Image.fromarray(scene(95)).save(tmp_path / "forged.png")
    shop.decide(tmp_path / "forged.png", path(shop, "4.png"), "fraud")
    mine = {"claim": {"seller": "cleo"}, "owner": "seller"}
    try:
        decided = judged(shop, tmp_path / "forged.png", **mine)
        assert (told(decided), decided.risk) == ([("known-fraud", "4.png")], 1.0)
        copy = judged(shop, recaptured(scene(4)), **mine)
        assert (told(copy), copy.verdict) == ([("known-fraud", "4.png")], ScreenVerdict.REVIEW)
    finally:
        shop.decide(tmp_path / "forged.png", path(shop, "4.png"), None)


def test_what_is_benign_or_was_cleared_is_taken_away_and_kept_apart(shop: Index, tmp_path: Path) -> None:
    claim = {"claim": {"seller": "anna"}, "owner": "seller"}
    listed = add_listings(store_of(shop), "benign", [path(shop, "2.png")])
    try:
        found = judged(shop, recaptured(scene(2)), **claim)
        assert (found.verdict, [reason.rule for reason in found.cleared]) == (ScreenVerdict.CLEAR, ["reused"])
        assert [reason.rule for reason in judged(shop, changed(2), **claim).cleared] == ["altered"]
    finally:
        switch_off(store_of(shop), str(listed[0].id))
    Image.fromarray(recaptured(scene(2))).save(tmp_path / "ours.png")
    assert judged(shop, tmp_path / "ours.png", **claim).verdict is ScreenVerdict.REJECT
    shop.decide(tmp_path / "ours.png", path(shop, "2.png"), "cleared")
    try:
        assert judged(shop, tmp_path / "ours.png", **claim).verdict is ScreenVerdict.CLEAR
    finally:
        shop.decide(tmp_path / "ours.png", path(shop, "2.png"), None)


def test_a_near_blank_image_is_no_copy_of_anything(shop: Index) -> None:
    blank = np.full((200, 300, 3), 250, np.uint8)
    blank[::7] -= 1
    assert judged(shop, blank, owner="seller", claim={"seller": "anna"}).verdict is ScreenVerdict.CLEAR


def test_what_cannot_be_meant_is_refused(shop: Index) -> None:
    for options, says in (({"owner": "shop"}, "'shop'"), ({"key": "serial"}, "'serial'"), ({"fpr": 2}, "2")):
        with pytest.raises(UsageRefused, match=says):
            judged(shop, scene(1), **options)
    with pytest.raises(UsageRefused, match="no rule 'reuse'"):
        ScreenOptions(off=frozenset({"reuse"}))


def test_pictures_of_the_index_are_judged_against_all_others(shop: Index, tmp_path: Path) -> None:
    shutil.copytree(shop.path.parent, tmp_path / "copy")
    Image.fromarray(recaptured(scene(1))).save(tmp_path / "copy/c/taken.png")
    with (tmp_path / "copy/labels.csv").open("a") as labels:
        labels.write("\nc/taken.png,,ben,S7")
    with Index(tmp_path / "copy", encoder=str(shop.path.parent / "encoder"), jobs=1) as index:
        index.build(tmp_path / "copy/c", labels=tmp_path / "copy/labels.csv")
        store = store_of(index)
        options = ScreenOptions.of(index.settings, {"owner": "seller", "key": "sku"})
        new, old, alone = screen_items(store, index.settings, [5, 1, 2], options)
        assert told(new) == [("reused", "1.png"), ("contradiction", "1.png")]
        assert told(old) == [("reused", "taken.png"), ("contradiction", "taken.png")]
        assert (told(alone), alone.claim["seller"]) == ([], "ben")
        assert [ring.owners for ring in rings_of([new, old, alone])] == [["anna", "ben"]]
        with pytest.raises(StoreDamaged):
            screen_items(store, index.settings, [999], options)


def test_rings_connect_owners_over_any_number_of_steps() -> None:
    def image(name: str, owner: str, *owners: str) -> ScreenedImage:
        return ScreenedImage(name, owner=owner, owners=list(owners))

    rings = rings_of([image("a", "1", "2"), image("b", "3", "2"), image("c", "4", "5"), image("d", "6")])
    assert [ring.owners for ring in rings] == [["1", "2", "3"], ["4", "5"]]
    assert rings[0].links == [{"a": "1", "b": "2", "images": ["a"]}, {"a": "2", "b": "3", "images": ["b"]}]
    assert rings_of([ScreenedImage("of nobody known", owners=["1", "2"])]) == []


@pytest.fixture
def here(shop: Index, workplace: Path) -> Path:
    """The shop's index and catalogue in the workplace, with an incoming copy."""
    shutil.copytree(shop.path, workplace / ".index")
    for folder in ("c", "encoder"):
        shutil.copytree(shop.path.parent / folder, workplace / folder)
    Image.fromarray(recaptured(scene(2))).save(workplace / "<b>.png")
    return workplace


def test_the_command_line_judges_tells_and_ends_with_its_codes(index: Command, here: Path) -> None:
    (here / "bad.jpg").write_text("no picture")
    Image.fromarray(scene(90)).save(here / "new.png")
    (here / "claims.csv").write_text("path,seller\n<b>.png,anna\nnew.png,ben\n")
    answer = index("screen", "--claims", "claims.csv", "--owner", "seller", "--json", "--html", "page.html")
    assert answer.code == 0, answer.err
    first, second = answer.json()["images"]
    assert (first["image"], first["verdict"], first["claim"]) == ("<b>.png", "reject", {"seller": "anna"})
    assert first["reasons"][0]["with"] == "c/2.png"
    assert {"rule", "with", "score", "probability", "evidence"} <= first["reasons"][0].keys()
    assert (second["verdict"], second["risk"], second["reasons"]) == ("clear", 0.0, [])
    assert answer.json()["rings"][0]["owners"] == ["anna", "ben"]
    page = (here / "page.html").read_text()
    assert "&lt;b&gt;.png" in page
    assert "<b>.png" not in page
    assert page.count("data:image/jpeg") == 2
    flagged = index("screen", "<b>.png", "new.png", "--fail-on-found")
    assert (flagged.code, "reused" in flagged.out) == (4, True)
    broken = index("screen", "bad.jpg", "<b>.png", "--fail-on-found", "--json")
    assert (broken.code, [one["verdict"] for one in broken.json()["images"]]) == (3, [None, "reject"])
    assert "bad.jpg: not-an-image" in broken.err
    assert (index("screen").code, index("screen", "new.png", "--owner", "x").code) == (2, 2)


def test_the_settings_of_the_index_hold_unless_a_flag_beats_them(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / ".index/index.toml").write_text("screen_owner = 'seller'\nscreen_off = 'altered, cleared'\n")
    monkeypatch.setenv("INDEX_SCREEN_FPR", "0.2")
    settings = load_settings(here / ".index", {})
    options = ScreenOptions.of(settings, {"owner": None, "fpr": 0.1})
    assert (options.owner, options.fpr) == ("seller", 0.1)
    assert options.off == {"altered", "cleared"}
    assert ScreenOptions.of(settings, {"owner": "shop"}).fpr == 0.2
