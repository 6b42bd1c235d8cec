"""The training sections of the presets: the paper's recipe, and maps that fit the categories."""

import pytest

from propose_reduce.models.convert.categories import COCO_LABELS
from propose_reduce.settings import load_preset, preset_names

PAPER = [name for name in preset_names() if name.startswith(("youtube_vis", "davis"))]


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_two_stages(name):
    stages = load_preset(name).training.stages
    assert list(stages) == ["main", "finetune"]
    main, finetune = stages["main"], stages["finetune"]
    assert (main.epochs, main.learning_rate, main.milestones) == (4, 5e-3, (3, 4))
    assert (finetune.epochs, finetune.learning_rate, finetune.milestones) == (5, 5e-5, ())
    for stage in (main, finetune):
        assert (stage.optimizer, stage.momentum, stage.weight_decay) == ("sgd", 0.9, 1e-4)
        assert stage.distance is None
        assert stage.true_masks == stage.separate_loss == 0.0
        assert not stage.detect_on_reference
    assert len(finetune.sources) == 1


@pytest.mark.parametrize("name", PAPER)
def test_the_map_of_coco_names_categories_that_both_sides_have(name):
    preset = load_preset(name)
    renamed = preset.training.sources["coco"].categories
    assert {old for old in renamed if old != "*"} <= set(COCO_LABELS)
    assert {new for new in renamed.values() if new} <= set(preset.model.categories)
    if "mouse" in preset.model.categories:
        assert renamed["mouse"] is None
