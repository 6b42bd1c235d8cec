"""Settings from plain data and assignments, and the text of every one."""

import pytest
from pydantic import BaseModel

from propose_reduce.errors import InputError
from propose_reduce.settings import (
    InferenceSettings,
    ModelSettings,
    Preset,
    category_set,
    load_preset,
    override,
    validate,
)
from propose_reduce.settings.base import is_section


def sections(kind: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the settings class and those inside it."""
    nested = [field.annotation for field in kind.model_fields.values()]
    return [kind] + [inner for one in nested if is_section(one) for inner in sections(one)]


def test_categories_stand_in_id_order():
    assert category_set("youtube_vis_2019")[:2] == ("person", "giant_panda")
    assert category_set("youtube_vis_2019")[-1] == "tennis_racket"
    assert category_set("youtube_vis_2021")[39] == "zebra"
    with pytest.raises(InputError, match="did you mean 'youtube_vis_2021'"):
        category_set("youtube_vis_2022")


@pytest.mark.parametrize("kind", sections(Preset), ids=lambda kind: kind.__name__)
def test_every_setting_is_explained(kind):
    leaves = {name: f for name, f in kind.model_fields.items() if not is_section(f.annotation)}
    assert [name for name, field in leaves.items() if not field.description] == []


def test_overrides_are_read_as_yaml_and_leave_the_rest_alone():
    settings = override(
        InferenceSettings(), ["propose.key_frames=3", "propose.mask_nms=null", "reduce.kind=soft"]
    )
    assert settings.propose.key_frames == 3
    assert settings.propose.mask_nms is None
    assert settings.reduce.kind == "soft"
    assert settings.propagate == InferenceSettings().propagate


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("propose.keyframes=3", "unknown setting 'propose.keyframes': did you mean 'key_frames'"),
        ("propse.key_frames=3", "unknown setting 'propse': did you mean 'propose'"),
        ("key_frames=3", "unknown setting 'key_frames': did you mean 'propose.key_frames'"),
        ("propose.key_frames=0", "propose.key_frames = 0: .*greater than or equal to 1"),
        ("propose.key_frames=many", "propose.key_frames = 'many'"),
        ("reduce.kind=hrad", "reduce.kind = 'hrad'"),
        ("propose.key_frames", "must read name.name=value"),
        ("propose.key_frames.x=1", "'key_frames' is a value, not a section"),
        ("propose.key_frames=[", "is not a valid YAML value"),
        ("propose.key_frames=2001-99-99", "is not a valid YAML value"),
        (f"propose.key_frames={3000 * '['}", "is not a valid YAML value"),
    ],
)
def test_a_wrong_override_is_answered_in_one_line(assignment, message):
    with pytest.raises(InputError, match=message) as caught:
        override(InferenceSettings(), [assignment])
    assert "\n" not in str(caught.value)


def test_settings_survive_json():
    model = load_preset("davis_x101").model
    assert validate(ModelSettings, model.model_dump(mode="json"), "test") == model
