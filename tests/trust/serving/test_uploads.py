"""Many who upload at once, for a few seconds; and careless servers, which are caught. `scripts/soak` goes on."""

from pathlib import Path

import pytest

from tests.trust.serving.uploading import assert_uploads_leave_nothing

pytestmark = pytest.mark.timeout(1800)  # of a machine that has other things to do


def test_two_hundred_who_upload_at_once_cost_no_more_than_was_said_and_leave_nothing(
    own_shop: Path, tmp_path: Path
) -> None:
    met = assert_uploads_leave_nothing(own_shop, tmp_path, clients=200, seconds=5)
    assert met.ended["503"], "nobody was asked to come back: too few came to tell"


@pytest.mark.parametrize(
    ("careless", "broken"),
    [
        ("keeps_files_open", "bounded: open files"),
        ("leaves_temporary_files", "bounded: temporary files"),
        ("says_not_when_to_come_back", "answered: .*503 without Retry-After"),
        ("answers_what_it_cannot_decode_with_an_error", "answered: .*500"),
    ],
)
def test_a_careless_server_is_caught(
    own_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, careless: str, broken: str
) -> None:
    monkeypatch.setattr("tests.trust.serving.footprint.SETTLES_S", 2.0)
    program = ("tests.trust.serving.careless", careless)
    clients = 60 if "503" in broken else 4
    with pytest.raises(AssertionError, match=f"(?s)^{broken}"):
        assert_uploads_leave_nothing(own_shop, tmp_path, clients=clients, seconds=3, program=program)
