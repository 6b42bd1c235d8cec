"""Reading DAVIS folders."""

import cv2
import numpy as np
import pytest
from label_files import CUT_PNG
from PIL import Image
from places import SHARED, needs_shared
from videosets import rectangle, write_frames

from propose_reduce.data.davis import read_davis, scan_davis
from propose_reduce.errors import InputError

REAL = SHARED / "realdata" / "vis_with_masks"


def write_labels(path, labels, mode="P"):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(labels, dtype=np.uint8))
    if mode == "P":
        image.putpalette([grey for grey in range(256) for _ in range(3)])
    image.save(path)


def write_davis(root, level="480p", folder="Annotations"):
    """Write a video "ride" of 3 frames: objects 1 and 2, void on frame 0, no map of frame 2."""
    write_frames(root / "JPEGImages" / level / "ride", 3)
    first = rectangle(2, 3, 12, 15) * 1 + rectangle(20, 5, 30, 20) * 2
    first[20:, :5] = 255
    second = rectangle(4, 3, 14, 15) * 1
    for t, labels in enumerate((first, second)):
        write_labels(root / folder / level / "ride" / f"{t:05d}.png", labels)
    return root


@pytest.mark.parametrize("level", ["480p", "."])
def test_objects_are_the_values_of_the_label_maps(tmp_path, level):
    videos = read_davis(write_davis(tmp_path, level))
    assert videos.categories == ("instance",)
    (video,) = videos.videos
    frame = video.frame(0)
    assert frame.ids.tolist() == [1, 2, 255]
    assert frame.labels.tolist() == [1, 1, 1]
    assert np.array_equal(frame.masks[1], rectangle(20, 5, 30, 20))
    assert video.frame(1).ids.tolist() == [1]


def test_void_is_neither_right_nor_wrong(tmp_path):
    (video,) = read_davis(write_davis(tmp_path)).videos
    assert video.frame(0).crowd.tolist() == [False, False, True]


def test_a_frame_without_a_label_map_is_not_annotated(tmp_path):
    (video,) = read_davis(write_davis(tmp_path)).videos
    assert len(video.frames) == 3
    assert video.annotated == (0, 1)


def test_the_unsupervised_annotations_come_first(tmp_path):
    write_davis(tmp_path)
    write_labels(
        tmp_path / "Annotations_unsupervised" / "480p" / "ride" / "00000.png",
        rectangle(0, 0, 9, 9) * 7,
    )
    (video,) = read_davis(tmp_path).videos
    assert [obj.id for obj in video.objects] == [7]


def test_a_split_names_the_videos(tmp_path):
    write_davis(tmp_path)
    write_frames(tmp_path / "JPEGImages" / "480p" / "walk", 1)
    write_labels(tmp_path / "Annotations" / "480p" / "walk" / "00000.png", rectangle(0, 0, 5, 5))
    lists = tmp_path / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("walk\n")
    assert [video.name for video in read_davis(tmp_path, "train").videos] == ["walk"]
    assert [video.name for video in read_davis(tmp_path).videos] == ["ride", "walk"]
    with pytest.raises(InputError, match="unknown split 'trian': did you mean 'train'"):
        read_davis(tmp_path, "trian")


def colour_map(path):
    cv2.imwrite(str(path), np.zeros((24, 40, 3), dtype=np.uint8))


def narrow_map(path):
    write_labels(path, rectangle(0, 0, 5, 5)[:, :-1])


def no_image(path):
    path.write_text("no image")


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (colour_map, "mode RGB: write labels as palette indices"),
        (narrow_map, "is 39x24 pixels, its video 40x24"),
        (no_image, "not an image"),
    ],
)
def test_a_label_map_that_does_not_fit_is_named(tmp_path, spoil, text):
    write_davis(tmp_path)
    spoil(tmp_path / "Annotations" / "480p" / "ride" / "00001.png")
    (fault,) = scan_davis(tmp_path).faults
    assert text in str(fault)
    assert "00001.png" in str(fault)
    with pytest.raises(InputError):
        read_davis(tmp_path)


def test_a_damaged_first_frame_is_named(tmp_path):
    write_davis(tmp_path)
    frame = sorted((tmp_path / "JPEGImages" / "480p" / "ride").iterdir())[0]
    frame.write_bytes(CUT_PNG)
    (fault,) = scan_davis(tmp_path).faults
    assert f"'{frame}' is damaged or not an image" in str(fault)


def test_a_label_map_without_a_frame_is_named(tmp_path):
    write_davis(tmp_path)
    write_labels(tmp_path / "Annotations" / "480p" / "ride" / "00009.png", rectangle(0, 0, 5, 5))
    (fault,) = scan_davis(tmp_path).faults
    assert "00009.png' has no frame" in str(fault)


def test_a_video_without_frames_is_named(tmp_path):
    write_davis(tmp_path)
    write_labels(tmp_path / "Annotations" / "480p" / "walk" / "00000.png", rectangle(0, 0, 5, 5))
    (fault,) = scan_davis(tmp_path).faults
    assert "holds no frames" in str(fault)


def test_a_folder_that_is_no_davis_root_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folder Annotations_unsupervised or Annotations"):
        read_davis(tmp_path)


def linked(root, *videos):
    """Return a DAVIS root made of links to real videos."""
    for video in videos:
        for kind in ("JPEGImages", "Annotations"):
            (root / kind).mkdir(exist_ok=True)
            (root / kind / video.name).symlink_to(video / kind, target_is_directory=True)
    return root


@pytest.mark.shared
@needs_shared[1]
def test_real_label_maps_are_read_as_opencv_reads_their_values(tmp_path):
    root = linked(tmp_path, REAL / "dogs-jump", REAL / "blackswan")
    swan, dogs = read_davis(root).videos
    path = REAL / "dogs-jump" / "Annotations" / "00031.png"
    labels = np.array(Image.open(path))  # palette indices
    frame = dogs.frame(31)
    assert frame.ids.tolist() == [1, 2, 3]
    for number, mask in zip(frame.ids, frame.masks, strict=True):
        assert np.array_equal(mask, labels == number)
    grey = cv2.imread(str(REAL / "blackswan" / "Annotations" / "00007.png"), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(swan.frame(7).masks[0], grey == 255)


@pytest.mark.shared
@needs_shared[1]
def test_real_void_and_a_real_size_mismatch_are_seen(tmp_path):
    root = linked(tmp_path, REAL / "davis_void255_2f" / "tennis", REAL / "judo_cutie")
    scan = scan_davis(root)
    (fault,) = scan.faults
    assert "00005.png' is 853x480 pixels, its video 854x480" in str(fault)
    judo, tennis = scan.videos.videos
    assert judo.annotated == (0, 8, 13)
    assert [(obj.id, obj.crowd) for obj in tennis.objects] == [(1, False), (2, False), (255, True)]
