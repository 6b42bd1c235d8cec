from typing import Any

import numpy as np
import pytest
import torch
from fakes import GivenMasks

from propose_reduce.components.sam_video import CLASSES, SamVideoPropagator, load_sam_video
from propose_reduce.errors import InputError
from propose_reduce.paradigm.propagate import propagate
from propose_reduce.structures import Clip, FrameMasks, Seed

pytest.importorskip("transformers")
from sam_models import tiny_edgetam, tiny_sam2, tiny_sam3_tracker

SIZE = (24, 32)
Found = dict[tuple[int, int], FrameMasks]


@pytest.fixture(scope="module", params=[tiny_sam2, tiny_edgetam, tiny_sam3_tracker])
def component(request: pytest.FixtureRequest) -> SamVideoPropagator:
    return SamVideoPropagator(*request.param())


def noise(num_frames: int) -> Clip:
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (num_frames, *SIZE, 3)).astype(np.uint8)
    return Clip(frames, SIZE, SIZE)


def boxes(count: int) -> torch.Tensor:
    masks = torch.zeros(count, *SIZE, dtype=torch.bool)
    for index in range(count):
        masks[index, index : index + 9, 3 : 12 + index] = True
    return masks


def followed(component: SamVideoPropagator, clip: Clip, *seeds: Seed) -> Found:
    return {(found.seed, found.frame): found for found in propagate(clip, component, seeds)}


def library(component: SamVideoPropagator, clip: Clip, seed: Seed) -> dict[int, Any]:
    """The library's own loops on a session with the whole video: masks and scores by frame."""
    session = component.processor.init_video_session(video=np.stack(list(clip.frames)))
    ids = list(range(len(seed.masks)))
    component.processor.process_new_mask_for_video_frame(session, seed.frame, ids, list(seed.masks))
    found = {}
    for reverse in (False, True):
        for output in component.model.propagate_in_video_iterator(
            session, start_frame_idx=seed.frame, reverse=reverse
        ):
            masks = component.processor.post_process_masks([output.pred_masks], [SIZE])[0][:, 0]
            found[output.frame_idx] = masks, output.object_score_logits.sigmoid().flatten()
    return found


@pytest.mark.parametrize("key_frame", [0, 8])
def test_masks_and_presence_are_those_of_the_librarys_own_loop(component, key_frame):
    clip, seed = noise(13), Seed(key_frame, boxes(2))
    ours, theirs = followed(component, clip, seed), library(component, clip, seed)
    assert len(theirs) == 13
    for frame, (masks, presence) in theirs.items():
        assert torch.equal(ours[0, frame].masks, masks)
        torch.testing.assert_close(ours[0, frame].presence, presence)


def test_seeds_of_several_key_frames_do_not_disturb_each_other(component):
    clip = noise(8)
    seeds = [Seed(0, boxes(1)), Seed(3, boxes(0)), Seed(7, boxes(3))]
    together = followed(component, clip, *seeds)
    for index, seed in enumerate(seeds):
        alone = followed(component, clip, seed)
        for frame in range(8):
            assert torch.equal(together[index, frame].masks, alone[0, frame].masks)


def test_a_frame_is_seen_once_in_each_sweep_whatever_the_number_of_seeds(component, monkeypatch):
    calls = []
    real = component.model.get_image_features
    monkeypatch.setattr(
        component.model, "get_image_features", lambda *a, **k: (calls.append(1), real(*a, **k))[1]
    )
    followed(component, noise(6), Seed(0, boxes(1)), Seed(2, boxes(2)), Seed(5, boxes(1)))
    assert len(calls) == 6 + 5


def test_one_frame_and_many_objects_do(component):
    found = followed(component, noise(1), Seed(0, boxes(15)))
    assert found[0, 0].masks.shape == (15, *SIZE)
    assert found[0, 0].presence.shape == (15,)


def test_reduced_precision_reaches_every_input():
    model, processor = tiny_sam2()
    component = SamVideoPropagator(model.to(torch.bfloat16), processor)
    found = followed(component, noise(2), Seed(0, boxes(1)))
    assert found[0, 1].masks.dtype == torch.bool
    assert found[0, 1].presence.dtype == torch.float32


def test_the_key_frame_keeps_about_its_masks(component):
    masks = boxes(2)
    found = followed(component, noise(3), Seed(1, masks))[0, 1].masks
    assert (found & masks).sum() / (found | masks).sum() > 0.8


def test_what_a_session_holds_stops_growing(component):
    held = []
    for length in (14, 22):
        sweep = component.propagate(noise(length), [Seed(0, boxes(1))])
        for _ in range(length):
            next(sweep)
        track = sweep.gi_frame.f_locals["tracks"][0]
        outputs = track.session.output_dict_per_obj[0]["non_cond_frame_outputs"]
        held.append(sum(value.numel() for each in outputs.values() for value in each.values()))
        assert not dict.keys(track.session.processed_frames)
    assert held[0] == held[1] > 0


@pytest.mark.parametrize("reverse", [False, True])
def test_a_corrected_mask_conditions_the_frames_after_it_and_no_other_object(component, reverse):
    clip, seed, at = noise(8), Seed(7 if reverse else 0, boxes(2)), 4
    plain = followed(component, clip, seed)
    corrected = plain[0, at].masks.clone()
    corrected[0] = boxes(1)[0].roll(12, dims=1)
    given = GivenMasks({at: corrected})
    found = {one.frame: one for one in component.propagate(clip, [seed], corrector=given)}
    assert torch.equal(found[at].masks, corrected)
    assert found[at].presence[0] == 1
    before, after = (range(5, 8), range(4)) if reverse else (range(4), range(5, 8))
    for frame in before:
        assert torch.equal(found[frame].masks, plain[0, frame].masks)
    for frame in (*before, at, *after):
        assert torch.equal(found[frame].masks[1], plain[0, frame].masks[1])
    assert all(found[t].presence[0] != plain[0, t].presence[0] for t in after)


def test_of_all_corrections_the_last_conditions_the_model(component):
    given = GivenMasks({frame: boxes(2).roll(frame, dims=2) for frame in range(1, 7)})
    sweep = component.propagate(noise(8), [Seed(0, boxes(2))], corrector=given)
    for _ in range(8):
        next(sweep)
    for outputs in sweep.gi_frame.f_locals["tracks"][0].session.output_dict_per_obj.values():
        assert list(outputs["cond_frame_outputs"]) == [0, 6]


def test_weights_that_are_not_there_are_named_with_the_way_to_get_them(tmp_path):
    with pytest.raises(InputError, match=r"Sam2VideoModel .*config\.json"):
        load_sam_video("sam2", str(tmp_path))
    with pytest.raises(InputError, match=r"unknown video model 'sam9'.*sam2"):
        load_sam_video("sam9", str(tmp_path))


def test_a_saved_folder_is_loaded(component, tmp_path):
    kinds = {model_class: kind for kind, (model_class, _) in CLASSES.items()}
    kind = kinds[type(component.model).__name__]
    component.model.save_pretrained(tmp_path)
    component.processor.save_pretrained(tmp_path)
    loaded = load_sam_video(kind, str(tmp_path))
    clip, seed = noise(3), Seed(1, boxes(1))
    ours, theirs = followed(loaded, clip, seed), followed(component, clip, seed)
    assert all(torch.equal(ours[0, t].masks, theirs[0, t].masks) for t in range(3))
