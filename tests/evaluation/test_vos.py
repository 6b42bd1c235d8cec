"""Video object segmentation on truths that are not of DAVIS."""

import json

import numpy as np
import pytest
from label_files import write_labels
from PIL import Image
from typer.testing import CliRunner

from propose_reduce.cli import main as frame
from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_davis
from propose_reduce.evaluation.vos import evaluate_vos_sequence


def rows(*frames):
    """Return label maps of one row of pixels each, int (T, 1, W)."""
    return np.array(frames)[:, None]


def by_label(scores):
    return {each.gt_object: each.j.values for each in scores}


def test_an_object_counts_from_the_frame_after_its_first_mask():
    truth = rows([1, 1, 0, 0], [1, 1, 0, 7], [1, 1, 7, 7], [1, 0, 7, 7])
    result = rows([0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 7], [1, 1, 7, 7])
    assert by_label(evaluate_vos_sequence(truth, result)) == {1: (0.5, 1.0, 0.5), 7: (0.5, 1.0)}


def test_labels_may_have_gaps_and_16_bits():
    truth = rows([300, 0, 4000], [300, 0, 4000])
    assert by_label(evaluate_vos_sequence(truth, truth)) == {300: (1.0,), 4000: (1.0,)}


def test_frames_without_the_object_count_as_1_for_nothing_unless_they_are_left_out():
    truth = rows([1, 0], [0, 0], [1, 1])
    nothing = rows([0, 0], [0, 0], [0, 0])
    assert by_label(evaluate_vos_sequence(truth, nothing)) == {1: (1.0, 0.0)}
    assert by_label(evaluate_vos_sequence(truth, nothing, present_only=True)) == {1: (0.0,)}


def test_void_is_background_and_an_object_of_the_last_frame_has_no_scores():
    truth = rows([1, 255, 0], [1, 0, 2]).astype(np.uint8)
    assert by_label(evaluate_vos_sequence(truth, truth)) == {1: (1.0,)}


def test_another_size_is_refused():
    with pytest.raises(InputError, match="clip, frame 1: the result is 3 x 1, the ground truth 2"):
        evaluate_vos_sequence(rows([1, 0], [1, 0]), rows([1, 0, 0], [1, 0, 0]), name="clip")


def test_masks_of_an_object_each_are_read_from_its_folder_and_may_overlap(tmp_path):
    write_labels(tmp_path / "gt" / "clip", rows([1, 2, 0], [1, 2, 0], [1, 2, 2]))
    for number, maps in (("001", rows([1, 0, 0], [1, 1, 0])), ("002", rows([0, 1, 0], [0, 1, 0]))):
        write_labels(tmp_path / "pred" / "clip" / number, 255 * maps)
    metrics = evaluate_davis(tmp_path / "gt", tmp_path / "pred", task="vos")
    # the last frame has no files: empty masks
    assert by_label(metrics.objects) == {1: (0.5, 0.0), 2: (1.0, 0.0)}


def test_a_root_with_annotations_is_found_and_sequences_without_a_second_frame_are_told(tmp_path):
    write_labels(tmp_path / "gt" / "Annotations" / "a", rows([1, 0], [1, 0]))
    write_labels(tmp_path / "gt" / "Annotations" / "b", rows([1, 0]))
    metrics = evaluate_davis(tmp_path / "gt", tmp_path / "gt" / "Annotations", task="vos")
    assert metrics["J&F-Mean"] == 1
    assert "no labelled frame follows the first one that shows an object: b" in metrics.notes[0]


@pytest.mark.parametrize("task", ["unsupervised", "semi-supervised", "vos"])
def test_0_and_255_alone_are_one_object_and_told(tmp_path, task):
    for name in ("gt", "pred"):
        folder = tmp_path / name / "clip"
        folder.mkdir(parents=True)
        for number in range(3):
            pixels = np.array([[255, 255, 0]], dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:05d}.png")
    metrics = evaluate_davis(tmp_path / "gt", tmp_path / "pred", task=task)
    assert metrics["J-Mean"] == 1
    assert "taken for masks of one object" in metrics.notes[-1]


def test_what_davis_does_not_count_is_told(tmp_path):
    maps = rows([1, 0, 3, 0], [1, 0, 3, 5], [1, 0, 3, 5])
    write_labels(tmp_path / "gt" / "clip", maps)
    write_labels(tmp_path / "pred" / "clip", np.where(maps == 5, 0, maps))
    metrics = evaluate_davis(tmp_path / "gt", tmp_path / "pred", task="unsupervised")
    assert "the ground truth skips: 1 (first: 2 in 'clip')" in metrics.notes[0]
    assert "enter after the first frame: 1 (first: in 'clip')" in metrics.notes[1]
    with pytest.raises(InputError, match="label 5 enters after the first frame of the ground tr"):
        evaluate_davis(tmp_path / "gt", tmp_path / "gt", task="semi-supervised")
    assert evaluate_davis(tmp_path / "gt", tmp_path / "gt", task="vos").notes == ()


def test_the_command_line(tmp_path):
    write_labels(tmp_path / "gt" / "clip", rows([1, 0], [0, 0], [1, 0]))
    write_labels(tmp_path / "pred" / "clip", rows([1, 0], [1, 0], [1, 0]))
    folders = [str(tmp_path / name) for name in ("gt", "pred")]
    command = ["evaluate", "davis", *folders, "--task", "vos", "--present-only"]
    answer = CliRunner().invoke(frame.app, [*command, "-o", str(tmp_path / "m.json")])
    assert "Video object segmentation, 1 objects in 1 sequences" in answer.stdout
    assert json.loads((tmp_path / "m.json").read_text())["J-Mean"] == 1
    wrong = ["evaluate", "davis", *folders, "--task", "unsupervised", "--present-only"]
    assert isinstance(CliRunner().invoke(frame.app, wrong).exception, InputError)
