import pytest
import yaml
from pydantic import BaseModel

from propose_reduce.errors import InputError
from propose_reduce.settings import (
    InferenceSettings,
    ModelSettings,
    Preset,
    category_set,
    load_preset,
    override,
    preset_names,
    validate,
)

PAPER = [
    f"{data}_{backbone}"
    for data in ("youtube_vis_2019", "youtube_vis_2021", "davis")
    for backbone in ("r50", "r101", "x101")
]


def sections(kind: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the settings class and those inside it."""
    nested = [field.annotation for field in kind.model_fields.values()]
    return [kind] + [
        inner
        for one in nested
        if isinstance(one, type) and issubclass(one, BaseModel)
        for inner in sections(one)
    ]


OTHERS = ["coco_sam2", "open_vocabulary", "shapes_tiny"]


def test_the_presets_are_those_of_the_paper_a_small_one_and_those_of_other_parts():
    assert sorted([*PAPER, *OTHERS]) == preset_names()


def test_parts_are_the_model_s_own_unless_a_preset_names_others():
    assert set(load_preset("davis_r50").parts.model_dump().values()) == {"seq-mask-rcnn", ()}
    assert [name for name in OTHERS if load_preset(name).parts.use_model] == ["shapes_tiny"]
    assert load_preset("coco_sam2").parts.proposer == "torchvision:maskrcnn_resnet50_fpn_v2"
    assert load_preset("open_vocabulary").parts.prompts == ("person", "animal", "vehicle")


@pytest.mark.parametrize("name", PAPER)
def test_a_preset_of_the_paper_says_what_the_paper_says(name):
    preset = load_preset(name)
    davis = name.startswith("davis")
    backbones = {"r50": "resnet50", "r101": "resnet101", "x101": "resnext101_64x4d"}
    assert preset.model.backbone == backbones[name.rsplit("_", 1)[1]]
    assert len(preset.model.categories) == (1 if davis else 40)
    assert preset.inference.propose.key_frames == (8 if davis else 5)
    assert preset.inference.reduce.kind == ("soft" if davis else "hard")
    sides = (preset.model.long_side, preset.model.short_side)
    assert sides == ((854, 480) if davis else (640, 360))
    assert list(preset.training.stages) == ["main", "finetune"]


def test_categories_stand_in_id_order():
    assert category_set("youtube_vis_2019")[:2] == ("person", "giant_panda")
    assert category_set("youtube_vis_2019")[-1] == "tennis_racket"
    assert category_set("youtube_vis_2021")[39] == "zebra"
    with pytest.raises(InputError, match="did you mean 'youtube_vis_2021'"):
        category_set("youtube_vis_2022")


@pytest.mark.parametrize("kind", sections(Preset), ids=lambda kind: kind.__name__)
def test_every_setting_is_explained(kind):
    leaves = {
        name: field
        for name, field in kind.model_fields.items()
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
    }
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
        ("propose.key_frames=[", "is no YAML value"),
        ("propose.key_frames=2001-99-99", "is no YAML value"),
        (f"propose.key_frames={3000 * '['}", "is no YAML value"),
    ],
)
def test_a_wrong_override_is_answered_in_one_line(assignment, message):
    with pytest.raises(InputError, match=message) as caught:
        override(InferenceSettings(), [assignment])
    assert "\n" not in str(caught.value)


def test_a_preset_of_ones_own(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump({"model": {"categories": ["cat"], "backbone": "resnet18"}}))
    assert load_preset(file).model.categories == ("cat",)
    assert load_preset(file).inference == InferenceSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: [", "is no YAML: line 1, column 9: expected the node content"),
        ("model: 2001-99-99", "is no YAML: month must be in 1..12"),
        ("inference: {max_gap: 3}", "'inference.max_gap': did you mean 'inference.link.max_gap'"),
        ("- a", "must be a mapping of settings, got list"),
        ("modle: {}", "unknown setting 'modle': did you mean 'model'"),
        ("model: {categories: [a, a]}", "must be distinct"),
        ("model: {long_side: 64, short_side: 128}", "must be at least short_side"),
        ("model: {anchor_offset: .nan}", "finite"),
    ],
)
def test_a_faulty_preset_is_answered_in_one_line(tmp_path, text, message):
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_preset(file)
    assert "\n" not in str(caught.value)


def test_a_preset_that_is_not_there():
    with pytest.raises(InputError, match="did you mean 'youtube_vis_2019_r50'"):
        load_preset("youtube_vis_2019_r5")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_preset("nowhere.yaml")


def test_settings_survive_json():
    model = load_preset("davis_x101").model
    assert validate(ModelSettings, model.model_dump(mode="json"), "test") == model
