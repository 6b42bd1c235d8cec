"""Pictures of a truth that an EXIF tag turns: what evaluating says of them."""

import json

import numpy as np
import pytest
from command_line import type_command
from label_files import write_labels
from PIL import Image
from vis_files import object_, truth

from propose_reduce.data.turns import pictures_of_davis, pictures_of_videos, turned_truth

ORIENTATION = 0x0112
LEFT = "####...."
STORED, SAME_SIZE = "masks lie on the pixels as stored", "turns or mirrors the picture and keeps"


def picture(path, orientation, size=(1, 8)):
    """Write a picture of (height, width) as stored, with an EXIF tag."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros(size, np.uint8)).save(path, exif=exif)
    return path


@pytest.mark.parametrize(
    ("orientation", "size", "said"),
    [
        (1, (4, 6), []),
        (3, (4, 6), [SAME_SIZE]),
        (6, (4, 6), [STORED]),
        (6, (6, 4), []),  # masks on the picture as shown
    ],
)
def test_a_turn_is_told_where_masks_may_not_fit(tmp_path, orientation, size, said):
    path = picture(tmp_path / "a.png", orientation, (4, 6))
    told = turned_truth([(path, size), (tmp_path / "missing.png", size)])
    assert len(told) == len(said)
    assert all(text in line for text, line in zip(said, told, strict=True))


def test_evaluate_looks_at_the_pictures_beside_a_truth(tmp_path):
    document = truth(object_(LEFT, LEFT))
    height, width = (document["videos"][0][key] for key in ("height", "width"))
    name = document["videos"][0]["file_names"][0]
    picture(tmp_path / "JPEGImages" / name, 6, (height, width))
    (tmp_path / "truth.json").write_text(json.dumps(document))
    (tmp_path / "found.json").write_text("[]")
    command = ["evaluate", "youtube-vis", tmp_path / "truth.json", tmp_path / "found.json"]
    assert STORED in type_command(*command).stderr
    document["videos"][0]["file_names"] = [f"../{name}", name]
    assert list(pictures_of_videos(document, tmp_path / "JPEGImages")) == []


def test_evaluate_looks_at_the_pictures_of_a_davis_root(tmp_path):
    labels = tmp_path / "root" / "Annotations_unsupervised" / "480p" / "clip"
    maps = write_labels(labels, np.ones((2, 4, 6)))
    picture(tmp_path / "root" / "JPEGImages" / "480p" / "clip" / "00000.jpg", 8, (4, 6))
    command = ["evaluate", "davis", tmp_path / "root", maps.parent, "--task", "unsupervised"]
    assert STORED in type_command(*command).stderr
    assert list(pictures_of_davis(maps.parent)) == []
