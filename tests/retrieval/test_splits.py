"""What training learns from and what it is judged on have nothing in common."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import TrainingRefused
from retrieval.splits import ENOUGH_CLASSES, split_as_told, split_classes, split_groups, split_pictures

LABELS = [f"class {row % 10}" for row in range(60)]


def sides(labels: list[str], split: object) -> tuple[set[str], set[str]]:
    return {labels[row] for row in split.train}, {labels[row] for row in split.validation}


@given(seed=st.integers(0, 1000), share=st.floats(0.05, 0.5))
def test_no_class_is_on_both_sides(seed: int, share: float) -> None:
    split = split_classes(LABELS, share, seed)
    train, validation = sides(LABELS, split)
    assert split.by == "classes"
    assert train
    assert validation
    assert not train & validation
    assert sorted([*split.train, *split.validation]) == list(range(60))


def test_a_class_of_one_picture_is_never_held_out() -> None:
    labels = [*LABELS, "alone"]
    assert all("alone" not in sides(labels, split_classes(labels, 0.5, seed))[1] for seed in range(20))


def test_few_classes_give_pictures_instead() -> None:
    labels = [str(row % (ENOUGH_CLASSES - 1)) for row in range(70)]
    split = split_classes(labels, 0.2, 0)
    assert split.by == "pictures"
    assert sides(labels, split) == (set(labels), set(labels))
    assert not set(split.train) & set(split.validation)
    assert set(Counter(labels[row] for row in split.validation).values()) == {2}


def test_no_group_is_on_both_sides() -> None:
    writers = [f"writer {row % 6}" for row in range(60)]
    split = split_groups(LABELS, writers, 0.3, 0)
    train, validation = sides(writers, split)
    assert len(validation) == 2
    assert not train & validation


def test_the_users_own_column_is_followed_and_other_rows_left_alone() -> None:
    parts = ["train"] * 30 + ["val"] * 20 + ["test"] * 10
    split = split_as_told(LABELS, parts)
    assert split.train.tolist() == list(range(30))
    assert split.validation.tolist() == list(range(30, 50))


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    first, again, other = (split_classes(LABELS, 0.3, seed) for seed in (1, 1, 2))
    assert first.validation.tolist() == again.validation.tolist() != other.validation.tolist()


@pytest.mark.parametrize(
    ("labels", "words"),
    [(["a"] * 9, "1 class"), (list("abcdef"), "one picture"), (["a", "a", "b"], "four pictures")],
)
def test_what_nothing_can_be_learned_from_is_refused(labels: list[str], words: str) -> None:
    with pytest.raises(TrainingRefused, match=words):
        split_classes(labels, 0.2, 0)


def test_one_group_leaves_nothing_to_hold_out() -> None:
    with pytest.raises(TrainingRefused, match="only one group"):
        split_groups(LABELS, ["w"] * 60, 0.2, 0)


def test_pictures_are_held_out_of_two_classes_or_of_none() -> None:
    """One class alone is always found: every epoch would be as good as the first."""
    with pytest.raises(TrainingRefused, match="1 of the classes have four pictures"):
        split_pictures(["a"] * 10 + ["b"] * 3, 0.2, 0)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (["train"] * 50 + ["dev"] * 10, "no picture is marked 'val', only 'dev', 'train'"),
        (["train"] * 59 + ["val"], "in what is held out, 1 class"),
    ],
)
def test_a_column_that_leaves_a_side_with_too_little_is_refused_by_side(parts: list[str], words: str) -> None:
    with pytest.raises(TrainingRefused, match=words):
        split_as_told(LABELS, parts)
