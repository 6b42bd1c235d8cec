import numpy as np
import pytest
from rich.console import Console
from sequences import drawn, result, sequence

from propose_reduce.errors import InputError

TWO = result(
    sequence(1, 0.9, "##. ...", None, dog=0.2),
    sequence(2, 0.4, ".## .##", "... ..#", category="dog"),
)


def test_a_frame_holds_what_is_present_on_it():
    first, second = TWO.frame(0), TWO.frame(1)
    assert first.tracker_id.tolist() == [1, 2]
    assert first.class_id.tolist() == [3, 7]
    assert first.confidence.tolist() == [0.9, 0.4]
    assert first.xyxy.tolist() == [[0, 0, 2, 1], [1, 0, 3, 2]]
    assert (first.mask[1] == drawn(".## .##")).all()
    assert second.data["class_name"].tolist() == ["dog"]
    assert second.data["frame_score"].tolist() == [0.4]


def test_a_frame_where_nothing_is_has_no_rows_but_the_right_shapes():
    empty = result(sequence(1, 0.9, "#.", None)).frame(1)
    assert len(empty) == 0
    assert empty.mask.shape == (0, 1, 2)


def test_a_frame_outside_the_video_is_refused():
    with pytest.raises(InputError, match=r"frame 2 is not among 0\.\.1"):
        TWO.frame(2)


def test_the_table_names_each_sequence_and_where_it_is():
    console = Console(width=80, record=True)
    console.print(TWO.table())
    lines = console.export_text().splitlines()
    assert "pets: sequences 2, frames 2" in lines[0]
    assert [cell.strip() for cell in lines[4].split("│")[1:-1]] == [
        "1", "cat", "0.900", "0", "1", "0-0",
    ]  # fmt: skip


def test_a_category_name_is_text_even_if_it_looks_like_markup():
    odd = result(sequence(1, 0.9, "#.", category="[red]"), categories={1: "[red]"})
    console = Console(width=80, record=True)
    console.print(odd.table())
    assert "[red]" in console.export_text()


@pytest.mark.parametrize(
    ("sequences", "fields", "message"),
    [
        ([sequence(1, 0.9, "#."), sequence(1, 0.8, ".#")], {}, "1 is there twice"),
        ([sequence(1, 0.9, "#."), sequence(2, 0.8, ".#", "#.")], {}, "sequence 2 has 2 frames"),
        ([sequence(1, 0.9, "#."), sequence(2, 0.8, ".#.")], {}, r"of \(1, 3\), the video"),
        ([sequence(1, 0.9, "#.", cow=0.1)], {}, "no category is called 'cow'"),
        ([sequence(1, 0.9, "#.")], {"timestamps": (0.0, 1.0)}, "2 timestamps for 1 frames"),
        ([sequence(1, 0.9, "#.")], {"categories": {1: "cat", 2: "cat"}}, "must be distinct"),
    ],
)
def test_sequences_that_do_not_fit_the_video_are_refused(sequences, fields, message):
    with pytest.raises(InputError, match=message):
        result(*sequences, **fields)


def test_masks_of_a_sequence_are_arrays_again():
    assert TWO.sequences[0].masks.dtype == np.bool_
    assert TWO.sequences[0].masks.sum(axis=(1, 2)).tolist() == [2, 0]


def test_a_result_shows_itself_in_words_and_without_its_masks():
    shown = repr(TWO)
    assert "name='pets'" in shown
    assert "category='dog', score=0.4" in shown
    assert "counts" not in shown
