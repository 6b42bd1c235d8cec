"""ONNX files of every layout: models that always give the same, so that a pencil can check."""

from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import type_command
from places import SHARED, needs_shared

from propose_reduce.components.onnx_detector import OnnxDetector, OnnxSettings, Placing
from propose_reduce.components.registry import PROPOSERS, Request
from propose_reduce.errors import InputError
from propose_reduce.structures import Clip

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

CANVAS = (64, 64)
CELLS = 64 + 16 + 4  # of strides 8, 16 and 32
NAMES = {"names": "{0: 'cat', 1: 'dog'}"}
CLIP = Clip(np.full((2, 48, 64, 3), 90, np.uint8), (48, 64), (48, 64))


def write_model(path, *outputs, shape=(1, 3, *CANVAS), metadata=NAMES):
    """Write a model that gives these arrays whatever it sees."""
    helper, kind = onnx.helper, onnx.TensorProto
    image = helper.make_tensor_value_info("images", kind.FLOAT, shape)
    nodes, results = [], []
    for index, output in enumerate(outputs):
        value = onnx.numpy_helper.from_array(output, f"value{index}")
        nodes.append(helper.make_node("Constant", [], [f"output{index}"], value=value))
        results.append(
            helper.make_tensor_value_info(
                f"output{index}", helper.np_dtype_to_tensor_dtype(output.dtype), output.shape
            )
        )
    graph = helper.make_graph(nodes, "constant", [image], results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def rows(width, *detections):
    """A row for each cell, zero but for the first ones: float32 (CELLS, width)."""
    table = np.zeros((CELLS, width), np.float32)
    for index, values in enumerate(detections):
        table[index] = values
    return table


# in the picture the canvas of 64 x 64 shows 48 x 64, from row 8 on
CAT, DOG = (16, 24, 16, 16), (44, 40, 20, 30)  # centre and size on the canvas
CAT_BOX, DOG_BOX = (8, 16, 24, 32), (34, 25, 54, 55)


def box_mask(x1, y1, x2, y2, top=8):
    mask = np.zeros((48, 64), bool)
    mask[max(0, y1 - top) : y2 - top, x1:x2] = True
    return mask


class WholeBoxes:
    """Mask maker: the boxes themselves."""

    def make_masks(self, clip, frame, prompts):
        masks = torch.zeros(len(prompts), *clip.original_size, dtype=torch.bool)
        for row, (box,) in enumerate(prompts):
            masks[row, round(box.y1) : round(box.y2), round(box.x1) : round(box.x2)] = True
        return masks


def check(detections, *, top=8):
    """Two detections, the dog first."""
    assert detections.class_scores.tolist() == [
        pytest.approx([0.1, 0, 0.9], abs=1e-6),
        pytest.approx([0.25, 0.75, 0], abs=1e-6),
    ]
    assert (detections.masks[0].numpy() == box_mask(*DOG_BOX, top=top)).all()
    assert (detections.masks[1].numpy() == box_mask(*CAT_BOX, top=top)).all()


def test_yolov8_boxes_are_taken_off_the_letterbox_and_suppressed(tmp_path):
    weaker = (17, 24, 16, 16, 0.6, 0)
    table = rows(6, (*CAT, 0.75, 0.1), (*DOG, 0, 0.9), weaker, (50, 50, 9, 9, 0.1, 0.15))
    file = write_model(tmp_path / "m.onnx", table.T[None].copy())
    detector = OnnxDetector(file, mask_maker=WholeBoxes())
    assert detector.categories == ("cat", "dog")
    check(detector.propose(CLIP, 0))
    few = OnnxDetector(file, mask_maker=WholeBoxes(), max_objects=1)
    assert len(few.propose(CLIP, 0)) == 1
    everything = OnnxDetector(file, OnnxSettings(overlap=1.0), mask_maker=WholeBoxes())
    assert len(everything.propose(CLIP, 0)) == 3


def test_yolov8_masks_are_sums_of_prototypes_inside_the_boxes(tmp_path):
    whole = np.full((1, 2, 16, 16), 9, np.float32)
    whole[0, 1, :, 8:] = -9  # the second prototype is the left half of the canvas
    table = rows(8, (*CAT, 0.75, 0, 1, 0), (*DOG, 0, 0.9, 0, 1))
    file = write_model(tmp_path / "m.onnx", table.T[None].copy(), whole)
    found = OnnxDetector(file).propose(CLIP, 0)
    assert (found.masks[1].numpy() == box_mask(*CAT_BOX)).all()
    assert not found.masks[0].any()  # none of the left half lies in the dog's box


def test_yolov5_multiplies_objectness_and_class(tmp_path):
    table = np.zeros((3 * CELLS, 7), np.float32)
    table[0], table[1] = (*CAT, 0.75, 1, 0), (*DOG, 1, 0, 0.9)
    file = write_model(tmp_path / "m.onnx", table[None])
    check(OnnxDetector(file, mask_maker=WholeBoxes()).propose(CLIP, 0))


def test_yolox_counts_in_cells_of_its_grids(tmp_path):
    table = rows(7)
    # cell 8 of the first grid is column 0, row 1; cell 64 + 5 of the second column 1, row 1
    table[8] = (16 / 8, 16 / 8 - 1, np.log(2), np.log(2), 0.75, 1, 0)
    table[69] = (44 / 16 - 1, 32 / 16 - 1, np.log(20 / 16), np.log(30 / 16), 0.9, 0, 1)
    file = write_model(tmp_path / "m.onnx", table[None])
    # the picture lies in the corner, so all is 8 rows higher than in the other layouts
    check(OnnxDetector(file, mask_maker=WholeBoxes()).propose(CLIP, 0))


def test_yolo26_has_been_suppressed_already(tmp_path):
    table = np.zeros((1, 5, 6), np.float32)
    table[0, 0], table[0, 1] = (*CAT_BOX, 0.75, 0), (*DOG_BOX, 0.9, 1)
    file = write_model(tmp_path / "m.onnx", table)
    check(OnnxDetector(file, mask_maker=WholeBoxes()).propose(CLIP, 0))


@pytest.mark.parametrize("masks", ["none", "small", "whole"])
def test_labels_come_with_small_masks_whole_ones_or_none(tmp_path, masks):
    boxes = np.array([(8, 8, 24, 24), (34, 17, 54, 47)], np.float32)  # of the picture itself
    outputs = [boxes, np.array([0, 1]), np.array([0.75, 0.9], np.float32)]
    if masks == "small":
        outputs.append(np.ones((2, 1, 28, 28), np.float32))
    elif masks == "whole":
        both = [box_mask(*box, top=0) for box in boxes.astype(int)]
        outputs.append(np.stack(both)[:, None].astype(np.float32))
    file = write_model(tmp_path / "m.onnx", *outputs, shape=(3, "height", "width"))
    found = OnnxDetector(file, mask_maker=WholeBoxes()).propose(CLIP, 0)
    if masks == "small":  # torchvision's own pasting blurs the edges
        assert [int(mask.sum()) for mask in found.masks] == pytest.approx([600, 256], rel=0.12)
    else:
        check(found, top=8)


def test_nothing_found_is_nothing(tmp_path):
    for index, outputs in enumerate(
        (
            [rows(6).T[None].copy()],
            [rows(8).T[None].copy(), np.zeros((1, 2, 16, 16), np.float32)],
        )
    ):
        file = write_model(tmp_path / f"{index}.onnx", *outputs)
        found = OnnxDetector(file).propose(CLIP, 0)
        assert (found.masks.shape, found.class_scores.shape) == ((0, 48, 64), (0, 3))


@pytest.mark.parametrize(
    ("letterbox", "expected"),
    [
        ("centre", Placing((64, 64), (48, 64), 8, 0)),
        ("corner", Placing((64, 64), (48, 64))),
        ("none", Placing((64, 64), (64, 64))),
    ],
)
def test_where_the_picture_lies(letterbox, expected):
    assert Placing.of((24, 32), (64, 64), letterbox) == expected


def test_the_model_sees_what_the_settings_say(tmp_path):
    """A model that gives the first pixel's colours back as scores of three labels."""
    helper, kind = onnx.helper, onnx.TensorProto
    boxes = onnx.numpy_helper.from_array(np.tile(np.float32([0, 0, 9, 9]), (3, 1)), "b")
    labels = onnx.numpy_helper.from_array(np.arange(3), "l")
    constants = {"zero": [0, 0, 0, 0], "one": [1, 3, 1, 1], "flat": [3]}
    nodes = [
        helper.make_node("Constant", [], ["boxes"], value=boxes),
        helper.make_node("Constant", [], ["labels"], value=labels),
        *(
            helper.make_node(
                "Constant", [], [n], value=onnx.numpy_helper.from_array(np.array(v), n)
            )
            for n, v in constants.items()
        ),
        helper.make_node("Slice", ["images", "zero", "one"], ["pixel"]),
        helper.make_node("Reshape", ["pixel", "flat"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "seen",
        [helper.make_tensor_value_info("images", kind.FLOAT, (1, 3, *CANVAS))],
        [
            helper.make_tensor_value_info("boxes", kind.FLOAT, (3, 4)),
            helper.make_tensor_value_info("labels", kind.INT64, (3,)),
            helper.make_tensor_value_info("scores", kind.FLOAT, (3,)),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "m.onnx")
    picture = np.zeros((1, 48, 64, 3), np.uint8)
    picture[:] = (51, 102, 204)
    clip = Clip(picture, (48, 64), (48, 64))

    def seen(**said):
        settings = OnnxSettings(names=["r", "g", "b"], **said)
        maker = WholeBoxes()
        found = OnnxDetector(tmp_path / "m.onnx", settings, mask_maker=maker, min_score=-1).propose(
            clip, 0
        )
        return found.class_scores[:, 1:].amax(dim=0).tolist()

    assert seen() == pytest.approx([0.2, 0.4, 0.8])
    assert seen(order="bgr") == pytest.approx([0.8, 0.4, 0.2])
    assert seen(scale=408) == pytest.approx([0.125, 0.25, 0.5])
    assert seen(mean=(0.1, 0.2, 0.3), deviation=(1, 2, 1)) == pytest.approx([0.1, 0.1, 0.5])
    assert seen(letterbox="centre", border=255) == pytest.approx([1, 1, 1])


def test_a_file_beside_the_model_says_what_it_does_not(tmp_path):
    table = rows(6, (*DOG, 0, 0.9))
    write_model(tmp_path / "m.onnx", table.T[None].copy(), metadata={})
    (tmp_path / "m.yaml").write_text("names: words.txt\nmask_maker: grabcut\n")
    (tmp_path / "words.txt").write_text("tree\n\nlamp\n")
    detector = PROPOSERS.build(f"onnx:{tmp_path / 'm.onnx'}", Request())
    assert detector.categories == ("tree", "lamp")
    (tmp_path / "m.yaml").write_text("names: {0: tree, 1: lamp}")
    assert OnnxSettings.beside(tmp_path / "m.onnx").names == {0: "tree", 1: "lamp"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("", "does not say what its labels are called: put 'names: coco'"),
        ("names: [a, b, c]", "tells 2 classes apart, but there are names for 3"),
        ("names: nowhere.txt", "nowhere.txt"),
        ("namez: [a, b]", "namez"),
        ("names: [a", "is not valid YAML"),
        ("layout: yolo", "layout"),
    ],
)
def test_what_is_missing_or_faulty_is_one_line(tmp_path, said, message):
    write_model(tmp_path / "m.onnx", rows(6).T[None].copy(), metadata={})
    (tmp_path / "m.yaml").write_text(said)
    with pytest.raises(InputError, match=r"^[^\n]*$") as error:
        PROPOSERS.build(f"onnx:{tmp_path / 'm.onnx'}", Request())
    assert message in str(error.value)


def test_files_that_are_no_such_model_are_refused(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="is no ONNX model that can be run"):
        OnnxDetector(tmp_path / "m.onnx")
    with pytest.raises(InputError, match="is no file: name an ONNX model"):
        OnnxDetector(tmp_path / "missing.onnx")
    write_model(tmp_path / "m.onnx", np.zeros((1, 9, 9), np.float32))
    with pytest.raises(InputError, match="which no known layout has: say 'layout: yolov8'"):
        OnnxDetector(tmp_path / "m.onnx")


def test_it_runs_end_to_end(tmp_path):
    from PIL import Image

    table = rows(6, (*CAT, 0.75, 0.1), (*DOG, 0, 0.9))
    file = write_model(tmp_path / "m.onnx", table.T[None].copy())
    noise = np.random.default_rng(0).integers(0, 60, (48, 64, 3), np.uint8)
    for x1, y1, x2, y2 in (CAT_BOX, DOG_BOX):
        noise[max(0, y1 - 6) : y2 - 10, x1 + 2 : x2 - 2] += 150
    (tmp_path / "walk").mkdir()
    for t in range(4):
        Image.fromarray(noise).save(tmp_path / f"walk/{t:05d}.png")
    told = type_command(
        *("predict", tmp_path / "walk", "-o", tmp_path / "out", "--overlay", "none"),
        *("--proposer", f"onnx:{file}", "--propagator", "flow", "--scorer", "key-frame"),
        *("--device", "cpu"),
    )
    assert told.exit_code == 0, told.stderr
    assert "2 objects in 4 frames" in told.stdout


@pytest.mark.parametrize("category", [pytest.param("car", marks=needs_shared)])
def test_a_real_detector_finds_what_is_there(category):
    from PIL import Image

    file = SHARED / "realweights/yolox_nano.onnx"
    folder = SHARED / "realdata/vis_with_masks/car-shadow/JPEGImages"
    if not file.is_file() or not folder.is_dir():
        pytest.skip("no real weights there")
    picture = np.asarray(Image.open(min(folder.iterdir())).convert("RGB"))
    size: tuple[int, int] = (picture.shape[0], picture.shape[1])
    detector = OnnxDetector(Path(file), OnnxSettings(names="coco"), min_score=0.6)
    found = detector.propose(Clip(picture[None], size, size), 0)
    best = int(found.class_scores[0, 1:].argmax())
    assert detector.categories[best] == category
    assert found.masks[0].any()
