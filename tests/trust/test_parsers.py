"""Files of every format that is parsed, broken at random: read, or refused by an error that the parser names."""

import pytest

from tests.hostile import mutations
from tests.hostile.mutations import broken, hold
from tests.hostile.parsers import Parser, parsers
from tests.seeds import SEED

EACH = 800
PARSERS = parsers()


@pytest.mark.parametrize("name", PARSERS)
def test_an_intact_file_is_read(name: str) -> None:
    assert {PARSERS[name].fate(seed) for seed in PARSERS[name].seeds} == {"read"}


@pytest.mark.parametrize("name", PARSERS)
def test_a_broken_file_is_read_or_refused(name: str) -> None:
    parser = PARSERS[name]
    fates = {hold(broken(parser.seeds, f"{SEED} {number}"), parser.fate) for number in range(EACH)}
    assert len(fates) >= 2, fates


def test_a_parser_that_lets_another_error_through_is_caught(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(mutations, "KEPT", tmp_path_factory.mktemp("kept"))
    leaking = Parser(int, (TypeError,), (b"12345",))
    with pytest.raises(AssertionError, match=r"ValueError.*kept as"):
        hold(b"no number", leaking.fate)
