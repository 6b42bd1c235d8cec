"""Every export format, read back by a program that is not ours where there is one."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from places import REPOSITORY
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from sequences import result, sequence

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.results import exports
from propose_reduce.results.exports.tools import joined, outlines

SIZE = HEIGHT, WIDTH = 40, 60


def ellipse(x, y, wide, high):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return ((columns - x) / wide) ** 2 + ((rows - y) / high) ** 2 <= 1


def tracked(id_, score, category, *masks):
    encoded = tuple(None if mask is None else rle.encode(mask) for mask in masks)
    scores = tuple(None if mask is None else score for mask in masks)
    one = sequence(id_, score, "#", category=category)
    return replace(one, size=SIZE, segmentations=encoded, frame_scores=scores)


PARTS = ellipse(12, 10, 8, 6) | ellipse(40, 30, 10, 7)
CAT = tracked(4, 0.9, "cat", ellipse(20, 20, 15, 12), None, PARTS)
DOG = tracked(2, 0.5, "dog", ellipse(35, 20, 15, 9), ellipse(30, 20, 1, 12), None)
PETS = result(CAT, DOG)
"""Two objects that overlap on frame 0; one in two parts, one thin as a line, each absent once."""


@pytest.fixture
def written(tmp_path, request):
    return exports.export(PETS, request.param, tmp_path)


def as_format(name):
    return pytest.mark.parametrize("written", [name], indirect=True)


def by_datumaro(path, form):
    """Return every item that datumaro reads, by frame."""
    datumaro = pytest.importorskip("datumaro")
    return {item.id: item for item in datumaro.Dataset.import_from(str(path), form)}


def drawn(points):
    """Return the mask that pycocotools fills for a polygon: bool (H, W)."""
    ring = np.asarray(points, dtype=float).reshape(-1).tolist()
    return coco_mask.decode(coco_mask.frPyObjects([ring], *SIZE))[..., 0].astype(bool)


def near(one, other):
    """Tell whether each mask lies inside the other grown by a pixel."""
    square = np.ones((3, 3), np.uint8)
    grown = [cv2.dilate(mask.astype(np.uint8), square).astype(bool) for mask in (one, other)]
    return not (one & ~grown[1]).any() and not (other & ~grown[0]).any()


def masks_of(one):
    return {t: mask for t, mask in enumerate(one.masks) if mask.any()}


# ---- exact formats


@as_format("coco")
def test_pycocotools_and_datumaro_read_coco_with_track_ids(written, tmp_path):
    truth = COCO(written)
    assert [image["file_name"] for image in truth.dataset["images"]][2] == "frame_000002.png"
    for one in PETS.sequences:
        found = {
            a["image_id"] - 1: a for a in truth.dataset["annotations"] if a["track_id"] == one.id
        }
        assert found.keys() == masks_of(one).keys()
        for t, annotation in found.items():
            assert np.array_equal(truth.annToMask(annotation), one.masks[t])
            assert truth.cats[annotation["category_id"]]["name"] == one.category
            assert annotation["bbox"] == rle.box(one.segmentations[t])
    (tmp_path / "set" / "annotations").mkdir(parents=True)
    (tmp_path / "set" / "images").mkdir()
    written.rename(tmp_path / "set" / "annotations" / "instances_default.json")
    items = by_datumaro(tmp_path / "set", "coco_instances")
    ids = [a.attributes["track_id"] for a in items["frame_000000"].annotations]
    assert set(ids) == {2, 4}


@pytest.mark.parametrize(
    ("written", "first"), [("mots", 1), ("kitti-mots", 0)], indirect=["written"]
)
def test_mots_text_and_images_agree_and_the_better_sequence_is_on_top(written, first):
    lines = (written / "pets.txt").read_text().splitlines()
    assert len(lines) == 4
    cat, dog = CAT.masks[0], DOG.masks[0] & ~CAT.masks[0]
    image = np.array(Image.open(written / "instances" / f"{first:06d}.png"))
    assert image.dtype == np.uint16
    found = {}
    for line in lines:
        frame, number, kind, height, width, counts = line.split()
        assert (int(kind), int(height), int(width)) == (int(number) // 1000, *SIZE)
        if int(frame) == first:
            mask = coco_mask.decode({"size": SIZE, "counts": counts}).astype(bool)
            assert np.array_equal(mask, image == int(number))
            found[int(number)] = mask
    assert np.array_equal(found[12001], cat)  # the dog has the lower id, so its class comes first
    assert np.array_equal(found[11001], dog)
    items = by_datumaro(written, "mots")
    labels = {(a.label, a.attributes["track_id"]) for a in items[f"{first:06d}"].annotations}
    assert labels == {(10, 1), (11, 1)}


def test_cars_and_persons_have_the_numbers_of_the_benchmarks(tmp_path):
    car, person = tracked(1, 0.9, "cat", PARTS), tracked(2, 0.8, "dog", ellipse(20, 30, 5, 5))
    named = result(
        replace(car, category="car", class_scores={"car": 0.9}),
        replace(person, category="person", class_scores={"person": 0.8}),
        categories={1: "car", 2: "person"},
    )
    text = (exports.export(named, "kitti-mots", tmp_path) / "pets.txt").read_text()
    assert [line.split()[1:3] for line in text.splitlines()] == [["1001", "1"], ["2001", "2"]]


@as_format("mot")
def test_datumaro_reads_mot_boxes(written):
    assert (
        (written / "gt" / "gt.txt").read_text().splitlines()[0].startswith("1,2,20,11,31,19,1,1,1")
    )
    items = by_datumaro(written, "mot_seq")
    boxes = {a.attributes["track_id"]: a.get_bbox() for a in items["1"].annotations}
    assert {id_: list(box) for id_, box in boxes.items()} == {
        one.id: rle.box(one.segmentations[0]) for one in PETS.sequences
    }


@as_format("sa-v")
def test_sa_v_holds_a_mask_for_each_masklet_on_each_frame(written):
    found = json.loads(written.read_text())
    assert found["masklet_id"] == [4, 2]
    assert (found["masklet_num"], found["video_frame_count"]) == (2, 3)
    assert found["masklet_first_appeared_frame"] == [0, 0]
    assert found["masklet_visibility_changes"] == [2, 1]
    for t, masklets in enumerate(found["masklet"]):
        for one, encoding in zip(PETS.sequences, masklets, strict=True):
            assert np.array_equal(coco_mask.decode(encoding), one.masks[t])


@as_format("png")
def test_png_has_a_folder_for_each_sequence(written):
    for one in PETS.sequences:
        for t in range(3):
            image = np.array(Image.open(written / str(one.id) / f"frame_{t:06d}.png"))
            assert np.array_equal(image, one.masks[t] * np.uint8(255))


@as_format("npz")
def test_npz_loads_without_pickle(written):
    with np.load(written, allow_pickle=False) as found:
        assert found["ids"].tolist() == [4, 2]
        assert found["categories"].tolist() == ["cat", "dog"]
        assert np.isnan(found["frame_scores"]).tolist() == [
            [False, True, False],
            [False, False, True],
        ]
        for one in PETS.sequences:
            assert np.array_equal(found[f"masks_{one.id}"], one.masks)


@as_format("csv")
def test_csv_has_a_row_for_each_sequence_and_frame(written):
    with written.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["frame"]) for row in rows] == [
        ("4", "0"),
        ("4", "2"),
        ("2", "0"),
        ("2", "1"),
    ]
    assert float(rows[1]["time"]) == pytest.approx(2 / 6)
    mask = coco_mask.decode({"size": SIZE, "counts": rows[1]["counts"]})
    assert np.array_equal(mask, PARTS)
    assert int(rows[1]["area"]) == PARTS.sum()
    pandas = pytest.importorskip("pandas")
    assert pandas.read_csv(written)["score"].tolist() == [0.9, 0.9, 0.5, 0.5]


@as_format("youtube-vis")
def test_youtube_vis_is_what_to_youtube_vis_gives(written):
    assert json.loads(written.read_text()) == PETS.to_youtube_vis()


@as_format("davis")
def test_davis_maps_have_the_frames_names(written):
    labels = np.array(Image.open(written / "frame_000000.png"))
    assert np.array_equal(labels == 1, CAT.masks[0])


@as_format("label-studio")
def test_label_studio_has_a_box_track_that_ends_where_the_object_leaves(written):
    (task,) = json.loads(written.read_text())
    cat, dog = (track["value"] for track in task["predictions"][0]["result"])
    assert (cat["labels"], cat["framesCount"]) == (["cat"], 3)
    assert [(box["frame"], box["enabled"]) for box in cat["sequence"]] == [
        (1, True),
        (2, False),
        (3, True),
    ]
    assert [(box["frame"], box["enabled"]) for box in dog["sequence"]] == [
        (1, True),
        (2, True),
        (3, False),
    ]
    x, y, width, height = rle.box(CAT.segmentations[0])
    first = cat["sequence"][0]
    assert (first["x"], first["y"]) == pytest.approx((100 * x / WIDTH, 100 * y / HEIGHT))
    assert (first["width"], first["height"]) == pytest.approx(
        (100 * width / WIDTH, 100 * height / HEIGHT)
    )


# ---- polygons


@as_format("cvat")
def test_cvat_tracks_are_polygons_that_leave_and_come_back(written):
    tracks = {
        track.get("id"): track for track in ElementTree.parse(written).getroot().iter("track")
    }
    assert {id_: track.get("label") for id_, track in tracks.items()} == {"4": "cat", "2": "dog"}
    polygons = tracks["4"].findall("polygon")
    assert [(p.get("frame"), p.get("outside")) for p in polygons] == [
        ("0", "0"),
        ("1", "1"),
        ("2", "0"),
    ]
    for polygon in polygons[::2]:
        points = [tuple(map(float, p.split(","))) for p in polygon.get("points").split(";")]
        assert near(drawn(points), CAT.masks[int(polygon.get("frame"))])
    items = by_datumaro(written.parent, "cvat")
    ids = {a.attributes["track_id"] for a in items["frame_000000"].annotations}
    assert len(ids) == 2


@as_format("labelme")
def test_labelme_shapes_of_an_object_share_its_group(written):
    found = json.loads((written / "frame_000002.json").read_text())
    assert (found["imageHeight"], found["imageWidth"], found["imagePath"]) == (
        *SIZE,
        "frame_000002.png",
    )
    assert [(s["label"], s["group_id"]) for s in found["shapes"]] == [("cat", 4), ("cat", 4)]
    whole = np.any([drawn(shape["points"]) for shape in found["shapes"]], axis=0)
    assert near(whole, PARTS)


@as_format("yolo-seg")
def test_yolo_labels_are_shares_of_the_picture(written):
    names = yaml.safe_load((written / "data.yaml").read_text())["names"]
    lines = (written / "labels" / "frame_000002.txt").read_text().splitlines()
    (label, *numbers) = lines[0].split()
    assert names[int(label)] == "cat"
    points = np.array(numbers, dtype=float).reshape(-1, 2) * (WIDTH, HEIGHT)
    assert near(drawn(points), PARTS)
    assert (written / "labels" / "frame_000001.txt").read_text().startswith("1 ")


@given(arrays(bool, (9, 12)))
def test_every_outline_keeps_within_a_pixel_of_its_part(mask):
    filled = np.zeros(mask.shape, np.uint8)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    found = outlines(mask)
    assert bool(found) == bool(mask.any())
    whole = np.zeros((9, 12), np.uint8)
    for part in found:
        assert len(part) >= 3
        cv2.fillPoly(whole, [np.round((part - 0.5) * 256).astype(np.int32)], 1, shift=8)
    assert near(whole.astype(bool), filled.astype(bool))


@given(
    st.lists(st.tuples(*[st.integers(0, 50)] * 2, *[st.integers(1, 9)] * 2), min_size=1, max_size=5)
)
def test_joining_parts_keeps_their_area(boxes):
    parts = [
        np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], float) for x, y, w, h in boxes
    ]
    assert shoelace(joined(parts)) == pytest.approx(sum(map(shoelace, parts)))


def shoelace(points):
    x, y = points.T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


# ---- all of them


@pytest.mark.parametrize("name", exports.FORMATS)
@pytest.mark.parametrize(
    "odd", ["two\nlines", "<b>&\"'", "\u202eleft", "nul\0", "tab\tand \x1b[31m"]
)
def test_odd_names_of_categories_harm_no_format(name, odd, tmp_path):
    cats = replace(CAT, category=odd, class_scores={odd: 0.9})
    path = exports.export(
        result(cats, name=odd.replace("\0", ""), categories={1: odd}), name, tmp_path
    )
    assert path.parent == tmp_path
    texts = [f for f in [path, *path.rglob("*")] if f.suffix in {".json", ".xml", ".txt", ".yaml"}]
    for file in texts:
        content = file.read_text(encoding="utf-8")
        if file.suffix == ".xml":
            ElementTree.fromstring(content)
        elif file.suffix == ".json":
            json.loads(content)
        elif file.name == "labels.txt":
            assert len(content.splitlines()) in {1, 11}


@pytest.mark.parametrize("name", exports.FORMATS)
def test_a_result_without_objects_can_be_written(name, tmp_path):
    empty = replace(PETS, sequences=())
    assert exports.export(empty, name, tmp_path).exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "", "a\\b"])
def test_no_export_leaves_its_folder(name, tmp_path):
    with pytest.raises(InputError, match="no file can be called"):
        exports.export(replace(PETS, name=name), "coco", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'cvat'"):
        exports.export(PETS, "cvta", Path("out"))


def test_two_frames_of_one_name_are_refused(tmp_path):
    with pytest.raises(InputError, match="one name"):
        exports.export(PETS, "png", tmp_path, frames=["a.jpg", "a.png", "b.png"])


def test_other_packages_offer_formats_by_entry_point(monkeypatch, tmp_path):
    from propose_reduce.results.exports import table

    def write(found, path, frames):
        path.write_text(" ".join(frames))

    class Entry:
        name, value = "mine", "somewhere:FORMAT"

        def load(self):
            return exports.ExportFormat(write, ".txt", "frame names")

    table.all_formats.cache_clear()
    monkeypatch.setattr(
        table, "entry_points", lambda group: [Entry()] if group == table.GROUP else []
    )
    try:
        path = exports.export(PETS, "mine", tmp_path, frames=["a.png", "b.png", "c.png"])
        assert path.read_text() == "a.png b.png c.png"
    finally:
        table.all_formats.cache_clear()


def test_the_table_in_the_docs_is_the_one_of_the_code():
    rows = ["| format | what | lost | read back with |", "| --- | --- | --- | --- |"]
    for name, form in exports.FORMATS.items():
        rows.append(f"| `{name}` | {form.what} | {form.lost or '-'} | {form.reader} |")
    start, end = "<!-- export formats: made by tests/results/test_exports.py -->", "<!-- end -->"
    text = (REPOSITORY / "docs" / "formats.md").read_text(encoding="utf-8")
    assert text.split(start)[1].split(end)[0].strip() == "\n".join(rows)
