"""BURST and TAO: what counts where not every category was labelled, and what is refused."""

import pytest
from sequences import drawn

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation.tracking import evaluate_tracking
from propose_reduce.evaluation.tracking.burst import burst_videos, tao_videos

CAT, DOG, DISTRACTOR = 4, 13, 20


def sequence(tracks, frames=("a.jpg", "b.jpg"), **fields):
    """Return a BURST sequence; tracks are (category, picture, picture, ..)."""
    present = [
        {
            str(id_): {"rle": rle.encode(drawn(pictures[t]))["counts"]}
            for id_, (_, *pictures) in enumerate(tracks, start=1)
            if pictures[t] is not None
        }
        for t in range(len(frames))
    ]
    return {
        "id": 1,
        "dataset": "D",
        "seq_name": "s",
        "height": 1,
        "width": 4,
        "annotated_image_paths": list(frames),
        "segmentations": present,
        "track_category_ids": {str(i): c for i, (c, *_) in enumerate(tracks, start=1)},
        "neg_category_ids": [],
        "not_exhaustive_category_ids": [],
        **fields,
    }


def file(*sequences):
    return {"sequences": list(sequences)}


FALSE = (DOG, "..##", "..##")


def precision(fields, false=FALSE, truth=((CAT, "##..", "##.."), (DOG, "##..", None))):
    found = [(CAT, "##..", "##.."), (DOG, "##..", None), false]
    videos = burst_videos(file(sequence(truth, **fields)), file(sequence(found)))
    return evaluate_tracking(videos, metrics=["identity"]).per_category[DOG]["IDP"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 1 / 2),  # on the first frame, which shows a dog
        ({"neg_category_ids": [DOG]}, 1 / 3),  # and on the second, which shows surely none
        ({"not_exhaustive_category_ids": [DOG]}, 1),  # there may be more dogs
    ],
    ids=["labelled", "negative", "not exhaustive"],
)
def test_a_false_track_counts_where_its_category_was_labelled(fields, expected):
    assert precision(fields) == pytest.approx(expected)


def test_frames_that_the_truth_lacks_and_frames_without_objects_are_passed_over():
    truth = sequence([(CAT, "##..", None)])
    found = sequence([(CAT, "##..", "##..", "##..")], frames=("a.jpg", "b.jpg", "c.jpg"))
    measured = evaluate_tracking(burst_videos(file(truth), file(found), agnostic=True))
    assert measured.scores["HOTA"] == 1
    assert measured.scores["OWTA"] == 1


def test_distractors_and_categories_without_objects_are_not_evaluated():
    truth = sequence([(CAT, "##..", "##.."), (DISTRACTOR, "..##", "..##")])
    found = sequence([(CAT, "##..", "##.."), (DISTRACTOR, "..##", "..##")])
    videos = burst_videos(file(truth), file(found))
    assert list(videos.categories) == [CAT]
    assert "shows no object of their category: 1" in videos.notes[0]
    assert "--iou boxes" in videos.notes[-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seq_name": "t"}, "unknown sequence in the predictions: 'D/t'"),
        ({"annotated_image_paths": ["a.jpg"]}, "2 segmentations for 1 annotated_image_paths"),
        ({"track_category_ids": {}}, "track 1: it has no whole number in 'track_category_ids'"),
        ({"segmentations": [{"1": {}}, {}]}, "track 1: 'rle' is missing"),
        ({"segmentations": [{"1": {"rle": 7}}, {}]}, "must be compressed run lengths"),
        ({"annotated_image_paths": ["a.jpg", "a.jpg"]}, "id 1 is on frame 0 twice"),
    ],
)
def test_a_fault_names_its_place(change, message):
    track = (CAT, "##..", "##..")
    with pytest.raises(InputError, match=message):
        burst_videos(file(sequence([track])), file({**sequence([track]), **change}))


def test_boxes_without_masks_are_refused():
    video = {"id": 1, "name": "s", "height": 1, "width": 4}
    image = {"id": 1, "video_id": 1, "frame_index": 0}
    annotation = {"image_id": 1, "track_id": 1, "category_id": CAT, "bbox": [0, 0, 1, 1]}
    truth = {"videos": [video], "images": [image], "tracks": [], "annotations": [annotation]}
    with pytest.raises(InputError, match="annotation number 0: 'segmentation' is missing"):
        tao_videos(truth, [])


def test_what_is_there_twice_in_the_truth_is_refused():
    track = (CAT, "##..", "##..")
    twice = sequence([track], frames=("a.jpg", "a.jpg"))
    with pytest.raises(InputError, match="'annotated_image_paths' names a frame twice"):
        burst_videos(file(twice), file())
    with pytest.raises(InputError, match="the ground truth has two sequences 'D/s'"):
        burst_videos(file(sequence([track]), sequence([track])), file())
    video = {"id": 1, "name": "s", "height": 1, "width": 4}
    image = {"id": 1, "video_id": 1, "frame_index": 0}
    truth = {"videos": [video], "images": [image, image], "tracks": [], "annotations": []}
    with pytest.raises(InputError, match="another one has the id 1 too"):
        tao_videos(truth, [])
    with pytest.raises(InputError, match="another one has the id 1 too"):
        tao_videos({**truth, "videos": [video, video], "images": [image]}, [])
