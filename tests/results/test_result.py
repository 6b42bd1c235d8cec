import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from sequences import drawn, result, sequence

from propose_reduce.errors import InputError
from propose_reduce.results import GIVEN

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


def test_tables_count_weak_sequences_but_do_not_list_them():
    mixed = result(sequence(1, 0.9, "#."), sequence(2, 0.29, ".#"))
    assert mixed._repr_html_().count("<tr>") == 2  # the heads and one
    assert "; 1 more below a score of 0.3</caption>" in mixed._repr_html_()
    assert mixed.table().row_count == 1
    assert str(mixed.table().title).endswith("sequences 1, frames 1; 1 more below a score of 0.3")
    assert mixed.table(show_score=0).row_count == 2
    given = replace(mixed, settings={GIVEN: {}})
    assert given.table().row_count == 2


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


def test_a_result_is_a_collection_of_sequences():
    assert len(TWO) == 2
    assert [one.id for one in TWO] == [1, 2]
    assert TWO[2].category == "dog"
    with pytest.raises(KeyError):
        TWO[3]
    assert TWO.filter(min_score=1.0)  # without sequences, and still a result


def test_it_says_what_it_is_in_one_line():
    assert repr(TWO) == "VideoResult('pets': 1 cat, 1 dog; 2 frames, 3 x 2)"
    assert repr(TWO.filter(min_score=1.0)).startswith("VideoResult('pets': no object;")


def test_a_notebook_shows_a_table_in_which_no_name_is_markup():
    html = replace(TWO, name="<script>")._repr_html_()
    assert html.count("<tr>") == 3
    assert "<td>0.400</td>" in html
    assert "<script>" not in html


def test_boxes_and_areas_are_those_of_the_masks():
    assert TWO.areas.tolist() == [[2, 0], [4, 1]]
    boxes = TWO.boxes
    assert boxes[0, 0].tolist() == [0, 0, 2, 1]
    assert boxes[1].tolist() == [[1, 0, 3, 2], [2, 1, 3, 2]]
    assert np.isnan(boxes[0, 1]).all()


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ({}, [1, 2]),
        ({"category": "dog"}, [2]),
        ({"category": ["cat", "dog"], "min_score": 0.4}, [1, 2]),
        ({"min_score": 0.5}, [1]),
        ({"min_frames": 2}, [2]),
        ({"min_area": 2.5}, [2]),  # the second has 4 and 1 pixels, mean 2.5
        ({"min_area": 2.6}, []),
    ],
)
def test_filter_keeps_what_meets_all_conditions(conditions, ids):
    assert [one.id for one in TWO.filter(**conditions)] == ids


def test_an_unknown_category_is_refused():
    with pytest.raises(InputError, match="did you mean 'cat'"):
        TWO.filter("cats")


def test_a_part_of_the_frames_keeps_what_is_there():
    timed = replace(TWO, timestamps=(0.0, 0.4), fps=None)
    part = timed.crop(1)
    assert [one.id for one in part] == [2]
    assert (part.num_frames, part[2].key_frame, part.timestamps) == (1, 0, (0.0,))
    assert part[2].segmentations == TWO[2].segmentations[1:]
    assert timed.crop(-1).num_frames == 1
    with pytest.raises(InputError, match=r"no frame of 0\.\.1 lies in 2\.\.None"):
        timed.crop(2)


def test_merged_sequences_are_one_with_the_union_of_their_masks():
    one = TWO.merge(1, 2)
    assert [s.id for s in one] == [1]
    assert one[1].category == "cat"
    assert (one[1].masks[0] == drawn("### .##")).all()
    assert (one[1].masks[1] == drawn("... ..#")).all()
    assert one[1].frame_scores == (0.9, 0.4)
    for ids in ((1, 1), (1, 7)):
        with pytest.raises(InputError, match=r"distinct ids of \[1, 2\]"):
            TWO.merge(*ids)


def test_pandas_has_a_row_for_each_mask():
    pytest.importorskip("pandas")
    table = TWO.to_pandas()
    assert table["frame"].tolist() == [0, 0, 1]
    assert table["area"].tolist() == [2, 4, 1]
    assert table["time"].tolist() == pytest.approx([0, 0, 1 / 6])
    assert table.loc[2, ["x", "y", "width", "height"]].tolist() == [2, 1, 1, 1]


def test_a_folder_that_predict_wrote_can_be_loaded(tmp_path):
    TWO.save(tmp_path / "pets")
    assert len(type(TWO).load(tmp_path / "pets")) == 2


@pytest.mark.process
def test_masks_decode_where_warnings_are_errors():
    encode = "rle.decode(rle.encode(np.ones((2, 3), bool)))"
    command = f"import numpy as np; from propose_reduce import rle; {encode}"
    subprocess.run([sys.executable, "-W", "error", "-c", command], check=True)


def test_a_result_exports_itself(tmp_path):
    assert TWO.export("csv", tmp_path) == tmp_path / "pets.csv"
