"""The input presets: what an encoder of each kind of thing looks at, and what training may vary."""

import dataclasses
import json

import pytest

from retrieval.encoder import EncoderSpec, Space, fingerprint, parse_spec, spec_document
from retrieval.errors import EncoderInvalid
from retrieval.preprocess import PreprocessSpec
from retrieval.presets import PRESETS, Augment, Preset
from retrieval.view import Fit, View

SHARES = {field.name for field in dataclasses.fields(Augment)} - {"turn_degrees", "flip", "view_size"}


def spec_of(preset: Preset) -> EncoderSpec:
    preprocess = PreprocessSpec(size=preset.size, fit=preset.fit, view=preset.view)
    return EncoderSpec("mine", "1", preprocess, (Space("object", 8),), "object")


def test_there_is_a_preset_for_each_kind_of_thing() -> None:
    assert set(PRESETS) == {"photo", "product", "banknote", "coin", "face", "signature", "drawing", "audio"}
    assert all(name == preset.name for name, preset in PRESETS.items())


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_preset_travels_in_a_spec_and_comes_back(preset: Preset) -> None:
    spec = spec_of(preset)
    read = parse_spec(json.dumps(spec_document(spec)))
    assert read == spec
    assert isinstance(read.preprocess.view, View)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_share_and_probability_lies_between_nothing_and_all(preset: Preset) -> None:
    values = dataclasses.asdict(preset.augment)
    assert all(0 <= values[name] <= 1 for name in SHARES)
    assert preset.augment.crop_min_scale > 0
    assert 0 <= preset.augment.turn_degrees <= (180 if preset.name == "coin" else 45)


@pytest.mark.parametrize("name", ["banknote", "signature", "drawing", "audio"])
def test_what_can_be_read_or_heard_is_never_mirrored(name: str) -> None:
    assert not PRESETS[name].augment.flip


def test_only_a_sounds_spectrum_is_masked_and_it_is_never_turned_or_cropped() -> None:
    for preset in PRESETS.values():
        is_sound = preset.view is View.SPECTRUM
        assert (preset.augment.time_mask > 0) is (preset.augment.freq_mask > 0) is is_sound
    audio = PRESETS["audio"].augment
    assert (audio.crop_min_scale, audio.aspect, audio.turn_degrees, audio.perspective) == (1.0, 0.0, 0.0, 0.0)


def test_ink_keeps_its_proportions() -> None:
    assert {preset.fit for preset in PRESETS.values() if preset.view is View.INK} == {Fit.PAD}


def test_a_spec_without_a_view_looks_at_colours() -> None:
    document = {"format": 1, "name": "x", "input": {"size": 32}, "spaces": [{"name": "a", "dim": 8}]}
    assert parse_spec(json.dumps(document)).preprocess.view is View.COLOUR


def test_a_view_that_nobody_knows_is_refused() -> None:
    document = {"format": 1, "name": "x", "input": {"size": 32, "view": "smell"}, "spaces": []}
    with pytest.raises(EncoderInvalid, match="smell"):
        parse_spec(json.dumps(document))


def test_encoders_that_look_at_something_else_have_other_fingerprints() -> None:
    prints = {
        fingerprint("aa", spec_of(dataclasses.replace(PRESETS["photo"], view=view, fit=Fit.PAD)))
        for view in View
    }
    assert len(prints) == len(View)
