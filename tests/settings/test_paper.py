"""The constants of the paper, each spelt once: the defaults are its ResNet-50 model."""

from propose_reduce.settings import Preset, load_preset


def test_the_defaults_are_the_constants_of_the_paper():
    model, inference, training = Preset().model, Preset().inference, Preset().training
    assert model.backbone == "resnet50"
    assert model.rpn_proposals == training.rpn_proposals == 200
    assert (model.long_side, model.short_side) == (640, 360)
    assert model.frozen_stages == 2  # the stem and the first residual stage
    assert model.freeze_batch_norm
    assert inference.propose.key_frames == 5
    assert inference.propose.max_objects == 10
    assert (inference.propose.min_score, inference.propose.mask_nms) == (0.2, 0.2)
    assert inference.propagate.memory_every == 5
    assert inference.reduce.iou == 0.5
    assert training.clip_gradient == 35
    assert training.max_objects == 5
    assert training.flip == 0.5
    assert (training.average, training.key_penalty) == (0, 0)


def test_a_preset_of_the_paper_changes_none_of_them():
    for name in ("youtube_vis_2019_x101", "youtube_vis_2021_r101"):
        preset, defaults = load_preset(name), Preset()
        kept = {"categories", "backbone"}
        assert preset.model.model_dump(exclude=kept) == defaults.model.model_dump(exclude=kept)
        assert preset.inference == defaults.inference
        assert preset.training.model_dump(exclude={"sources", "stages"}) == (
            defaults.training.model_dump(exclude={"sources", "stages"})
        )


def test_davis_has_eight_key_frames_and_decays_scores():
    changed = Preset().inference.model_dump()
    changed["propose"]["key_frames"], changed["reduce"]["kind"] = 8, "soft"
    changed["windows"]["window"] = None
    assert load_preset("davis_r101").inference.model_dump() == changed


def test_the_authors_schedules_differ_from_the_paper_in_what_the_method_page_names():
    for name, base, every in (
        ("authors_youtube_vis", "youtube_vis_2019_r50", 1),
        ("authors_davis", "davis_r101", "T/10"),
    ):
        wanted = load_preset(base).inference.model_dump()
        wanted["propose"]["order"] = "class"
        wanted["propagate"] |= {"memory_every": every, "memory_frames": None, "padding": "canvas"}
        wanted["windows"]["window"] = None
        assert load_preset(name).inference.model_dump() == wanted
