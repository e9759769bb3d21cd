from pathlib import Path

import pytest

from indexer.errors import UsageRefused
from indexer.settings import TEMPLATE, load_settings
from retrieval.metric import Metric


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}, {}).limits.max_pixels == 50_000_000
    (tmp_path / "index.toml").write_text("max_pixels = 1000\njobs = 3\nmetric = 'l2'\n")
    assert load_settings(tmp_path, {}, {}).limits.max_pixels == 1000
    assert load_settings(tmp_path, {}, {"INDEX_MAX_PIXELS": "2000"}).limits.max_pixels == 2000
    settings = load_settings(tmp_path, {"max_pixels": 3000, "jobs": None}, {"INDEX_MAX_PIXELS": "2000"})
    assert (settings.limits.max_pixels, settings.jobs, settings.metric) == (3000, 3, Metric.L2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("colour = 1", "unknown setting 'colour'"),
        ("jobs = 'many'", "jobs = 'many' is not a valid int"),
        ("jobs = 0", "must be above 0"),
        ("metric = 'manhattan'", "not a valid Metric"),
        ("jobs = ", "is not TOML"),
        ("jobs = inf", "jobs = inf is not a valid int"),
        ("decode_seconds = inf", "must be above 0, and have an end"),
        ("decode_seconds = nan", "must be above 0, and have an end"),
        ("jobs = " + "9" * 5000, "is not TOML"),
        ("jobs = " + "[" * 5000, "is not TOML"),
        ("jobs = " + "{a=" * 5000, "is not TOML"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_its_place(
    tmp_path: Path, content: str, says: str
) -> None:
    (tmp_path / "index.toml").write_text(content)
    with pytest.raises(UsageRefused, match=says) as refusal:
        load_settings(tmp_path, {}, {})
    assert "index.toml" in str(refusal.value)


def test_a_folder_in_the_files_place_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "index.toml").mkdir()
    with pytest.raises(UsageRefused, match=r"index\.toml is not TOML: .*Is a directory"):
        load_settings(tmp_path, {}, {})


def test_the_template_is_valid_and_its_examples_are_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "index.toml").write_text(TEMPLATE)
    defaults = load_settings(tmp_path, {}, {})
    uncommented = [line.removeprefix("# ") for line in TEMPLATE.splitlines() if " = " in line]
    (tmp_path / "index.toml").write_text("\n".join(uncommented))
    told = load_settings(tmp_path, {}, {})
    assert (told.exact_limit, told.limits) == (defaults.exact_limit, defaults.limits)
