"""What a run starts from, and what it says and refuses before the first step."""

import pytest
from training_runs import network, preset
from videosets import write_youtube_vis

from propose_reduce.errors import InputError
from propose_reduce.models.weights import save_weights
from propose_reduce.settings import InferenceSettings, load_preset
from propose_reduce.training.recipe import Run, train
from propose_reduce.training.sources import with_own_data
from propose_reduce.training.start import check_start, start_from, with_init


@pytest.fixture
def given(tmp_path):
    """Return a weights file of other conventions and categories."""
    told = {"anchor_offset": 0.25, "pixel_mean": [1, 2, 3], "categories": ["a", "b"]}
    trained = preset(model=told)
    inference = InferenceSettings.model_validate({"propose": {"key_frames": 3}})
    file = tmp_path / "given.safetensors"
    card = {"initialised": ["an image detector has no Seq-Prop head"]}
    save_weights(file, network(trained), trained.model, inference, card)
    return file


def test_conventions_come_with_the_weights(given):
    chosen = with_init(preset(), given)
    assert (chosen.model.anchor_offset, chosen.model.pixel_mean) == (0.25, (1, 2, 3))
    assert chosen.model.categories == preset().model.categories
    assert chosen.inference == preset().inference
    assert chosen.training.init == str(given)


def test_the_whole_model_comes_with_them_where_the_preset_says_so(given, tmp_path):
    chosen = with_init(load_preset("finetune"), given)
    assert (chosen.model.backbone, chosen.model.anchor_offset) == ("resnet10t", 0.25)
    assert chosen.inference.propose.key_frames == 3
    data, _ = write_youtube_vis(tmp_path)
    own = with_own_data(chosen, data)
    assert own.model.categories == ("cat", "dog")
    assert own.model.model_copy(update={"categories": ("a", "b")}) == chosen.model


def test_what_was_loaded_and_what_starts_anew_is_said(given):
    chosen = preset(model={"categories": ["cat", "dog"]})
    said, *warnings = start_from(network(chosen), chosen.model, given)
    assert "from 'given.safetensors': " in said
    assert "the rows of the categories, which are others there, start anew" in said
    assert "random in that file: an image detector has no Seq-Prop head" in said
    assert len(warnings) == 2
    assert "trained with model.anchor_offset=0.25, and this run has 0.5" in warnings[0]
    same = with_init(preset(model={"categories": ["a", "b"]}), given)
    (said,) = start_from(network(same), same.model, given)
    assert "start anew" not in said


def test_a_preset_of_the_paper_needs_weights_and_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as refusal:
        train(load_preset("youtube_vis_2019_r101"), Run(tmp_path / "run"))
    said = str(refusal.value)
    assert "without --init what is frozen would stay random" in said
    assert "--set model.frozen_stages=0 --set model.freeze_batch_norm=false" in said
    for setting in ("coco.annotations", "coco.images", "youtube_vis.annotations"):
        assert f"(training.sources.{setting})" in said
    assert not (tmp_path / "run").exists()


def test_a_source_that_no_stage_takes_may_be_missing():
    sources = {
        "shapes": {"kind": "shapes"},
        "other": {"annotations": "nowhere.json"},
    }
    check_start(preset({"only": {"sources": ["shapes"]}}, sources=sources))
    with pytest.raises(InputError, match=r"not there: 'nowhere\.json' \(training\.sources\.other"):
        check_start(preset({"only": {}}, sources=sources))


def test_finetune_needs_weights_and_data():
    says = "this preset takes its model from --init, which is not given; .* give --data"
    with pytest.raises(InputError, match=says):
        check_start(load_preset("finetune"))


def test_what_is_frozen_may_be_switched_off():
    for frozen in ({"frozen_stages": 1}, {"freeze_batch_norm": True}, {"freeze_depthwise": True}):
        with pytest.raises(InputError, match="would stay random"):
            check_start(preset(model=frozen))
    check_start(preset())


def test_a_run_says_where_it_computes_what_it_does_and_what_is_left(tmp_path):
    said = []
    stages = {"first": {"steps": 2}, "second": {"steps": 3, "long_side": 64, "short_side": 32}}
    train(preset(stages), Run(tmp_path / "run"), note=said.append)
    assert said[0].startswith("on the CPU, ")
    assert said[0].endswith(", float32")
    assert said[1:3] == [
        "from random weights",
        f"losses: tensorboard --logdir {tmp_path / 'run'}",
    ]
    assert said[3] == "stage 'first': 2 steps of 1 pairs"
    assert said[4].startswith("step 1 of 2: loss ")
    assert said[4].endswith(" left")
    assert said[5] == "stage 'second': 3 steps of 1 pairs"
