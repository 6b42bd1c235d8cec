"""MOTS text and PNG: layouts, ignore regions, and what is refused."""

import numpy as np
import pytest
from PIL import Image
from sequences import drawn, result, sequence

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation.tracking import evaluate_tracking
from propose_reduce.evaluation.tracking.mots import load_mots
from propose_reduce.results.exports import export


def line(frame, id_, picture, category=2):
    encoding = rle.encode(drawn(picture))
    height, width = encoding["size"]
    return f"{frame} {id_} {category} {height} {width} {encoding['counts']}\n"


def write(folder, truth, found, *, name="0001", last=1):
    """Write a KITTI MOTS truth and its predictions; return both folders."""
    paths = folder / "gt", folder / "pred"
    (paths[0] / "label_02").mkdir(parents=True)
    paths[1].mkdir()
    (paths[0] / "label_02" / f"{name}.txt").write_text("".join(truth))
    (paths[0] / "evaluate_mots.seqmap.val").write_text(f"{name} empty 000000 {last:06d}\n")
    (paths[1] / f"{name}.txt").write_text("".join(found))
    return paths


def write_images(folder, maps):
    folder.mkdir(parents=True)
    for frame, values in enumerate(maps):
        Image.fromarray(np.array([values], dtype=np.uint16)).save(folder / f"{frame:06d}.png")


TRUTH = [line(0, 2000, "##...."), line(0, 10000, "...###", 10), line(1, 2000, "##....")]


@pytest.mark.parametrize(
    ("picture", "precision"),
    [("....##", 1.0), ("..##..", 1 / 2), (".###..", 1 / 2), ("......", 1 / 2)],
    ids=["inside", "half", "a third", "empty"],
)
def test_a_false_track_does_not_count_where_more_than_half_is_ignored(tmp_path, picture, precision):
    found = [line(0, 1, "##...."), line(0, 2, picture)]
    if picture == ".###..":
        found[0] = line(0, 1, "#.....")
    measured = evaluate_tracking(load_mots(*write(tmp_path, TRUTH, found)), metrics=["identity"])
    assert measured.per_category[2]["IDP"] == pytest.approx(precision)


def test_what_matches_an_object_counts_inside_an_ignore_region_too(tmp_path):
    truth = [line(0, 2000, "##...."), line(0, 10000, "..####", 10)]
    found = [line(0, 5, "####..")]  # IoU a half, half of it ignored
    measured = evaluate_tracking(load_mots(*write(tmp_path, truth, found)))
    assert measured.per_category[2]["IDF1"] == 1


def test_images_say_the_same_as_text(tmp_path):
    text = load_mots(*write(tmp_path / "text", TRUTH, [line(0, 1, "##.###")]))
    rows = [[2000, 2000, 0, 10000, 10000, 10000], [2000, 2000, 0, 0, 0, 0]]
    write_images(tmp_path / "gt" / "instances" / "0001", rows)
    write_images(tmp_path / "pred" / "0001", [[2001, 2001, 0, 2001, 2001, 2001], [0] * 6])
    images = load_mots(tmp_path / "gt", tmp_path / "pred")
    assert evaluate_tracking(images).to_dict() == evaluate_tracking(text).to_dict()


def test_our_own_export_is_found(tmp_path):
    truth, _ = write(tmp_path, TRUTH, [], name="pets")
    found = sequence(4, 0.9, "##....", "##....", category="person")
    export(result(found, categories={1: "person"}), "kitti-mots", tmp_path / "out")
    measured = evaluate_tracking(load_mots(truth, tmp_path / "out"))
    assert measured.per_category[2]["HOTA"] == 1


def test_frames_of_the_challenge_count_from_1(tmp_path):
    sequence = tmp_path / "gt" / "MOTS20-02"
    (sequence / "gt").mkdir(parents=True)
    (sequence / "gt" / "gt.txt").write_text(line(1, 2000, "##") + line(2, 2000, "##"))
    (sequence / "seqinfo.ini").write_text("[Sequence]\nseqLength=2\n")
    (tmp_path / "pred").mkdir()
    results = tmp_path / "pred" / "MOTS20-02.txt"
    results.write_text(line(1, 7, "##") + line(2, 7, "##"))
    videos = load_mots(tmp_path / "gt", tmp_path / "pred")
    assert evaluate_tracking(videos).scores["HOTA"] == 1
    assert list(videos.categories.values()) == ["pedestrian"]
    results.write_text(line(0, 7, "##"))
    with pytest.raises(InputError, match=r"frame 0 is outside of the sequence, whose .* 1 to 2"):
        load_mots(tmp_path / "gt", tmp_path / "pred")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([line(0, 1, "##...."), line(0, 2, ".##...")], "masks of frame 0 overlap"),
        ([line(0, 1, "##...."), line(0, 1, "...##.")], "id 1 is on frame 0 twice"),
        ([line(2, 1, "##....")], "line 1: frame 2 is outside"),
        (["0 1 2 1 6\n"], "line 1: expected 'frame id class height width rle'"),
        (["0 1 2 1 6 11\n"], "line 1: its mask is damaged"),
        (["0 1 2 0 6 11\n"], "line 1: expected 'frame id"),
        ([line(0, 1, "##...."), line(0, 2, "...#")], "differ in size"),
    ],
)
def test_a_fault_names_its_line(tmp_path, found, message):
    with pytest.raises(InputError, match=message):
        load_mots(*write(tmp_path, TRUTH, found))


def test_a_sequence_without_predictions_is_named(tmp_path):
    truth, found = write(tmp_path, TRUTH, [])
    (found / "0001.txt").unlink()
    with pytest.raises(InputError, match=r"0001.txt' is missing"):
        load_mots(truth, found)


def test_a_sequence_map_names_what_the_truth_lacks(tmp_path):
    truth, found = write(tmp_path, TRUTH, [])
    (truth / "evaluate_mots.seqmap.val").write_text("0007 empty 000000 000001\n")
    with pytest.raises(InputError, match="lists the sequence '0007'"):
        load_mots(truth, found)
    (truth / "evaluate_mots.seqmap.val").write_text("0001 000001\n")
    with pytest.raises(InputError, match="expected 'SEQUENCE empty FIRST LAST'"):
        load_mots(truth, found)


def test_an_image_of_plain_labels_is_refused(tmp_path):
    truth, _ = write(tmp_path, TRUTH, [])
    (tmp_path / "images" / "0001").mkdir(parents=True)
    Image.new("L", (6, 1), 7).save(tmp_path / "images" / "0001" / "000000.png")
    with pytest.raises(InputError, match="holds the value 7: a pixel must be 0, or 1000 x class"):
        load_mots(truth, tmp_path / "images")
