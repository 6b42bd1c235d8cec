import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco
from sequences import drawn, result, sequence

from propose_reduce.data.youtube_vis_writer import write_youtube_vis
from propose_reduce.errors import InputError
from propose_reduce.results import davis_palette, write_davis

TWO = result(
    sequence(1, 0.3, "##. ##.", None),
    sequence(2, 0.6, ".## ...", "... ..#", category="dog", cat=0.5),
)


def test_youtube_vis_has_every_sequence_and_class_pair_sharing_the_masks(tmp_path):
    write_youtube_vis(tmp_path / "predictions.json", TWO.to_youtube_vis(4))
    read = json.loads((tmp_path / "predictions.json").read_text())
    assert [(p["video_id"], p["category_id"], p["score"]) for p in read] == [
        (4, 3, 0.3),
        (4, 7, 0.6),
        (4, 3, 0.5),
    ]
    assert read[1]["segmentations"] == read[2]["segmentations"]
    assert read[0]["segmentations"][1] is None
    decoded = coco.decode(read[0]["segmentations"][0])
    assert (decoded == drawn("##. ##.")).all()


def test_youtube_vis_takes_the_ids_of_the_annotations():
    assert [p["category_id"] for p in TWO.to_youtube_vis(1, {"cat": 20, "dog": 10})] == [20, 10, 20]
    with pytest.raises(InputError, match="have no category 'dog', which video 'pets' has"):
        TWO.to_youtube_vis(1, {"cat": 20})


def test_in_davis_maps_the_better_object_is_number_one_and_lies_on_top():
    first, second = TWO.to_davis()
    assert first.tolist() == [[2, 1, 1], [2, 2, 0]]
    assert second.tolist() == [[0, 0, 0], [0, 0, 1]]


def test_davis_keeps_twenty_objects():
    crowd = [sequence(i + 1, 1 - i / 100, "." * i + "#" + "." * (24 - i)) for i in range(25)]
    labels = next(result(*crowd).to_davis())
    assert labels.tolist() == [[*range(1, 21), 0, 0, 0, 0, 0]]


def test_davis_pngs_hold_labels_under_the_davis_palette(tmp_path):
    write_davis(TWO, tmp_path / "davis")
    with Image.open(tmp_path / "davis" / "00000.png") as image:
        assert image.mode == "P"
        assert np.array(image).tolist() == [[2, 1, 1], [2, 2, 0]]
        assert image.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
    assert sorted(p.name for p in (tmp_path / "davis").iterdir()) == ["00000.png", "00001.png"]


def test_davis_files_can_carry_the_names_of_the_frames_and_replace_older_ones(tmp_path):
    write_davis(TWO, tmp_path, ["00005", "00010"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00005.png", "00010.png"]


@pytest.mark.parametrize(
    ("index", "colour"),
    [(7, [128, 128, 128]), (8, [64, 0, 0]), (20, [0, 64, 128]), (255, [224, 224, 192])],
)
def test_the_palette_is_pascal_vocs(index, colour):
    assert davis_palette()[3 * index : 3 * index + 3] == colour
