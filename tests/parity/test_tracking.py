"""Tracking measures equal TrackEval's (tests/reference/tracking/README.md)."""

import json

import pytest
from places import REFERENCE, SHARED, needs_shared

from propose_reduce.evaluation.tracking import (
    evaluate_tracking,
    load_tracked_videos,
    youtube_vis_videos,
)

HERE, MORE = REFERENCE / "tracking", SHARED / "reference" / "tracking"
NAMES = {path.name for path in HERE.iterdir() if path.is_dir()}
CASES = [HERE / name for name in sorted(NAMES)]
if MORE.is_dir():
    CASES += [
        pytest.param(path, marks=needs_shared)
        for path in sorted(MORE.iterdir())
        if path.is_dir() and path.name not in NAMES
    ]
MOTS_IDS = {"car": 1, "pedestrian": 2}
pytestmark = pytest.mark.parity


def named(case):
    return case.name


def kind(cases, *kinds):
    found = []
    for case in cases:
        path = case if hasattr(case, "name") else case.values[0]
        if path.name.startswith(kinds):
            found.append(case)
    return found


def expected_of(measures):
    """Return the reference numbers by our names, those of HOTA as means over the thresholds."""
    flat = {}
    for name, family in measures.items():
        flat |= family["mean"] if name == "HOTA" else family
    return flat


def assert_equal(found, measures):
    expected = expected_of(measures)
    assert found == pytest.approx({key: expected[key] for key in found}, abs=1e-9)


def variant(videos, name):
    if name == "score_thr_0.5":
        return videos.scored(0.5)
    return videos.as_one_category() if name == "class_agnostic" else videos


@pytest.mark.parametrize("case", kind(CASES, "case"), ids=named)
def test_mask_sequences_score_as_in_trackeval(case):
    truth, found = (json.loads((case / f"{name}.json").read_text()) for name in ("gt", "pred"))
    expected = json.loads((case / "expected.json").read_text())["variants"]
    videos = youtube_vis_videos(truth, found)
    for name, numbers in expected.items():
        result = evaluate_tracking(variant(videos, name))
        assert_equal(result.scores, numbers["det_averaged"])
        assert_equal(result.class_averaged, numbers["class_averaged"])
        if numbers["class_averaged_nonempty"] is None:
            assert result.class_averaged_nonempty is None
        else:
            assert_equal(result.class_averaged_nonempty, numbers["class_averaged_nonempty"])
        for id_, measures in numbers["per_category"].items():
            assert_equal(result.per_category[int(id_)], measures)
        for id_, measures in numbers.get("per_video_det_averaged", {}).items():
            assert_equal(result.per_video[int(id_)], measures)
        for key, values in result.alphas.items():
            if key in numbers["det_averaged"]["HOTA"]["alpha"]:
                assert values == pytest.approx(
                    numbers["det_averaged"]["HOTA"]["alpha"][key], abs=1e-9
                )


@pytest.mark.parametrize("case", kind(CASES, "mots", "kitti"), ids=named)
def test_mots_scores_as_in_trackeval(case):
    result = evaluate_tracking(load_tracked_videos(case / "gt", case / "pred"))
    expected = json.loads((case / "expected.json").read_text())
    assert list(result.videos) == list(expected["sequences"])
    for name, measures in expected["combined"].items():
        assert_equal(result.per_category[MOTS_IDS[name]], measures)


def as_tao(content):
    """Return a BURST truth in the form of TAO."""
    images, annotations, tracks = [], [], []
    for video in content["sequences"]:
        size = [video["height"], video["width"]]
        frames = zip(video["annotated_image_paths"], video["segmentations"], strict=True)
        for index, (name, masks) in enumerate(frames):
            id_ = len(images)
            image = {"id": id_, "video_id": video["id"], "frame_index": index, "file_name": name}
            images.append(image)
            for track, mask in masks.items():
                annotations.append(
                    {
                        "image_id": id_,
                        "track_id": 100 * video["id"] + int(track),
                        "category_id": video["track_category_ids"][track],
                        "score": mask.get("score", 1.0),
                        "segmentation": {"size": size, "counts": mask["rle"]},
                    }
                )
    videos = [{"name": v["seq_name"], **v} for v in content["sequences"]]
    return {
        "videos": videos,
        "images": images,
        "tracks": tracks,
        "annotations": annotations,
        "categories": content.get("categories", []),
    }


@pytest.mark.parametrize("form", ["burst", "tao"])
def test_burst_scores_as_in_trackeval_which_compares_boxes(form, tmp_path):
    case = HERE / "burst00"
    truth, found = (json.loads((case / f"{name}.json").read_text()) for name in ("gt", "pred"))
    expected = json.loads((case / "expected.json").read_text())
    if form == "tao":
        for video in found["sequences"]:  # an image that the truth lacks has no id there
            del video["annotated_image_paths"][-1], video["segmentations"][-1]
        truth, found = as_tao(truth), as_tao(found)["annotations"]
    for name, content in (("gt", truth), ("pred", found)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    files = tmp_path / "gt.json", tmp_path / "pred.json"
    result = evaluate_tracking(load_tracked_videos(*files), iou="boxes")
    for id_, category in result.categories.items():
        measures = expected["closed"][category]
        assert result.per_category[id_] == pytest.approx(measures, abs=1e-9)
    assert result.scores == pytest.approx(expected["closed"]["cls_comb_det_av"], abs=1e-9)
    assert result.class_averaged == pytest.approx(expected["closed"]["cls_comb_cls_av"], abs=1e-9)
    open_world = evaluate_tracking(load_tracked_videos(*files, agnostic=True), iou="boxes")
    assert open_world.scores == pytest.approx(expected["open_world"]["object"], abs=1e-9)
    assert any("category: 5" in note for note in result.notes)
