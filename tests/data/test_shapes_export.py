"""The benchmark on disk: what is written is what is rendered."""

import json

import numpy as np
import pytest

from propose_reduce import rle
from propose_reduce.data.check import statistics
from propose_reduce.data.shapes import shapes_video
from propose_reduce.data.shapes.export import export_shapes, shapes_annotations
from propose_reduce.data.shapes.world import SHAPES
from propose_reduce.data.videos import read_image
from propose_reduce.data.youtube_vis import read_youtube_vis
from propose_reduce.errors import InputError


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes") / "val"
    export_shapes(folder, "val", videos=2)
    return folder


def test_masks_and_categories_are_those_of_the_rendered_video(exported):
    data = json.loads((exported / "annotations.json").read_text())
    video = shapes_video("val", 1)
    told = [a for a in data["annotations"] if a["video_id"] == 2]
    assert [SHAPES[a["category_id"] - 1] for a in told] == list(video.categories)
    masks = [rle.decode(a["segmentations"][5]) for a in told]
    assert np.array_equal(np.stack(masks), video.instances(5))


def block_means(image):
    return image.reshape(8, 24, 8, 40, 3).mean(axis=(1, 3))


def test_frames_are_those_of_the_rendered_video_up_to_jpeg(exported):
    image = read_image(exported / "JPEGImages" / "val_00001" / "00005.jpg")
    rendered = shapes_video("val", 1).frame(5)
    assert block_means(image) == pytest.approx(block_means(rendered), abs=2)


def test_areas_boxes_and_occlusions_belong_to_the_masks(exported):
    data = json.loads((exported / "annotations.json").read_text())
    for annotation in data["annotations"]:
        for t, run in enumerate(annotation["segmentations"]):
            hidden = annotation["occlusions"][t]
            if run is None:
                assert annotation["bboxes"][t] is None
                assert hidden in (None, 1)
            else:
                assert annotation["areas"][t] == rle.decode(run).sum()
                assert annotation["bboxes"][t] == rle.box(run)
                assert 0 <= hidden < 1


def test_the_truth_without_pictures_is_the_same(exported):
    assert shapes_annotations("val", 2) == json.loads((exported / "annotations.json").read_text())


def test_the_reader_takes_it_as_it_is(exported):
    videos = read_youtube_vis(exported / "annotations.json", exported / "JPEGImages")
    assert videos.categories == SHAPES
    frame = videos.videos[0].frame(3)
    assert frame.masks.shape[1:] == (192, 320)


def test_val_is_as_hard_as_promised(tmp_path):
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps(shapes_annotations("val")))  # no picture is needed
    found = statistics(read_youtube_vis(file, tmp_path))
    assert (found.videos, found.frames) == (60, 60 * 24)
    assert found.sizes == {(192, 320): 60}
    assert (found.objects_per_video[0], found.objects_per_video[2]) == (3, 5)
    assert min(count.objects for count in found.categories.values()) >= 15
    assert found.occluded >= 0.30
    assert found.crossings >= 0.25
    assert found.travellers >= 0.20


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="exists and is not empty"):
        export_shapes(tmp_path, "val", videos=1)
    assert (tmp_path / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("split", "videos", "message"),
    [
        ("val", 61, "split 'val' has 1 to 60 videos: give how many, got 61"),
        ("train", None, "any number of videos: give how many, got None"),
        ("valid", 1, "unknown split 'valid': did you mean 'val'?"),
    ],
)
def test_a_number_of_videos_that_a_split_does_not_have_is_refused(tmp_path, split, videos, message):
    with pytest.raises(InputError) as caught:
        export_shapes(tmp_path / "new", split, videos)
    assert message in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_what_was_broken_off_leaves_nothing(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_shapes(tmp_path / "new", "val", videos=1, progress=stop)
    assert list(tmp_path.iterdir()) == []
