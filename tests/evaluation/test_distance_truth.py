"""Finding the truth of a video by name, in annotation files and label folders."""

import json

import numpy as np
import pytest
from label_files import write_labels

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation.distance_truth import open_truth

MAPS = np.array([[[1, 1, 0, 5]], [[1, 0, 255, 0]]], dtype=np.uint8)


def annotation_file(path, names):
    """Write an annotation file of 1 x 4 pixels: one object and one crowd in every video."""
    mask = rle.encode(np.array([[True, False, False, False]]))
    videos = [
        {"id": id_, "width": 4, "height": 1, "length": 2, "file_names": [f"{name}/0.jpg"]}
        for id_, name in enumerate(names, start=1)
    ]
    annotations = [
        {
            "id": 2 * video["id"] + crowd,
            "video_id": video["id"],
            "category_id": 1,
            "iscrowd": crowd,
            "segmentations": [mask, None],
            "bboxes": [[0, 0, 1, 1], None],
            "areas": [1, None],
        }
        for video in videos
        for crowd in (0, 1)
    ]
    categories = [{"id": 1, "name": "thing"}]
    content = {"videos": videos, "categories": categories, "annotations": annotations}
    path.write_text(json.dumps(content))
    return path


def test_annotated_videos_are_found_by_folder_or_id_and_crowds_are_no_objects(tmp_path):
    truth = open_truth(annotation_file(tmp_path / "gt.json", ["bear", "dog"]))
    for name in ("dog", "2"):
        found = truth.find(name)
        assert [track.id for track in found.objects] == [4]
        assert (found.size, found.void) == ((1, 4), None)


def test_a_name_comes_before_an_id(tmp_path):
    truth = open_truth(annotation_file(tmp_path / "gt.json", ["2", "dog"]))
    assert truth.find("2").objects[0].id == 2


def test_unknown_and_ambiguous_names_are_errors(tmp_path):
    truth = open_truth(annotation_file(tmp_path / "gt.json", ["dog", "dog"]))
    with pytest.raises(InputError, match="several videos called 'dog': ids 1, 2"):
        truth.find("dog")
    with pytest.raises(InputError, match="unknown video of the ground truth 'dogs': did you mean"):
        truth.find("dogs")


@pytest.mark.parametrize("place", ["", "Annotations_unsupervised/480p", "Annotations/480p"])
def test_label_folders_give_one_track_per_label_and_void(tmp_path, place):
    write_labels(tmp_path / place / "dog", MAPS)
    found = open_truth(tmp_path).find("dog")
    assert [track.id for track in found.objects] == [1, 5]
    assert [rle.area(mask) for mask in found.objects[0].segmentations] == [2, 1]
    assert found.objects[1].segmentations[1] is None
    assert found.void.segmentations[0] is None
    assert rle.decode(found.void.segmentations[1]).tolist() == [[False, False, True, False]]


def test_an_unknown_sequence_is_an_error(tmp_path):
    write_labels(tmp_path / "dog", MAPS)
    with pytest.raises(InputError, match="sequence of the ground truth 'dogs': did you mean 'dog'"):
        open_truth(tmp_path).find("dogs")


def test_label_maps_of_several_sizes_are_an_error(tmp_path):
    write_labels(tmp_path / "dog", MAPS)
    write_labels(tmp_path / "dog", MAPS[:1].repeat(2, axis=1))
    with pytest.raises(InputError, match="'dog' has label maps of several sizes"):
        open_truth(tmp_path).find("dog")


def test_binary_masks_of_0_and_255_are_an_error(tmp_path):
    write_labels(tmp_path / "dog", 255 * MAPS.clip(0, 1))
    with pytest.raises(InputError, match="dog: the ground truth holds 255, which is void"):
        open_truth(tmp_path).find("dog")


def test_a_path_with_nothing_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.json' cannot be read"):
        open_truth(tmp_path / "nothing.json")
