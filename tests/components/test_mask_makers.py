"""Boxes and points to masks: SAM 2 as the library does it, and GrabCut."""

import numpy as np
import pytest
import torch

from propose_reduce.components.mask_makers import GrabCut, SamMaskMaker
from propose_reduce.errors import InputError
from propose_reduce.structures import Box, Clip, Point

SIZE = (48, 64)


def noise(seed=0):
    frames = np.random.default_rng(seed).integers(0, 256, (3, *SIZE, 3)).astype(np.uint8)
    return Clip(frames, SIZE, SIZE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A video model's folder, as one is downloaded: its weights serve the image predictor too."""
    pytest.importorskip("transformers")
    from sam_models import tiny_sam2

    path = tmp_path_factory.mktemp("sam2")
    model, processor = tiny_sam2()
    model.save_pretrained(path)
    processor.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def sam(folder):
    return SamMaskMaker.load(folder)


@pytest.mark.parametrize(
    ("marks", "asked", "several"),
    [
        ([Point(0, 20, 30)], {"input_points": [[[[20, 30]]]], "input_labels": [[[1]]]}, True),
        (
            [Point(0, 20, 30), Point(0, 50, 5, positive=False)],
            {"input_points": [[[[20, 30], [50, 5]]]], "input_labels": [[[1, 0]]]},
            False,
        ),
        ([Box(0, 5, 6, 40, 44)], {"input_boxes": [[[5, 6, 40, 44]]]}, False),
        (
            [Box(0, 5, 6, 40, 44), Point(0, 20, 30)],
            {
                "input_boxes": [[[5, 6, 40, 44]]],
                "input_points": [[[[20, 30]]]],
                "input_labels": [[[1]]],
            },
            False,
        ),
    ],
)
def test_masks_are_those_of_the_librarys_image_predictor(sam, folder, marks, asked, several):
    from transformers import Sam2Model, Sam2Processor

    clip = noise()
    model, processor = Sam2Model.from_pretrained(folder), Sam2Processor.from_pretrained(folder)
    inputs = processor(images=clip.frames[1], return_tensors="pt", **asked)
    with torch.inference_mode():
        found = model(**inputs, multimask_output=several)
    (masks,) = processor.post_process_masks(found.pred_masks, inputs["original_sizes"])
    theirs = masks[0, found.iou_scores[0, 0].argmax()]
    other = [Box(1, 30, 2, 60, 20)]
    ours = sam.make_masks(clip, 1, [marks, other])
    assert ours.shape == (2, *SIZE)
    assert theirs.any()
    assert (ours[0] == theirs).all()


def test_a_point_gives_the_mask_of_the_librarys_video_session(sam):
    from sam_models import tiny_sam2

    model, processor = tiny_sam2()
    with torch.no_grad():  # the session shows nothing where it believes that nothing is there
        model.mask_decoder.pred_obj_score_head.proj_out.bias += 1
    clip = noise()
    session = processor.init_video_session(video=np.stack(list(clip.frames)))
    processor.add_inputs_to_inference_session(
        session, 0, obj_ids=1, input_points=[[[[20, 30]]]], input_labels=[[[1]]]
    )
    with torch.inference_mode():
        found = model(session, frame_idx=0)
    (theirs,) = processor.post_process_masks([found.pred_masks], [SIZE])
    (ours,) = sam.make_masks(clip, 0, [[Point(0, 20, 30)]])
    assert bool(found.object_score_logits > 0)
    assert (ours == theirs[0, 0]).all()


def test_nothing_asked_nothing_made(sam):
    assert sam.make_masks(noise(), 0, []).shape == (0, *SIZE)
    assert GrabCut().make_masks(noise(), 0, []).shape == (0, *SIZE)


def scene():
    """A red disc on green, both with some noise: bool (H, W) and the clip."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    disc = (rows - 24) ** 2 + (columns - 30) ** 2 < 12**2
    picture = np.where(disc[..., None], [200, 30, 30], [30, 160, 40])
    noisy = picture + np.random.default_rng(0).integers(-15, 15, picture.shape)
    return disc, Clip(noisy.clip(0, 255).astype(np.uint8)[None], SIZE, SIZE)


def test_grabcut_finds_what_has_other_colours_than_what_is_around_its_box():
    disc, clip = scene()
    box = Box(0, 14, 8, 46, 40)
    (mask,) = GrabCut().make_masks(clip, 0, [[box]])
    assert (mask.numpy() != disc).sum() < 10
    again, _ = GrabCut().make_masks(clip, 0, [[box], [Box(0, -5, -5, 46, 60)]])
    assert (again == mask).all()


def test_grabcut_takes_points_inside_the_box_for_certain():
    _, clip = scene()
    box = Box(0, 14, 8, 46, 40)
    marks = [box, Point(0, 15, 9), Point(0, 30, 24, positive=False)]
    (mask,) = GrabCut().make_masks(clip, 0, [marks])
    assert mask[9, 15]
    assert not mask[24, 30]


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ([Point(0, 3, 3)], "'grabcut' needs a box round each object"),
        ([Box(0, 0, 0, 64, 48)], "is the whole picture: draw it smaller"),
    ],
)
def test_what_grabcut_cannot_do_is_refused(marks, message):
    with pytest.raises(InputError, match=message):
        GrabCut().make_masks(scene()[1], 0, [marks])
