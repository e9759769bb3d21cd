"""What was decided of pairs becomes classes to learn from and hard negatives, whatever became of the files."""

import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from indexer.dataset import Example, read_dataset
from indexer.decided import CONFUSABLE, DecidedExamples, decided_examples
from indexer.decisions import DecisionVerdict, Entry, add_entry, decide, pair_of
from indexer.durable import sha256_of
from indexer.errors import UsageRefused
from indexer.store import Store
from tests.conftest import Command
from tests.pictures import save

Decide = Callable[[str, str, str | None], None]
COUNT = 9


@pytest.fixture
def store(index: Command, workplace: Path) -> Store:
    """An index over pictures/0.png to 8.png."""
    for seed in range(COUNT):
        save(workplace / f"pictures/{seed}.png", seed)
    assert index("build", "pictures").code == 0
    return Store(workplace / ".index")


@pytest.fixture
def say(store: Store) -> Decide:
    def decided(a: str, b: str, verdict: str | None) -> None:
        decide(store, picture(a), picture(b), verdict)

    return decided


def picture(name: str) -> Path:
    return Path("pictures") / f"{name}.png"


def names(examples: list[Example]) -> list[str]:
    return sorted(Path(example.path).stem for example in examples)


def classes(found: DecidedExamples) -> list[str]:
    """Each class as the names of its pictures, run together."""
    labels = {example.label for example in found.examples}
    return sorted("".join(names([one for one in found.examples if one.label == label])) for label in labels)


def groups(found: DecidedExamples) -> list[str]:
    values = {example.attributes[CONFUSABLE] for example in found.examples}
    return sorted(
        "".join(names([one for one in found.examples if one.attributes[CONFUSABLE] == value]))
        for value in values
    )


def labels(found: DecidedExamples) -> dict[str, str]:
    return {Path(example.path).stem: example.label for example in found.examples}


def test_what_is_alike_is_a_class_and_what_is_only_different_is_one_of_its_own(
    store: Store, say: Decide
) -> None:
    say("0", "1", "same")
    say("1", "2", "same-object")
    say("3", "4", "same")
    say("0", "3", "different")
    say("5", "4", "different")
    say("6", "7", "same-object")
    found = decided_examples(store)
    assert classes(found) == ["012", "34", "5", "67"]
    assert groups(found) == ["012345", "67"]
    assert (found.pairs, found.pictures, found.gone, found.ambiguous, found.overruled) == (6, 8, 0, 0, 0)
    assert all(Path(example.path).is_absolute() for example in found.examples)


def test_classes_and_groups_are_those_that_walking_from_picture_to_picture_finds(store: Store) -> None:
    generator = np.random.default_rng(1)
    contents = {bytes.fromhex(sha256_of(picture(str(i)))): str(i) for i in range(COUNT)}
    kind = {name: int(name) % 3 for name in contents.values()}
    told: dict[frozenset[str], str] = {}
    with store.database.writing() as connection:
        for a, b in combinations(contents, 2):
            if generator.random() < 0.4:
                alike = kind[contents[a]] == kind[contents[b]]
                verdict = generator.choice(
                    ["same", "same-object"] if alike else ["different", "fraud", "cleared"]
                )
                told[frozenset((contents[a], contents[b]))] = str(verdict)
                entry = Entry(
                    *pair_of(a, b), DecisionVerdict(str(verdict)), "", "test", "2026-01-01T00:00:00+00:00"
                )
                add_entry(connection, entry)
    alike_verdicts, judged = {"same", "same-object"}, {"same", "same-object", "different"}

    def reached(start: str, verdicts: set[str]) -> str:
        seen, pending = {start}, [start]
        while pending:
            here = pending.pop()
            near = {name for name in kind if told.get(frozenset((here, name))) in verdicts} - seen
            seen |= near
            pending += near
        return "".join(sorted(seen))

    found = decided_examples(store)
    there = {name for pair, verdict in told.items() if verdict in judged for name in pair}
    assert classes(found) == sorted({reached(name, alike_verdicts) for name in there})
    assert groups(found) == sorted({reached(name, judged) for name in there})


def test_only_the_decisions_in_force_count_and_honesty_is_not_likeness(store: Store, say: Decide) -> None:
    say("0", "1", "same")
    say("0", "1", "different")
    say("2", "3", "same")
    say("2", "3", None)
    say("4", "5", "fraud")
    say("6", "7", "cleared")
    assert classes(decided_examples(store)) == ["0", "1"]


def test_a_chain_through_what_was_judged_different_is_refused_with_both_names(
    index: Command, store: Store, say: Decide
) -> None:
    say("0", "1", "same")
    say("1", "2", "same-object")
    say("0", "2", "different")
    with pytest.raises(UsageRefused, match="chain of `same` and `same-object` joins them") as refused:
        decided_examples(store)
    assert {name for name in ("0", "1", "2") if str(picture(name)) in str(refused.value)} == {"0", "2"}
    assert "index decide pictures/" in refused.value.hint
    assert index("decide", picture("0"), picture("2"), "same-object").code == 0
    assert classes(decided_examples(store)) == ["012"]


def test_a_contradiction_between_contents_that_left_names_them_by_sha256(
    index: Command, store: Store, say: Decide
) -> None:
    say("0", "1", "same")
    say("1", "2", "same")
    say("0", "2", "different")
    contents = [sha256_of(picture(name)) for name in ("0", "2")]
    assert index("remove", picture("0"), picture("2")).code == 0
    with pytest.raises(UsageRefused) as refused:
        decided_examples(store)
    assert all(content in str(refused.value) for content in contents)


def test_a_content_is_found_wherever_it_lies_and_left_out_where_it_is_gone(store: Store, say: Decide) -> None:
    say("0", "1", "same")
    say("1", "2", "same")
    say("3", "4", "different")
    picture("1").unlink()
    picture("3").write_bytes(picture("8").read_bytes())
    found = decided_examples(store)
    assert classes(found) == ["02", "4"]  # what is gone joins the others all the same
    assert (found.pairs, found.pictures, found.gone) == (3, 3, 2)


def test_a_copy_stands_in_for_a_first_path_that_holds_something_else_now(
    index: Command, store: Store, say: Decide
) -> None:
    say("0", "1", "same")
    shutil.copy(picture("0"), picture("copy"))
    assert index("build").code == 0
    picture("0").write_bytes(b"something else")
    assert classes(decided_examples(store)) == ["1copy"]


def test_the_same_decisions_are_told_from_others_wherever_the_pictures_lie(
    index: Command, store: Store, say: Decide
) -> None:
    say("0", "1", "same")
    say("1", "2", "same")
    before = decided_examples(store)
    picture("0").rename(picture("moved"))
    assert index("build").code == 0
    after = decided_examples(store)
    assert classes(after) != classes(before)
    assert after.sha256 == before.sha256
    say("1", "2", None)
    say("1", "3", "same")
    assert decided_examples(store).sha256 != before.sha256


class TestWithADataset:
    """A data set's labels come first: `cups` has 0 and 1, `jugs` has 2 and 3; 4 to 8 are in no data set."""

    @pytest.fixture
    def named(self, store: Store) -> list[Example]:
        for label, seeds in (("cups", "01"), ("jugs", "23")):
            for seed in seeds:
                target = Path("set") / label / f"{seed}.png"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(picture(seed), target)
        return read_dataset(Path("set"))

    def test_each_content_is_there_once_with_the_label_of_the_data_set(
        self, store: Store, say: Decide, named: list[Example]
    ) -> None:
        say("0", "4", "same")
        say("4", "5", "same-object")
        say("6", "7", "same")
        say("6", "2", "different")
        found = decided_examples(store, named)
        assert names(found.examples) == list("01234567")
        assert [one.path for one in found.examples[:4]] == [one.path for one in named]
        assert classes(found) == ["0145", "23", "67"]
        assert labels(found)["5"] == "cups"
        assert groups(found) == ["0145", "2367"]
        assert (found.pictures, found.overruled) == (4, 0)

    def test_a_content_that_only_the_data_set_has_still_joins_its_class(
        self, index: Command, store: Store, say: Decide, named: list[Example]
    ) -> None:
        say("0", "4", "same")
        assert index("remove", picture("0")).code == 0
        found = decided_examples(store, named)
        assert labels(found)["4"] == "cups"
        assert found.gone == 0

    def test_decisions_that_its_labels_contradict_are_counted_and_teach_nothing(
        self, store: Store, say: Decide, named: list[Example]
    ) -> None:
        say("0", "1", "different")  # both are cups
        say("1", "2", "same")  # a cup and a jug
        say("2", "4", "same")  # so this is either
        found = decided_examples(store, named)
        assert classes(found) == ["01", "23"]
        assert (found.pictures, found.ambiguous) == (0, 1)
        assert found.overruled == 2

    def test_pictures_that_cannot_be_read_are_left_to_be_named_later(
        self, store: Store, say: Decide, named: list[Example]
    ) -> None:
        say("4", "5", "same")
        Path(named[0].path).unlink()
        assert len(decided_examples(store, named).examples) == 6


def test_attributes_of_the_catalogue_stay_with_the_pictures(
    index: Command, store: Store, say: Decide
) -> None:
    say("0", "1", "same")
    Path("table.csv").write_text("path,label,writer\npictures/0.png,a,ann\npictures/1.png,b,bob\n")
    assert index("build", "table.csv", "--store", "other/.index").code == 0
    assert index("decide", "--export", "told.csv").code == 0
    assert index("decide", "--import", "told.csv", "--store", "other/.index").code == 0
    found = decided_examples(Store(Path("other/.index")))
    assert {Path(one.path).stem: one.attributes["writer"] for one in found.examples} == {
        "0": "ann",
        "1": "bob",
    }


def test_without_decisions_or_without_pictures_there_is_nothing_to_learn_from(
    index: Command, store: Store, say: Decide
) -> None:
    say("4", "5", "fraud")
    with pytest.raises(UsageRefused, match="no pair is decided"):
        decided_examples(store)
    say("0", "1", "same")
    assert index("remove", "pictures").code == 0
    with pytest.raises(UsageRefused, match="none of the 2 decided pictures"):
        decided_examples(store)


def test_the_command_wants_a_dataset_or_decisions(index: Command) -> None:
    answer = index("train", "--out", "out")
    assert (answer.code, answer.out) == (2, "")
    assert "give a DATASET, --decisions, or both" in answer.err
