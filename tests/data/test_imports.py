"""Annotations of other tools read back: what we export, and what those tools write themselves."""

import json
from base64 import b64encode
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from command_line import type_command
from PIL import Image
from places import REPOSITORY
from sequences import result, sequence

from propose_reduce import rle
from propose_reduce.api.importing import import_data, split_data
from propose_reduce.data.check import scan
from propose_reduce.data.imports import IMPORTS
from propose_reduce.errors import InputError
from propose_reduce.results import exports

SIZE = HEIGHT, WIDTH = 40, 60


def ellipse(x, y, wide, high):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return ((columns - x) / wide) ** 2 + ((rows - y) / high) ** 2 <= 1


def tracked(id_, score, category, *masks):
    encoded = tuple(None if mask is None else rle.encode(mask) for mask in masks)
    scores = tuple(None if mask is None else score for mask in masks)
    one = sequence(id_, score, "#", category=category)
    return replace(one, size=SIZE, segmentations=encoded, frame_scores=scores)


PARTS = ellipse(12, 10, 8, 6) | ellipse(45, 30, 10, 7)
CAT = tracked(4, 0.9, "cat", ellipse(18, 20, 12, 12), None, PARTS)
DOG = tracked(2, 0.5, "dog", ellipse(45, 20, 10, 9), ellipse(30, 20, 3, 12), None)
PETS = result(CAT, DOG)


def masks_of(data):
    """Return (category, masks by frame) of each object by its own id; areas have to fit."""
    names = {category["id"]: category["name"] for category in data["categories"]}
    return {
        one["track_id"]: (
            names[one["category_id"]],
            {t: rle.decode(m) for t, m in enumerate(one["segmentations"]) if m},
        )
        for one in data["annotations"]
    }


def expected():
    return {
        one.id: (one.category, {t: one.masks[t] for t in range(3) if one.masks[t].any()})
        for one in PETS.sequences
    }


def near(one, other):
    """Tell whether each mask lies inside the other grown by a pixel."""
    square = np.ones((3, 3), np.uint8)
    grown = [cv2.dilate(mask.astype(np.uint8), square).astype(bool) for mask in (one, other)]
    return not (one & ~grown[1]).any() and not (other & ~grown[0]).any()


def frames(folder, count=3, suffix=".png", first=0):
    folder.mkdir(parents=True)
    for t in range(first, first + count):
        shade = np.full((*SIZE, 3), 20 * t, np.uint8)
        Image.fromarray(shade).save(folder / f"frame_{t:06d}{suffix}")
    return folder


# ---- there and back


@pytest.mark.parametrize("name", ["coco", "sa-v", "mots", "kitti-mots"])
def test_what_is_exported_comes_back_with_equal_masks_and_ids(name, tmp_path):
    path = exports.export(PETS, name, tmp_path / "exported")
    data, told = import_data(path, name, tmp_path / "data")
    (video,) = data["videos"]
    assert (video["name"], video["height"], video["width"]) == ("pets", *SIZE)
    found, wanted = masks_of(data), expected()
    if "mots" in name:  # there ids are class x 1000 + instance, and a last empty frame is not told
        wanted = {{4: 12001, 2: 11001}[id_]: value for id_, value in wanted.items()}
    assert found.keys() == wanted.keys()
    for id_, (category, masks) in wanted.items():
        assert found[id_][0] == category
        assert found[id_][1].keys() == masks.keys()
        for t, mask in masks.items():
            assert np.array_equal(found[id_][1][t], mask)
    assert "no pictures" in told[0]
    assert json.loads((tmp_path / "data" / "annotations.json").read_text()) == data
    again = scan(tmp_path / "data" / "annotations.json", tmp_path)
    assert (again.faults, again.imageless) == ([], 1)


@pytest.mark.parametrize("name", ["cvat", "labelme"])
def test_polygons_come_back_within_a_pixel(name, tmp_path):
    path = exports.export(PETS, name, tmp_path / "exported")
    data, _ = import_data(path, name, tmp_path / "data")
    found, wanted = masks_of(data), expected()
    assert found.keys() == wanted.keys()
    for id_, (category, masks) in wanted.items():
        assert found[id_][0] == category
        assert found[id_][1].keys() == masks.keys()
        assert all(near(found[id_][1][t], mask) for t, mask in masks.items())


def test_label_maps_come_back_by_their_values(tmp_path):
    path = exports.export(PETS, "davis", tmp_path / "exported")
    data, _ = import_data(path.parent, "davis", tmp_path / "data", category="pet")
    found = masks_of(data)
    assert {id_: name for id_, (name, _) in found.items()} == {1: "pet", 2: "pet"}
    assert np.array_equal(found[1][1][2], PARTS)
    assert data["videos"][0]["name"] == "pets"


def test_yolo_pictures_become_videos_of_one_frame_that_train_as_views(tmp_path):
    path = exports.export(PETS, "yolo-seg", tmp_path / "exported")
    images = frames(tmp_path / "pictures")
    data, _ = import_data(path, "yolo-seg", tmp_path / "data", images=images)
    assert [video["length"] for video in data["videos"]] == [1, 1, 1]
    assert len(data["annotations"]) == 4
    last = data["annotations"][-1]
    assert last["video_id"] == 3
    assert near(rle.decode(last["segmentations"][0]), PARTS)
    with pytest.raises(InputError, match="give these by --images"):
        import_data(path, "yolo-seg", tmp_path / "other")


def test_the_table_in_the_docs_is_the_one_of_the_code():
    rows = ["| format | what is given | one object is told by |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {form.source} | {form.objects} |" for name, form in IMPORTS.items()]
    start, end = "<!-- import formats: made by tests/data/test_imports.py -->", "<!-- end -->"
    text = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
    assert text.split(start)[1].split(end)[0].strip() == "\n".join(rows)


# ---- as the tools write them


def test_a_youtube_vos_root_has_its_categories_and_only_annotated_frames(tmp_path):
    root = tmp_path / "vos"
    maps = root / "Annotations" / "zoo"
    maps.mkdir(parents=True)
    for t in (0, 5):
        labels = Image.fromarray((ellipse(20 + t, 20, 9, 9) * 3).astype(np.uint8), mode="L")
        labels.save(maps / f"{t:05d}.png")
    pictures = root / "JPEGImages" / "zoo"
    pictures.mkdir(parents=True)
    for t in range(6):
        Image.fromarray(np.full((*SIZE, 3), 30 * t, np.uint8)).save(pictures / f"{t:05d}.jpg")
    content = {"videos": {"zoo": {"objects": {"3": {"category": "ape", "frames": ["00000"]}}}}}
    (root / "meta.json").write_text(json.dumps(content))
    data, told = import_data(root, "youtube-vos", tmp_path / "data")
    assert told == ()
    assert masks_of(data)[3][0] == "ape"
    assert data["videos"][0]["file_names"] == ["zoo/00000.jpg", "zoo/00001.jpg"]
    second = Image.open(tmp_path / "data" / "JPEGImages" / "zoo" / "00001.jpg")
    assert abs(int(np.array(second)[0, 0, 0]) - 150) < 4  # frame 00005
    assert scan(tmp_path / "data" / "annotations.json").faults == []


def test_scalabel_polygons_curves_and_crowds(tmp_path):
    square = {"vertices": [[5, 5], [25, 5], [25, 25], [5, 25]], "types": "LLLL", "closed": True}
    curve = {"vertices": [[30, 20], [30, 5], [50, 5], [50, 20]], "types": "LCCL", "closed": True}
    labels = [
        {"id": "00a", "category": "car", "poly2d": [square]},
        {"id": "00b", "category": "car", "poly2d": [curve], "attributes": {"crowd": True}},
    ]
    listed = [
        {"name": "a-2.jpg", "videoName": "a", "frameIndex": 1, "labels": labels},
        {"name": "a-1.jpg", "videoName": "a", "frameIndex": 0, "labels": None},
    ]
    file = tmp_path / "a.json"
    file.write_text(
        json.dumps({"frames": listed, "config": {"imageSize": {"width": WIDTH, "height": HEIGHT}}})
    )
    data, _ = import_data(file, "bdd100k", tmp_path / "data")
    car, crowd = data["annotations"]
    assert (car["track_id"], car["iscrowd"], crowd["iscrowd"]) == ("00a", 0, 1)
    assert car["areas"] == [None, 400]
    # 20 wide and 15 to the control points: 20 * 15 * 18 * the integral of t^2 (1 - t)^2
    assert crowd["areas"][1] == pytest.approx(20 * 15 * 0.6, rel=0.1)


def test_labelme_masks_of_pixels_and_a_label_that_stands_for_one_object(tmp_path):
    inside = BytesIO()
    Image.fromarray(np.full((4, 6), 255, np.uint8)).save(inside, "PNG")
    mask = {"label": "cup", "shape_type": "mask", "points": [[10, 5], [15, 8]],
            "mask": b64encode(inside.getvalue()).decode()}  # fmt: skip
    page = {"shapes": [mask], "imagePath": "../x.jpg", "imageHeight": 40, "imageWidth": 60}
    folder = tmp_path / "kitchen"
    folder.mkdir()
    (folder / "x.json").write_text(json.dumps(page))
    data, _ = import_data(folder, "labelme", tmp_path / "data")
    assert data["annotations"][0]["bboxes"] == [[10, 5, 6, 4]]
    assert data["annotations"][0]["track_id"] == "cup"
    page["shapes"] = [mask, mask]
    (folder / "x.json").write_text(json.dumps(page))
    with pytest.raises(InputError, match="a second 'cup' without group_id"):
        import_data(folder, "labelme", tmp_path / "other")


def test_cvat_masks_are_rows_of_runs_inside_a_box(tmp_path):
    path = exports.export(PETS, "cvat", tmp_path / "exported")
    tree = ElementTree.parse(path)
    track = tree.getroot().find("track")
    for shape in list(track):
        track.remove(shape)
    ElementTree.SubElement(track, "mask", frame="1", outside="0", left="7", top="3", width="4",
                           height="2", rle="1, 2, 2, 3")  # fmt: skip
    ElementTree.SubElement(track, "box", frame="2", outside="0")
    tree.write(path)
    data, told = import_data(path, "cvat", tmp_path / "data")
    mask = masks_of(data)[4][1][1]
    assert mask[3:5, 7:11].tolist() == [[False, True, True, False], [False, True, True, True]]
    assert mask.sum() == 5
    assert any("boxes without a mask" in line for line in told)


def test_sa_v_of_people_lies_on_every_fourth_frame_of_its_video(tmp_path, film):
    empty = rle.encode(np.zeros(SIZE, bool))
    content = {"video_id": "sav_1", "video_frame_count": 8, "video_height": 40, "video_width": 60,
               "masklet": [[rle.encode(PARTS)], [empty]]}  # fmt: skip
    (tmp_path / "sav_1_manual.json").write_text(json.dumps(content))
    film(tmp_path / "sav_1.mp4", 8)
    data, _ = import_data(tmp_path / "sav_1_manual.json", "sa-v", tmp_path / "data", category="x")
    assert data["videos"][0]["length"] == 2
    shades = [
        int(np.array(Image.open(tmp_path / "data" / "JPEGImages" / name))[0, 0, 0])
        for name in data["videos"][0]["file_names"]
    ]
    assert shades[1] - shades[0] == pytest.approx(80, abs=8)  # frames 0 and 4


@pytest.fixture
def film():
    def write(path, count):
        from propose_reduce.video import write_video

        shades = (np.full((*SIZE, 3), 20 + 20 * t, np.uint8) for t in range(count))
        write_video(path, shades, fps=10.0)

    return write


def test_coco_of_two_folders_is_two_videos_and_pictures_are_copied(tmp_path):
    images, annotations = [], []
    for number, name in enumerate(["a/9.png", "a/10.png", "b/1.png"], start=1):
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE, 3), number, np.uint8)).save(file)
        images.append({"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH})
        annotations.append(
            {"id": number, "image_id": number, "category_id": 5, "iscrowd": 0,
             "segmentation": rle.encode(PARTS), "attributes": {"track_id": 1}}
        )  # fmt: skip
    content = {"images": images[::-1], "annotations": annotations,
               "categories": [{"id": 5, "name": "cat"}]}  # fmt: skip
    file = tmp_path / "annotations" / "instances_default.json"
    file.parent.mkdir()
    file.write_text(json.dumps(content))
    data, told = import_data(file, "coco", tmp_path / "data")
    assert told == ()
    assert {video["name"]: video["length"] for video in data["videos"]} == {"a": 2, "b": 1}
    first = tmp_path / "data" / "JPEGImages" / "a" / "00000.png"
    assert first.read_bytes() == (tmp_path / "images" / "a" / "9.png").read_bytes()


# ---- pictures that do not fit, names that mean harm


def test_pictures_of_another_video_are_refused_and_nothing_is_left(tmp_path):
    path = exports.export(PETS, "coco", tmp_path / "exported")
    with pytest.raises(InputError, match="has 2 frames, the annotations speak of frame 2"):
        import_data(path, "coco", tmp_path / "data", images=frames(tmp_path / "short", 2))
    small = tmp_path / "small"
    small.mkdir()
    for t in range(3):
        Image.new("RGB", (10, 10)).save(small / f"frame_{t:06d}.png")
    with pytest.raises(InputError, match="10x10 pixels, its masks 60x40"):
        import_data(path, "coco", tmp_path / "data", images=small)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "name", ["../../out", "/etc", "a" * 300, "<script>", "\u202e", ".", "a\nb"]
)
def test_no_video_leaves_the_folder(name, tmp_path):
    path = exports.export(replace(PETS, name=name), "coco", tmp_path / "exported", file_name="x")
    pictures = frames(tmp_path / "pictures")
    data, _ = import_data(path, "coco", tmp_path / "data", images=pictures)
    (folder,) = (tmp_path / "data" / "JPEGImages").iterdir()
    assert len(list(folder.iterdir())) == 3
    assert data["videos"][0]["name"] == name
    assert {p.name for p in tmp_path.iterdir()} == {"exported", "pictures", "data"}


@pytest.mark.parametrize("name", IMPORTS)
@pytest.mark.parametrize("content", ["", "{}", "[1]", "<annotations/>", '{"frames": [{}]}'])
def test_a_file_of_something_else_is_one_line(name, content, tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    file = folder / "file.json"
    file.write_text(content)
    for path in (file, folder):
        with pytest.raises(InputError) as caught:
            import_data(path, name, tmp_path / "data")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


# ---- recognised where they are given for ours


@pytest.mark.parametrize(
    ("form", "what"),
    [
        ("coco", "is a COCO image file with tracks"),
        ("cvat", "is an XML file of CVAT"),
        ("sa-v", "is a file of SA-V"),
    ],
)
def test_a_foreign_file_is_named_with_the_way_out(form, what, tmp_path):
    both = replace(PETS, sequences=(replace(CAT, segmentations=(CAT.segmentations[0],) * 3,
                                            frame_scores=(0.9,) * 3), DOG))  # fmt: skip
    path = exports.export(both, form, tmp_path)
    for command in (
        ("data", "check", path),
        ("evaluate", "youtube-vis", path, path),
        ("train", "shapes_tiny", "-o", tmp_path / "run", "--data", path),
    ):
        answer = type_command(*command)
        assert answer.exit_code == 2
        assert f"'{path}' {what}: 'propose-reduce data import {path} --format {form}" in (
            answer.stderr
        )
        assert answer.stderr.count("\n") == 1


def test_a_foreign_folder_is_named_too(tmp_path):
    (tmp_path / "label_02").mkdir()
    with pytest.raises(InputError, match=r"is a folder of KITTI MOTS: .*--format kitti-mots"):
        scan(tmp_path)


# ---- the command, and splitting


def test_the_command_imports_checks_and_splits(tmp_path):
    for name in ("one", "two", "three"):
        exports.export(replace(PETS, name=name), "kitti-mots", tmp_path / "exported")
        frames(tmp_path / "pictures" / name)
    folder = tmp_path / "data"
    made = type_command("data", "import", tmp_path / "exported", "--format", "kitti-mots", "-o",
                        folder, "--images", tmp_path / "pictures")  # fmt: skip
    assert made.exit_code == 0, made.stderr
    assert f"3 videos, 6 objects -> {folder / 'annotations.json'}" in made.stdout
    checked = type_command("data", "check", folder / "annotations.json")
    assert checked.exit_code == 0, checked.stderr
    split = type_command("data", "split", folder / "annotations.json", "--validation", 0.4)
    assert split.exit_code == 0, split.stderr
    parts = [json.loads((folder / f"{part}.json").read_text()) for part in ("train", "val")]
    assert sorted(v["name"] for part in parts for v in part["videos"]) == ["one", "three", "two"]
    assert [len(part["videos"]) for part in parts] == [2, 1]
    for part in parts:
        kept = {video["id"] for video in part["videos"]}
        assert {one["video_id"] for one in part["annotations"]} == kept
        assert part["categories"] == parts[0]["categories"]
    again = type_command("data", "split", folder / "annotations.json")
    assert "exists: give another folder" in again.stderr


def test_a_split_says_which_side_lacks_a_category(tmp_path):
    data, _ = import_data(exports.export(PETS, "coco", tmp_path), "coco", tmp_path / "data")
    video, (cat, dog) = data["videos"][0], data["annotations"]
    data["videos"] = [video, {**video, "id": 2}]
    data["annotations"] = [cat, {**dog, "video_id": 2}]
    file = tmp_path / "both.json"
    file.write_text(json.dumps(data))
    counts, told = split_data(file, tmp_path / "split")
    assert counts == {"train": 1, "val": 1}
    assert len(told) == 2
    with pytest.raises(InputError, match="between 0 and 1"):
        split_data(file, tmp_path / "other", validation=1)
