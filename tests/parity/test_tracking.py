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


def kind(cases, mots):
    found = []
    for case in cases:
        path = case if hasattr(case, "name") else case.values[0]
        if ("mots" in path.name) == mots:
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


@pytest.mark.parametrize("case", kind(CASES, mots=False), ids=named)
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


@pytest.mark.parametrize("case", kind(CASES, mots=True), ids=named)
def test_mots_scores_as_in_trackeval(case):
    result = evaluate_tracking(load_tracked_videos(case / "gt", case / "pred"))
    expected = json.loads((case / "expected.json").read_text())
    assert list(result.videos) == list(expected["sequences"])
    for name, measures in expected["combined"].items():
        assert_equal(result.per_category[MOTS_IDS[name]], measures)
