"""Reading COCO instances, and making pseudo videos of them."""

import json

import cv2
import numpy as np
import pytest
from places import SHARED, needs_shared
from pycocotools.coco import COCO
from videosets import SIZE, rectangle, video_set, write_frames

from propose_reduce.data.clips import PairSettings, sample_generator
from propose_reduce.data.coco import read_coco, scan_coco
from propose_reduce.data.pseudo_videos import PseudoVideoPairs
from propose_reduce.data.views import ViewRange
from propose_reduce.errors import InputError

REAL = SHARED / "realdata" / "coco"


def coco_data():
    """Return a right file: a cat by polygon, a crowd by run lengths, a dog with a box only."""
    crowd = {"size": list(SIZE), "counts": [0, 2, 22, 2, 24 * 40 - 26]}
    return {
        "images": [{"id": 5, "file_name": "00000.jpg", "height": SIZE[0], "width": SIZE[1]}],
        "categories": [{"id": 2, "name": "cat"}, {"id": 1, "name": "dog"}],
        "annotations": [
            {
                "id": 11,
                "image_id": 5,
                "category_id": 2,
                "segmentation": [[4, 5, 14, 5, 14, 20, 4, 20]],
                "bbox": [4, 5, 10, 15],
                "iscrowd": 0,
            },
            {"id": 12, "image_id": 5, "category_id": 1, "segmentation": crowd, "iscrowd": 1},
            {"id": 13, "image_id": 5, "category_id": 1, "segmentation": [], "bbox": [20, 4, 6, 8]},
        ],
    }


def scanned(tmp_path, data):
    write_frames(tmp_path, 1)
    file = tmp_path / "instances.json"
    file.write_text(json.dumps(data))
    return scan_coco(file, tmp_path)


def test_an_image_is_a_video_of_one_frame(tmp_path):
    scan = scanned(tmp_path, coco_data())
    assert scan.faults == []
    assert scan.videos.categories == ("dog", "cat")
    (video,) = scan.videos.videos
    frame = video.frame(0)
    assert frame.ids.tolist() == [11, 12, 13]
    assert frame.labels.tolist() == [2, 1, 1]
    assert np.array_equal(frame.masks[0], rectangle(4, 5, 14, 20))
    assert np.array_equal(frame.masks[1], rectangle(0, 0, 2, 2))


def test_crowds_and_objects_without_a_mask_are_neither_right_nor_wrong(tmp_path):
    (video,) = scanned(tmp_path, coco_data()).videos.videos
    frame = video.frame(0)
    assert frame.crowd.tolist() == [False, True, True]
    assert np.array_equal(frame.masks[2], rectangle(20, 4, 26, 12))


def test_specks_are_skipped(tmp_path):
    data = coco_data()
    data["annotations"][0]["bbox"] = [4, 5, 10, 0.0]
    scan = scanned(tmp_path, data)
    assert scan.faults == []
    assert [obj.id for obj in scan.videos.videos[0].objects] == [12, 13]


@pytest.mark.parametrize(
    ("entry", "field", "value", "place", "text"),
    [
        (0, "image_id", 6, "annotations[0].image_id", "unknown image 6"),
        (0, "category_id", 3, "annotations[0].category_id", "unknown category 3"),
        (0, "bbox", [4, 5, -10, 15], "annotations[0].bbox", "empty or inverted box"),
        (0, "segmentation", [[4, 5, 60, 5]], "annotations[0].segmentation", "three or more"),
        (1, "id", 11, "annotations[1].id", "11 is also the id of annotations[0]"),
    ],
)
def test_every_fault_is_named_with_its_place(tmp_path, entry, field, value, place, text):
    data = coco_data()
    data["annotations"][entry][field] = value
    (fault,) = scanned(tmp_path, data).faults
    assert fault.place == place
    assert text in fault.text


def test_what_can_be_read_all_the_same_is_noted(tmp_path):
    data = coco_data()
    data["annotations"][0] |= {"segmentation": [[4, 5, 60, 5, 14, 20]], "bbox": None}
    scan = scanned(tmp_path, data)
    assert scan.faults == []
    assert [note.split(":")[0] for note in scan.notes] == [
        "polygons that reach out of their frame, cut off there",
    ]


def test_an_image_outside_the_folder_is_named(tmp_path):
    data = coco_data()
    data["images"][0]["file_name"] = "../00000.jpg"
    (fault,) = scanned(tmp_path, data).faults
    assert str(fault) == "images[0].file_name: '../00000.jpg' points outside the images' folder"


@pytest.mark.shared
@needs_shared[1]
def test_real_masks_are_those_pycocotools_decodes():
    file = REAL / "icevision_coco6" / "annotations.json"
    official = COCO(file)
    videos = read_coco(file, REAL / "icevision_coco6" / "images")
    assert len(videos.videos) == 6
    crowds = 0
    for video in videos.videos:
        frame = video.frame(0)
        for number, label, mask, crowd in zip(
            frame.ids, frame.labels, frame.masks, frame.crowd, strict=True
        ):
            annotation = official.anns[int(number)]
            assert np.array_equal(mask, official.annToMask(annotation))
            assert videos.categories[label - 1] == official.cats[annotation["category_id"]]["name"]
            assert crowd == annotation["iscrowd"]
            crowds += crowd
    assert crowds == 1


@pytest.mark.shared
@needs_shared[1]
@pytest.mark.parametrize("part", ["train", "val"])
def test_a_toy_tree_of_another_tool_is_read(part):
    root = REAL / "datumaro_toy" / "coco"
    file = root / "annotations" / f"instances_{part}.json"
    (video,) = read_coco(file, root / "images" / part).videos
    expected = COCO(file).loadAnns(COCO(file).getAnnIds())
    assert [obj.id for obj in video.objects] == [a["id"] for a in expected]
    assert video.frame(0).image.shape[:2] == video.size


WIDE = PairSettings(long_side=80, short_side=48, flip=0.0)


def pseudo_pairs(tmp_path, view=None, settings=WIDE):
    told = [(0, [rectangle(4, 4, 16, 18)]), (1, [rectangle(22, 6, 36, 20)])]
    images = video_set(tmp_path, told)
    picture = np.full((*SIZE, 3), 90, dtype=np.uint8)
    picture[rectangle(4, 4, 16, 18)] = (10, 10, 220)  # BGR: red
    picture[rectangle(22, 6, 36, 20)] = (10, 220, 10)
    cv2.imwrite(str(tmp_path / "00000.png"), picture)
    (tmp_path / "00000.png").rename(images.videos[0].frames[0])  # lossless, whatever its name
    return PseudoVideoPairs(images, settings, view)


def test_the_two_views_differ_and_show_the_same_objects(tmp_path):
    pairs = pseudo_pairs(tmp_path)
    for index in range(20):
        pair = pairs.pair(0, sample_generator(0, index))
        assert not pair.reference.image.equal(pair.query.image)
        reference_ids = pair.reference.ids[pair.reference_rows]
        assert reference_ids.equal(pair.query.ids[pair.query_rows])
        assert set(pair.query.ids.tolist()) <= set(pair.reference.ids.tolist())


def test_masks_and_boxes_follow_the_picture_exactly(tmp_path):
    for index in range(20):
        query = pseudo_pairs(tmp_path).pair(0, sample_generator(1, index)).query
        channel = {1: 0, 2: 1}  # object 1 is red, object 2 green
        for number, mask, box in zip(query.ids.tolist(), query.masks, query.boxes, strict=True):
            painted = query.image[channel[number]] > 155
            core = cv2.erode(mask.numpy().astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            assert painted.numpy()[core].all()
            rows, columns = mask.nonzero().T
            assert box.tolist() == [
                columns.min(),
                rows.min(),
                columns.max() + 1,
                rows.max() + 1,
            ]


def test_an_object_that_leaves_is_dropped(tmp_path):
    aside = ViewRange(rotation=0, scale=(1, 1), shift=0.6, perspective=0, flip=0)
    pairs = pseudo_pairs(tmp_path, aside)
    counts = {len(pairs.pair(0, sample_generator(0, index)).query.ids) for index in range(30)}
    assert {1, 2} <= counts


def test_without_a_view_that_serves_the_query_stands_for_itself(tmp_path):
    still = ViewRange(rotation=0, scale=(1, 1), shift=0, perspective=0, flip=0)
    pair = pseudo_pairs(tmp_path, still).pair(0, sample_generator(0, 0))
    assert pair.reference.image.equal(pair.query.image)
    assert pair.query_rows.tolist() == [0, 1]


def test_a_pair_is_a_function_of_seed_and_index(tmp_path):
    pairs = pseudo_pairs(tmp_path)
    first, again = (pairs.pair(0, sample_generator(3, 4)) for _ in range(2))
    assert first.query.image.equal(again.query.image)
    assert first.reference.masks.equal(again.reference.masks)


def test_images_without_objects_are_left_out_and_none_at_all_is_refused(tmp_path):
    images = video_set(tmp_path, [(0, [None])])
    with pytest.raises(InputError, match="'test' shows no object"):
        PseudoVideoPairs(images, WIDE)
