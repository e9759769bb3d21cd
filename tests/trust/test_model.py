"""A few random histories of a catalogue and its index; `scripts/soak --part model` plays many."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from indexer import build
from tests.trust.model import Model

FEW = settings(
    max_examples=4,
    stateful_step_count=12,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=True,  # the same ones every time; others are the soak's
)


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    yield model
    model.teardown()


def test_an_index_holds_what_lay_in_its_catalogue_at_the_last_build() -> None:
    run_state_machine_as_test(Model, settings=FEW)


def test_an_index_that_keeps_what_was_deleted_is_caught(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey = build.survey

    def forgetful(*arguments: object) -> object:
        work = survey(*arguments)  # type: ignore[arg-type]
        work.plan.removed.clear()
        return work

    monkeypatch.setattr(build, "survey", forgetful)
    model.write("a/x.png", 1)
    model.write("a/y.png", 2)
    model.build()
    model.delete("a/x.png")
    model.build()
    with pytest.raises(AssertionError):
        model.query(1)
