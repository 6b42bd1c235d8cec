import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sequences import result, sequence

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.results import VideoResult
from propose_reduce.results.native import ResultFile
from propose_reduce.structures import InstanceSequence

SCHEMA = json.loads((files("propose_reduce.results") / "result.schema.json").read_text())


def saved(folder, **changes) -> Path:
    """Save a result of one sequence, apply changes by dotted path, and return the file's path."""
    path = result(sequence(1, 0.9, "##. ...", None, dog=0.2)).save(folder)
    document = json.loads(path.read_text())
    for place, value in changes.items():
        *parents, last = place.split("__")
        part = document
        for key in parents:
            part = part[int(key) if key.isdigit() else key]
        part[last] = value
    path.write_text(json.dumps(document))
    return path


def test_the_file_holds_what_the_architecture_says(tmp_path):
    document = json.loads(saved(tmp_path).read_text())
    assert document["format"] == "propose-reduce/1"
    assert document["video"]["width"] == 3
    assert document["video"]["height"] == 2
    assert document["categories"] == [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}]
    assert document["sequences"] == [
        {
            "id": 1,
            "category_id": 3,
            "score": 0.9,
            "class_scores": {"3": 0.9, "7": 0.2},
            "key_frame": 0,
            "frame_scores": [0.9, None],
            "bboxes": [[0, 0, 2, 1], None],
            "areas": [2, None],
            "segmentations": [rle.encode(np.array([[1, 1, 0], [0, 0, 0]], bool)), None],
        }
    ]


def test_the_schema_in_the_package_is_the_one_the_models_make():
    assert ResultFile.model_json_schema() == SCHEMA


def test_a_saved_result_fits_the_schema_and_a_spoilt_one_does_not(tmp_path):
    jsonschema.validate(json.loads(saved(tmp_path).read_text()), SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(saved(tmp_path, video__width=0).read_text()), SCHEMA)


@given(
    masks=arrays(bool, st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))),
    score=st.floats(0, 1),
    name=st.text(),
    fps=st.none() | st.floats(1, 100),
)
def test_loading_gives_back_what_was_saved(tmp_path_factory, masks, score, name, fps):
    encodings = tuple(rle.encode(mask) if mask.any() else None for mask in masks)
    before = VideoResult(
        name=name,
        size=masks.shape[1:],
        num_frames=len(masks),
        categories={5: "a b", 1: "ü"},
        sequences=(
            InstanceSequence(
                9, "ü", score, {"ü": score}, 0, masks.shape[1:], encodings, (None,) * len(masks)
            ),
        ),
        fps=fps,
        timestamps=tuple(float(t * t) for t in range(len(masks))),
        settings={"a": [1, None, "x"]},
    )
    after = VideoResult.load(before.save(tmp_path_factory.mktemp("saved")))
    for field in ("name", "size", "num_frames", "categories", "fps", "timestamps", "settings"):
        assert getattr(after, field) == getattr(before, field)
    assert (after.sequences[0].masks == masks).all()
    assert after.sequences[0].score == score
    assert after.sequences[0].segmentations == encodings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "coco"}, "format: Input should be 'propose-reduce/1'"),
        ({"video__width": "3"}, r"video\.width: "),
        ({"video__height": 5}, r"sequence 1, frame 0: its mask must be \(5, 3\), got \(2, 3\)"),
        ({"sequences__0__score": 1.5}, r"sequences\.0\.score: "),
        ({"sequences__0__category_id": 4}, r"sequences\.0: no category has the id 4"),
        ({"sequences__0__class_scores": {"7": 0.2}}, "its category 'cat' has no score"),
        ({"sequences__0__areas": [1]}, r"sequences\.0\.areas: 1 entries for 2 frames"),
        ({"sequences__0__key_frame": 2}, r"must lie in 0\.\.1, got 2"),
        (
            {"sequences__0__segmentations": [{"size": [2, 3], "counts": "01"}, None]},
            r"sequences\.0\.segmentations\.0: runs fill 1 pixels of a 2 x 3 mask",
        ),
        ({"categories": [{"id": 3, "name": "cat"}] * 2}, "two have the same id"),
    ],
)
def test_a_faulty_file_is_refused_with_the_place(tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        VideoResult.load(saved(tmp_path, **changes))
    assert "result.json" in str(caught.value)


def test_a_cut_file_and_a_missing_one_are_refused(tmp_path):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="Invalid JSON"):
        VideoResult.load(path)
    with pytest.raises(InputError, match="No such file"):
        VideoResult.load(tmp_path / "none.json")


def test_proposals_are_the_same_format_under_another_name(tmp_path):
    path = result(sequence(1, 0.9, "#.")).save(tmp_path, "proposals.json")
    assert path == tmp_path / "proposals.json"
    assert VideoResult.load(path).sequences[0].score == 0.9
