"""J against distance, on proposals small enough to follow by hand; the truth; the report."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_files import write_labels
from matplotlib.figure import Figure
from PIL import Image
from places import REFERENCE
from rich.console import Console

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation.distance import (
    FollowedProposal,
    Truth,
    distance_curves,
    follow,
    open_truth,
    parse_bounds,
)
from propose_reduce.evaluation.reports.distance import FILES, DistanceReport, draw_distance
from propose_reduce.evaluation.tracks import Track
from propose_reduce.results import VideoResult
from propose_reduce.structures import InstanceSequence

WIDTH = 10


def segmentations(*lengths, start=0):
    """Return bars of one row: ``length`` pixels from ``start`` on each frame, None for 0."""
    masks = []
    for length in lengths:
        mask = np.zeros((1, WIDTH), dtype=bool)
        mask[0, start : start + length] = True
        masks.append(rle.encode(mask) if length else None)
    return tuple(masks)


def proposal(id_, key_frame, *lengths, start=0):
    scores = tuple(0.5 if length else None for length in lengths)
    masks = segmentations(*lengths, start=start)
    return InstanceSequence(id_, "thing", 0.5, {"thing": 0.5}, key_frame, (1, WIDTH), masks, scores)


def result(*sequences):
    frames = len(sequences[0].segmentations)
    return VideoResult("clip", (1, WIDTH), frames, {1: "thing"}, sequences)


def known(id_, *lengths, start=0):
    return Track(f"object {id_}", id_, 1, segmentations(*lengths, start=start))


def truth(*objects, void=None):
    return Truth((1, WIDTH), objects, void)


def followed(key_frame, *j, video="clip"):
    return FollowedProposal(video, 1, 1, key_frame, np.array(j))


def test_j_is_taken_on_every_frame_and_distance_from_the_key_frame():
    (one,) = follow(result(proposal(7, 1, 1, 4, 4)), truth(known(3, 4, 4, 2)))
    assert (one.video, one.sequence, one.truth, one.key_frame) == ("clip", 7, 3, 1)
    assert one.j.tolist() == [0.25, 1.0, 0.5]
    assert one.distances.tolist() == [1, 0, 1]
    assert one.key_j == 1.0


def test_a_proposal_belongs_to_the_object_it_fits_best_on_its_key_frame():
    objects = truth(known(1, 8, 8), known(2, 4, 0))
    (one,) = follow(result(proposal(1, 0, 4, 8)), objects)
    assert one.truth == 2  # frame 0: 4/8 against 4/4; frame 1 would say object 1
    assert one.j.tolist() == [1.0, 0.0]


def test_a_frame_on_which_both_are_absent_counts_as_right():
    (one,) = follow(result(proposal(1, 0, 4, 0, 2)), truth(known(1, 4, 0, 0)))
    assert one.j.tolist() == [1.0, 1.0, 0.0]


def test_a_proposal_that_meets_no_object_on_its_key_frame_is_left_out():
    off = proposal(1, 0, 2, 2, start=8)
    empty = proposal(2, 0, 0, 4)
    assert follow(result(off, empty), truth(known(1, 4, 4), known(2, 0, 0))) == []
    assert follow(result(off), truth()) == []


def test_void_pixels_do_not_count():
    void = Track("void", 255, None, segmentations(2, 2, start=4))
    (one,) = follow(result(proposal(1, 0, 6, 8)), truth(known(1, 4, 4), void=void))
    assert one.j.tolist() == [1.0, 4 / 6]


@pytest.mark.parity
def test_j_equals_the_official_one_where_there_is_void(tmp_path):
    case = REFERENCE / "eval" / "davis" / "case01"
    maps, compared = np.load(case / "maps.npz"), 0
    for wanted in json.loads((case / "expected.json").read_text())["unsupervised"]["per_object"]:
        name = wanted["sequence"]
        write_labels(tmp_path / name, maps[f"gt__{name}"])
        masks = maps[f"unsup__{name}"] == wanted["proposal"]
        encodings = tuple(rle.encode(mask) if mask.any() else None for mask in masks)
        size, frames = masks.shape[1:], len(masks)
        scores = tuple(None if mask is None else 0.5 for mask in encodings)
        one = InstanceSequence(1, "thing", 0.5, {"thing": 0.5}, 0, size, encodings, scores)
        found = VideoResult(name, size, frames, {1: "thing"}, (one,))
        for measured in follow(found, open_truth(tmp_path).find(name)):
            if measured.truth == wanted["gt_object"]:
                assert measured.j.tolist() == pytest.approx(wanted["J"], abs=1e-9)
                compared += 1
    assert compared >= 4


@pytest.mark.parametrize(
    "other",
    [Truth((1, WIDTH), (known(1, 4, 4, 4),)), Truth((2, WIDTH), (known(1, 4, 4),))],
    ids=["frames", "size"],
)
def test_proposals_of_another_video_are_an_error(other):
    with pytest.raises(InputError, match=r"video 'clip': .* give those of one video"):
        follow(result(proposal(1, 0, 4, 4)), other)


def test_groups_hold_their_lower_bound_and_the_last_one_its_upper_bound_too():
    group = [followed(0, j) for j in (0.49, 0.5, 0.69, 0.7, 0.9, 1.0)]
    curves = distance_curves(group, (50, 70, 90, 100))
    assert [curve.proposals for curve in curves] == [2, 1, 2]
    assert [curve.name for curve in curves] == ["[50, 70) %", "[70, 90) %", "[90, 100] %"]


def test_a_curve_is_the_mean_over_proposals_and_both_directions():
    first, second = followed(1, 0.4, 0.8, 0.6), followed(0, 0.9, 0.9, 0.3)
    (curve,) = distance_curves([first, second], (50, 100))
    assert curve.counts.tolist() == [2, 3, 1]
    assert curve.j == pytest.approx([0.85, (0.4 + 0.6 + 0.9) / 3, 0.3])
    assert curve.key_j == pytest.approx([0.85, (0.8 + 0.8 + 0.9) / 3, 0.9])


def test_the_drop_compares_the_same_proposals():
    # the better proposal alone reaches distance 2 and keeps its J: nothing dropped
    (curve,) = distance_curves([followed(0, 0.6, 0.6), followed(0, 1.0, 0.8, 1.0)], (50, 100))
    bins = curve.bins(ends=(0, 1))
    assert [(part.first, part.last, part.count) for part in bins] == [
        (0, 0, 2),
        (1, 1, 2),
        (2, 2, 1),
    ]
    assert [part.j for part in bins] == pytest.approx([0.8, 0.7, 1.0])
    assert [part.drop for part in bins] == pytest.approx([0, 0.1, 0])


def test_bins_without_measurements_go_and_the_last_one_ends_with_the_curve():
    near, far = followed(0, *4 * [0.9]), followed(0, *20 * [0.6])
    poor, good = distance_curves([near, far], (50, 80, 100))
    assert [(part.first, part.last) for part in poor.bins()] == [(0, 0), (1, 5), (6, 10), (11, 19)]
    assert [(part.first, part.last) for part in good.bins()] == [(0, 0), (1, 5)]
    assert np.isnan(good.j[4:]).all()


def test_an_empty_group_is_a_curve_without_measurements():
    (curve,) = distance_curves([], (50, 100))
    assert (curve.proposals, curve.bins()) == (0, [])


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=9), max_size=8), st.data())
def test_no_measurement_is_lost_and_bins_keep_the_mean(series, data):
    group = [followed(data.draw(st.integers(0, len(j) - 1)), *j) for j in series]
    curves = distance_curves(group, (0, 30, 60, 100))
    assert sum(curve.proposals for curve in curves) == len(group)
    parts = [part for curve in curves for part in curve.bins(ends=(0, 2))]
    assert sum(part.count for part in parts) == sum(len(j) for j in series)
    total = sum(part.count * part.j for part in parts)
    assert total == pytest.approx(sum(sum(j) for j in series))


@pytest.mark.parametrize(
    "bounds", [(50,), (50, 50), (90, 50), (-1, 50), (50, 101), (float("nan"), 50)]
)
def test_bounds_that_do_not_rise_are_an_error(bounds):
    with pytest.raises(InputError, match="two or more rising percentages, 0 to 100"):
        distance_curves([], bounds)


def test_bounds_are_read_from_text():
    assert parse_bounds("50,62.5, 100") == (50, 62.5, 100)
    with pytest.raises(InputError, match="'50;100' must be percentages"):
        parse_bounds("50;100")


MAPS = np.array([[[1, 1, 0, 5]], [[1, 0, 255, 0]]], dtype=np.uint8)


def annotation_file(path, names):
    """Write an annotation file of 1 x 4 pixels: one object and one crowd in every video."""
    mask = rle.encode(np.array([[True, False, False, False]]))
    videos = [
        {
            "id": id_,
            "width": 4,
            "height": 1,
            "length": 2,
            "file_names": [f"{name}/{t}.jpg" for t in (0, 1)],
        }
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
    with pytest.raises(InputError, match=r"'dog' is ambiguous: .* ids 1, 2"):
        truth.find("dog")
    with pytest.raises(InputError, match="unknown video 'dogs': did you mean"):
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


@pytest.fixture
def report():
    """Two groups: one proposal that drops from 1 to 0.5, two that rise from 0.5 to 0.75."""
    group = [followed(0, 1.0, 0.5), *2 * [followed(0, 0.5, 0.75)]]
    return DistanceReport(distance_curves(group, (50, 80, 90, 100)), videos=2, proposals=4)


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_folder_holds_tables_and_figures(report, tmp_path):
    folder = report.save(tmp_path / "new")
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert (folder / "distance.svg").read_text().startswith("<?xml")
    with Image.open(folder / "distance.png") as image:
        assert min(image.size) > 400


def test_the_files_hold_what_was_measured(report, tmp_path):
    folder = report.save(tmp_path)
    first = rows(folder / "distance.csv")[0]
    assert first == {
        "iou_from": "50",
        "iou_to": "80",
        "distance": "0",
        "measurements": "2",
        "j": "0.5",
        "j_on_key_frame": "0.5",
    }
    drops = {
        (row["iou_from"], row["first"]): float(row["drop"]) for row in rows(folder / "drops.csv")
    }
    assert drops == {("50", "0"): 0, ("50", "1"): -0.25, ("90", "0"): 0, ("90", "1"): 0.5}


def test_the_table_shows_j_and_its_change_in_percent(report):
    console = Console(width=80)
    with console.capture() as captured:
        console.print(report.table())
    text = captured.get()
    assert "3 of 4 proposals of 2 videos" in text
    for number in ("[50, 80) %", "+25.0", "100.0", "-50.0"):
        assert number in text
    assert "…" not in text


def test_the_table_of_long_videos_fits_80_columns():
    curves = distance_curves([followed(0, *np.linspace(1, 0, 150))], (50, 60, 70, 80, 90, 100))
    console = Console(width=80)
    with console.capture() as captured:
        console.print(DistanceReport(curves, 1, 1).table())
    assert "81-149" in captured.get()
    assert "…" not in captured.get()


def test_the_figure_has_a_line_and_a_legend_entry_per_group_that_is_not_empty(report):
    axes = Figure().subplots()
    draw_distance(axes, report.curves)
    entries = [text.get_text() for text in axes.get_legend().get_texts()]
    assert entries == ["[90, 100] %, 1 proposals", "[50, 80) %, 2 proposals"]
    marks = [line for line in axes.get_lines() if line.get_marker() != "None"]
    assert marks[0].get_ydata().tolist() == [100, 50]
    assert axes.get_xlabel()
    assert axes.get_ylabel()


def test_nothing_to_draw_is_an_empty_figure(tmp_path):
    report = DistanceReport(distance_curves([], (50, 100)), videos=1, proposals=3)
    report.save(tmp_path)
    assert rows(tmp_path / "drops.csv") == []
    assert (tmp_path / "distance.png").stat().st_size > 0
