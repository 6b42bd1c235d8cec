import json

import pytest

from propose_reduce.api import Annotations
from propose_reduce.errors import InputError

DATA = {
    "videos": [
        {"id": 40, "file_names": ["pets/00000.jpg", "pets/00001.jpg"], "height": 4, "width": 6}
    ],
    "categories": [{"id": 9, "name": "cat", "supercategory": "object"}],
    "annotations": None,
}


def read(folder, data=DATA):
    (folder / "a.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return Annotations.read(folder / "a.json")


def test_ids_are_those_of_the_file(tmp_path):
    annotations = read(tmp_path)
    assert annotations.video_id("pets", 2) == 40
    assert annotations.category_ids == {"cat": 9}


def test_a_video_is_called_as_the_evaluation_calls_it(tmp_path):
    files = ["cam1/JPEGImages/0.jpg"]
    videos = [
        {"id": 1, "file_names": files, "height": 4, "width": 6},
        {"id": 2, "name": "north", "file_names": files, "height": 4, "width": 6},
    ]
    annotations = read(tmp_path, {**DATA, "videos": videos})
    assert [annotations.video_id(name, 1) for name in ("cam1", "north")] == [1, 2]


def test_two_videos_of_one_name_are_refused(tmp_path):
    videos = [DATA["videos"][0] | {"id": number, "name": "cam1"} for number in (0, 1)]
    with pytest.raises(InputError, match=r"'cam1' is ambiguous: .* under the ids 0, 1"):
        read(tmp_path, {**DATA, "videos": videos}).video_id("cam1", 1)


def test_folders_of_one_name_are_told_apart_by_those_above(tmp_path):
    videos = [
        DATA["videos"][0] | {"id": number, "file_names": [f"{place}/cam1/0.jpg"]}
        for number, place in enumerate("ab")
    ]
    annotations = read(tmp_path, {**DATA, "videos": videos})
    assert [annotations.video_id(name, 1) for name in ("a_cam1", "b_cam1")] == [0, 1]


def test_another_video_or_length_is_refused(tmp_path):
    with pytest.raises(InputError, match="unknown video 'pet': did you mean 'pets'"):
        read(tmp_path).video_id("pet", 2)
    with pytest.raises(InputError, match="give video 'pets' 2 frames, it has 3"):
        read(tmp_path).video_id("pets", 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", "is not valid JSON"),
        ({"videos": []}, "categories: must be a list"),
        ({**DATA, "videos": [{"id": 1, "file_names": []}]}, r"videos\[0\]\.height"),
    ],
)
def test_a_faulty_file_is_refused_with_the_place(tmp_path, data, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, data)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Annotations.read(tmp_path / "none.json")
