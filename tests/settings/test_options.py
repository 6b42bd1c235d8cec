import pytest

from propose_reduce.errors import InputError
from propose_reduce.settings import (
    InferenceSettings,
    ModelSettings,
    TrainingSettings,
    validate,
)
from propose_reduce.settings.options import Options, OptionValues, text_of


def resolved(**options):
    return validate(Options, options, "test").resolve(ModelSettings(), InferenceSettings())


def test_what_is_not_asked_for_is_as_the_weights_say():
    assert resolved().inference == InferenceSettings()


def test_named_options_are_settings():
    inference = resolved(key_frames=8, max_objects=3, memory_every=2, min_score=0.4).inference
    assert inference.propose.key_frames == 8
    assert inference.propose.max_objects == 3
    assert inference.propagate.memory_every == 2
    assert inference.reduce.min_score == inference.reduce.soft_min_score == 0.4


def test_a_preset_replaces_how_the_weights_are_run_and_options_come_on_top():
    inference = resolved(preset="davis_r50", key_frames=3).inference
    assert inference.reduce.kind == "soft"
    assert inference.propose.key_frames == 3


def test_further_settings_come_last():
    chosen = resolved(key_frames=3, settings=["inference.propose.key_frames=4"])
    assert chosen.inference.propose.key_frames == 4
    assert resolved(settings=["model.long_side=1280"]).model.long_side == 1280


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key_frames": 0}, r"inference\.propose\.key_frames = 0: .* greater than or equal to 1"),
        ({"min_score": 1.5}, "less than or equal to 1"),
        ({"key_frame": 3}, "unknown setting 'key_frame': did you mean 'key_frames'"),
        ({"preset": "davis_r5"}, "did you mean 'davis_r50'"),
        ({"settings": ["inference.reduce.iuo=0.4"]}, r"did you mean 'iou'"),
        ({"settings": ["model.backbone=resnet101"]}, "'model.backbone' is fixed once trained"),
        ({"settings": ["inference.reduce"]}, "must read name.name=value"),
    ],
)
def test_a_mistake_is_named(options, message):
    with pytest.raises(InputError, match=message):
        resolved(**options)


def test_the_keywords_are_the_options():
    assert list(OptionValues.__annotations__) == list(Options.model_fields)
    assert all(text_of(name) for name in Options.model_fields)


@pytest.mark.parametrize("name", ["bf16", "bfloat16"])
def test_a_precision_has_a_short_and_a_long_name(name):
    assert validate(Options, {"precision": name}, "test").precision == "bfloat16"
    assert validate(TrainingSettings, {"precision": name}, "test").precision == "bfloat16"


def test_an_unknown_precision_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="unknown precision 'fp23': did you mean 'fp32'"):
        validate(Options, {"precision": "fp23"}, "test")
