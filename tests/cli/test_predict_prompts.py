"""``predict --box --point``: marked objects, masks made of the marks, and any propagator behind."""

import json

import numpy as np
import pytest
from command_line import type_command
from PIL import Image

import propose_reduce
from propose_reduce import Box, InputError, Point, VideoResult
from propose_reduce.components.given_prompts import read_box, read_point

PARTS = ("--propagator", "flow", "--device", "cpu", "--overlay", "none")
FRAMES = 5


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Two patches, one red and one blue, that move to the right on green."""
    root = tmp_path_factory.mktemp("root")
    (root / "walk").mkdir()
    noise = np.random.default_rng(0).integers(0, 60, (48, 64, 3))
    for t in range(FRAMES):
        image = np.array([20, 140, 20]) + noise // 4
        for top, colour in ((5, [180, 20, 20]), (25, [20, 20, 180])):
            image[top : top + 14, 10 + 2 * t : 24 + 2 * t] = colour + noise[:14, :14]
        Image.fromarray(image.astype(np.uint8)).save(root / f"walk/{t:05d}.png")
    return root / "walk"


def truth(top, t):
    mask = np.zeros((48, 64), bool)
    mask[top : top + 14, 10 + 2 * t : 24 + 2 * t] = True
    return mask


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def test_boxes_become_sequences_that_are_followed(scene, tmp_path):
    words = ("--box", "0:8,3,26,21:red", "--box", "2:12,23,30,41", "--format", "davis")
    told = type_command("predict", scene, "-o", tmp_path / "out", *words, *PARTS)
    assert (told.exit_code, told.stderr) == (0, "")
    result = VideoResult.load(tmp_path / "out/walk")
    assert {one.id: (one.category, one.key_frame) for one in result} == {
        1: ("red", 0),
        2: ("instance", 2),
    }
    for number, top in ((1, 5), (2, 25)):
        masks = result[number].masks
        assert min(iou(masks[t], truth(top, t)) for t in range(FRAMES)) > 0.8
    again = type_command("predict", scene, "-o", tmp_path / "out", *words, *PARTS)
    assert "done before" in again.stdout
    other = type_command("predict", scene, "-o", tmp_path / "out", *words[2:], *PARTS)
    assert "done before" not in other.stdout


def test_a_file_and_python_say_the_same(scene, tmp_path):
    entries = [
        {"frame": 0, "box": [8, 3, 26, 21], "label": "red", "id": 7},
        {"frame": 0, "point": [15, 10], "id": 7},
        {"frame": 3, "box": [14, 3, 32, 21], "id": 7},
    ]
    for content in (entries, {"walk": entries, "other": []}):
        (tmp_path / "marks.json").write_text(json.dumps(content))
        told = type_command(
            *("predict", scene, "-o", tmp_path / "out", "--overwrite"),
            *("--given", tmp_path / "marks.json", *PARTS),
        )
        assert (told.exit_code, told.stderr) == (0, "")
        (filed,) = VideoResult.load(tmp_path / "out/walk")
        (one,) = propose_reduce.segment(
            scene,
            prompts=[
                Box(0, 8, 3, 26, 21, "red", id=7),
                Point(0, 15, 10, id=7),
                Box(3, 14, 3, 32, 21, id=7),
            ],
            propagator="flow",
            device="cpu",
        )
        assert (filed.id, filed.category) == (one.id, one.category) == (7, "red")
        assert (filed.masks == one.masks).all()


def test_a_point_asks_sam_2_which_then_follows(scene, tmp_path):
    pytest.importorskip("transformers")
    from sam_models import tiny_sam2

    model, processor = tiny_sam2()
    model.save_pretrained(tmp_path / "sam2")
    processor.save_pretrained(tmp_path / "sam2")
    told = type_command(
        *("predict", scene, "-o", tmp_path / "out", "--point", "0:15,10", "--device", "cpu"),
        *("--propagator", f"sam2:{tmp_path / 'sam2'}", "--overlay", "none"),
    )
    assert told.exit_code == 0, told.stderr
    result = VideoResult.load(tmp_path / "out/walk")
    assert result.settings["given"]["mask_maker"] == f"sam2:{tmp_path / 'sam2'}"
    assert [one.id for one in result] == [1]
    one_frame = propose_reduce.segment(
        np.asarray(Image.open(scene / "00000.png"))[None],
        prompts=[Point(0, 15, 10)],
        mask_maker=f"sam2:{tmp_path / 'sam2'}",
        propagator="flow",
        device="cpu",
        precision="fp32",
    )
    assert one_frame.num_frames == 1


def test_a_mask_maker_of_ones_own_and_nothing_found(scene):
    class Corner:
        def make_masks(self, clip, frame, prompts):
            import torch

            masks = torch.zeros(len(prompts), *clip.original_size, dtype=torch.bool)
            masks[0, :9, :9] = True
            return masks

    with pytest.warns(UserWarning, match="no mask was found for object 2 on frame 0"):
        result = propose_reduce.segment(
            scene,
            prompts=[Point(0, 1, 1), Point(0, 20, 20, id=2)],
            mask_maker=Corner(),
            propagator="flow",
            device="cpu",
        )
    (one,) = result
    assert one.masks[0].sum() == 81


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--box", "0:1,2,3"), "a box reads FRAME:X1,Y1,X2,Y2[:LABEL]"),
        (("--box", "0:9,2,3,8"), "needs its left top corner first, got 9,2 and 3,8"),
        (("--box", "9:1,2,3,8"), "lies on frame 9, and the frames are called '00000' to '00004'"),
        (("--box", "0:70,2,80,8"), "lies outside of the pictures, 64 x 48 pixels"),
        (("--box", "0:nan,2,80,8"), "x1 must be a number of pixels, got nan"),
        (("--point", "0:1,2:*"), "a point reads FRAME:X,Y[:+/-][:ID]"),
        (("--point", "0:1,2:+:0"), "objects are numbered from 1, got 0"),
        (("--point", "0:1,2:-"), "object 1 has only points beside it on frame 0"),
        (("--point", "0:1,2"), "give it a --box, or take --mask-maker sam2:ID"),
        (("--mask-maker", "grabcut"), "a mask maker needs --box, --point or a JSON file"),
        (("--box", "0:1,2,3,8", "--given", "."), "either label maps (--given), or boxes"),
        (("--box", "0:1,2,3,8", "--given-first"), "--given-first is for label maps"),
        (("--box", "0:1,2,3,8", "--mask-maker", "grabcat"), "did you mean 'grabcut'?"),
        (("--box", "0:1,2,3,8", "--prompt", "dog"), "leave out --prompt"),
        (("--given", "nowhere.json"), "'nowhere.json' is no file"),
    ],
)
def test_a_mistake_is_one_line(scene, tmp_path, words, message):
    told = type_command("predict", scene, "-o", tmp_path / "out", *PARTS, *words)
    assert told.exit_code == 2
    assert message in told.stderr
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "out/walk/result.json").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"run": []}, "holds no boxes or points of 'walk'"),
        ({"walk": 3}, "must hold a list of boxes and points, got 3"),
        ([{"frame": 0}], "entry 0: an entry needs one of 'box' and 'point'"),
        ([{"frame": 0, "box": [1, 2, 3]}], "entry 0: .*box"),
        (
            [{"frame": 0, "box": [1, 2, 3, 4], "labelz": "a"}],
            "entry 0: unknown setting 'labelz'",
        ),
        ([{"frame": 0, "box": [8, 3, 26, 21], "id": 1}] * 2, "object 1 has 2 boxes on frame 0"),
    ],
)
def test_a_faulty_file_is_refused(scene, tmp_path, content, message):
    (tmp_path / "marks.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        propose_reduce.segment(
            scene, given=tmp_path / "marks.json", propagator="flow", device="cpu"
        )


def test_what_is_typed_is_read():
    assert read_box("4:1,2.5,3,8:a dog: small") == Box(4, 1, 2.5, 3, 8, "a dog: small")
    assert read_point("4:1,2") == Point(4, 1, 2)
    assert read_point("4:1,2:-") == Point(4, 1, 2, positive=False)
    assert read_point("4:1,2:3") == Point(4, 1, 2, id=3)
    assert read_point("4:1,2:-:3") == Point(4, 1, 2, positive=False, id=3)
