"""The presets of the package: what the paper says; and presets of one's own."""

import pytest
import yaml

from propose_reduce.errors import InputError
from propose_reduce.models.convert.categories import COCO_LABELS
from propose_reduce.settings import InferenceSettings, load_preset, preset_names

PAPER = [
    f"{data}_{backbone}"
    for data in ("youtube_vis_2019", "youtube_vis_2021", "davis")
    for backbone in ("r50", "r101", "x101")
]
AUTHORS = ["authors_davis", "authors_youtube_vis"]
OTHERS = ["coco", "coco_sam2", "finetune", "open_vocabulary", "real_tiny", "shapes_tiny"]


def test_the_presets_are_those_of_the_paper_a_small_one_and_those_of_other_parts():
    assert sorted([*PAPER, *AUTHORS, *OTHERS]) == preset_names()


def test_parts_are_the_model_s_own_unless_a_preset_names_others():
    assert set(load_preset("davis_r50").components.model_dump().values()) == {"seq-mask-rcnn", ()}
    assert [name for name in OTHERS if load_preset(name).components.use_model] == [
        "finetune",
        "real_tiny",
        "shapes_tiny",
    ]
    assert load_preset("coco_sam2").components.proposer == "torchvision:maskrcnn_resnet50_fpn_v2"
    assert load_preset("open_vocabulary").components.prompts == ("person", "animal", "vehicle")


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


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_two_stages(name):
    training = load_preset(name).training
    own = "davis" if name.startswith("davis") else "youtube_vis"
    assert list(training.sources) == ["coco", own]
    assert list(training.stages) == ["main", "finetune"]
    main, finetune = training.stages.values()
    assert (main.sources, finetune.sources) == ((), (own,))  # none named: all
    assert (main.epochs, main.learning_rate, main.milestones) == (4, 5e-3, (3, 4))
    assert (finetune.epochs, finetune.learning_rate, finetune.milestones) == (5, 5e-5, ())
    for stage in (main, finetune):
        assert (stage.optimizer, stage.momentum, stage.weight_decay) == ("sgd", 0.9, 1e-4)
        assert stage.distance is None
        assert stage.true_masks == stage.separate_loss == 0.0
        assert not stage.detect_on_reference
    assert training.absence_loss == training.cross_entropy_loss == training.smallest_object == 0
    for source in training.sources.values():
        assert (source.staging, source.hold_out, source.licences) == (None, None, ())


def test_the_recipe_for_real_pictures():
    preset = load_preset("real_tiny")
    assert preset.model.categories[:3] == ("person", "cat", "dog")
    stills, machine = preset.training.sources.values()
    assert stills.weight > machine.weight
    for source in (stills, machine):
        assert source.staging is not None
        assert source.categories == {"*": "object"}
    assert stills.hold_out == 20  # machine masks are not evaluated on
    assert preset.training.absence_loss > 0
    assert all(stage.separate_loss > 0 for stage in preset.training.stages.values())


@pytest.mark.parametrize("name", PAPER)
def test_the_map_of_coco_names_categories_that_both_sides_have(name):
    preset = load_preset(name)
    renamed = preset.training.sources["coco"].categories
    assert {old for old in renamed if old != "*"} <= set(COCO_LABELS)
    assert {new for new in renamed.values() if new} <= set(preset.model.categories)
    if "mouse" in preset.model.categories:
        assert renamed["mouse"] is None


def test_a_preset_of_ones_own(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump({"model": {"categories": ["cat"], "backbone": "resnet18"}}))
    assert load_preset(file).model.categories == ("cat",)
    assert load_preset(file).inference == InferenceSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: [", "is not valid YAML: line 1, column 9: expected the node content"),
        ("model: 2001-99-99", "is not valid YAML: month must be in 1..12"),
        ("inference: {max_gap: 3}", "'inference.max_gap': did you mean 'inference.link.max_gap'"),
        ("- a", "must be a mapping of settings, got list"),
        ("modle: {}", "unknown setting 'modle': did you mean 'model'"),
        ("model: {categories: [a, a]}", "must be distinct"),
        ("model: {long_side: 64, short_side: 128}", "must be at least short_side"),
        ("model: {anchor_offset: .nan}", "finite"),
        ("training: {stages: {../../away: {steps: 1}}}", "stage '../../away' must be called by"),
        ("training: {stages: {/tmp/away: {steps: 1}}}", "stage '/tmp/away' must be called by"),
        ('training: {stages: {"": {steps: 1}}}', "stage '' must be called by"),
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


def write(file, **document):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(document))
    return file


def test_a_preset_says_what_differs_from_the_one_it_extends(tmp_path):
    sources = {"mine": {"annotations": "mine.json"}}
    file = write(
        tmp_path / "own.yaml",
        extends="davis_r50",
        model={"long_side": 960},
        training={"sources": sources, "stages": {"only": {}}},
    )
    own, base = load_preset(file), load_preset("davis_r50")
    assert own.model == base.model.model_copy(update={"long_side": 960})
    assert own.inference == base.inference
    assert list(own.training.sources) == ["mine"]  # a map of names is replaced, not filled up
    assert list(own.training.stages) == ["only"]


def test_the_file_that_is_extended_is_found_from_the_preset_s_own_folder(tmp_path):
    write(tmp_path / "base.yaml", extends="davis_r50", inference={"propose": {"key_frames": 3}})
    file = write(tmp_path / "mine" / "own.yaml", extends="../base.yaml")
    assert load_preset(file).inference.propose.key_frames == 3
    assert load_preset(file).inference.reduce.kind == "soft"


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("davis_r5", "unknown preset 'davis_r5': did you mean 'davis_r50'"),
        (["davis_r50"], r"extends = \['davis_r50'\]: must be one preset or file"),
        ("own.yaml", r"extends itself: .*own\.yaml -> .*own\.yaml"),
        ("faulty.yaml", r"faulty\.yaml': model\.long_side = 1: .*greater than"),
    ],
)
def test_a_faulty_extension_is_answered_in_one_line(tmp_path, base, message):
    write(tmp_path / "faulty.yaml", model={"long_side": 1})
    file = write(tmp_path / "own.yaml", extends=base, model={"long_side": 64})
    with pytest.raises(InputError, match=message) as caught:
        load_preset(file)
    assert "\n" not in str(caught.value)
