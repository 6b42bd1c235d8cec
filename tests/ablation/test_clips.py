"""Reading the data an ablation runs on."""

import json

import numpy as np
import pytest
from videosets import SIZE, write_frames, write_youtube_vis, youtube_vis_data

from propose_reduce.ablation import read_clips
from propose_reduce.errors import InputError


def read(file, images, **options):
    return read_clips(file, images, long_side=20, short_side=12, **options)


def two_videos(tmp_path):
    """Write a set whose second video has a cat of its own."""
    data = youtube_vis_data()
    data["videos"].append({**data["videos"][0], "id": 8, "file_names": ["b/0.jpg", "b/1.jpg"]})
    data["videos"][1]["length"] = 2
    cat = {name: value for name, value in data["annotations"][0].items() if name != "length"}
    short = {name: cat[name][:2] for name in ("segmentations", "bboxes", "areas")}
    data["annotations"].append({**cat, **short, "id": 3, "video_id": 8})
    file, images = write_youtube_vis(tmp_path, data)
    for number, path in enumerate(write_frames(images / "b", 2)):
        path.rename(path.with_name(f"{number}.jpg"))
    return file, images


def test_clips_are_lazy_and_fit_what_the_network_sees(tmp_path):
    data = read(*write_youtube_vis(tmp_path))
    (clip,) = data.clips.values()
    assert list(data.clips) == [7]
    assert (len(clip.frames), clip.original_size, clip.working_size) == (3, SIZE, (12, 20))
    assert np.abs(clip.frames[2].astype(int) - 50).max() <= 3


def test_the_first_videos_come_with_their_own_truth_alone(tmp_path):
    file, images = two_videos(tmp_path)
    both, first = read(file, images), read(file, images, videos=1)
    assert (list(both.clips), list(first.clips)) == ([7, 8], [7])
    assert [annotation["id"] for annotation in first.truth["annotations"]] == [1, 2]
    assert len(both.truth["annotations"]) == 3
    assert both.digest != first.digest


def test_the_digest_tells_other_annotations_and_other_images(tmp_path):
    file, images = write_youtube_vis(tmp_path)
    before = read(file, images).digest
    assert read(file, images).digest == before
    frame = images / "a" / "00001.jpg"
    frame.write_bytes(frame.read_bytes() + b"\0")
    changed = read(file, images).digest
    file.write_text(file.read_text() + "\n")
    assert len({before, changed, read(file, images).digest}) == 3


def test_a_missing_image_is_named_before_anything_is_run(tmp_path):
    file, images = write_youtube_vis(tmp_path)
    (images / "a" / "00002.jpg").unlink()
    with pytest.raises(InputError, match=r"00002\.jpg' cannot be read"):
        read(file, images)


def test_a_validation_set_without_annotations_has_nothing_to_judge(tmp_path):
    data = youtube_vis_data()
    del data["annotations"]
    with pytest.raises(InputError, match="annotates no object in these videos"):
        read(*write_youtube_vis(tmp_path, data))


def test_what_the_evaluation_would_refuse_shows_at_once(tmp_path):
    file, images = write_youtube_vis(tmp_path)
    data = json.loads(file.read_text())
    data["annotations"][0]["areas"] = [1]
    file.write_text(json.dumps(data))
    with pytest.raises(InputError, match="areas: 1 entries for 3 frames"):
        read(file, images)


def test_the_truth_is_told_plainly_whatever_its_form(tmp_path):
    data = youtube_vis_data()
    plain = read(*write_youtube_vis(tmp_path, data)).truth
    for entry in (*data["annotations"], *data["videos"]):
        entry["id"] = str(entry["id"])
    for annotation in data["annotations"]:
        annotation["video_id"] = str(annotation["video_id"])
        del annotation["areas"], annotation["iscrowd"]
    assert read(*write_youtube_vis(tmp_path, data)).truth == plain
