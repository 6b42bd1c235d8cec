"""Which files belong to an evaluation, and what is said when one does not."""

import numpy as np
import pytest
from label_files import write_labels

from propose_reduce.errors import InputError
from propose_reduce.evaluation.davis_files import PngMaps, find_sequences

MAPS = np.arange(12, dtype=np.uint8).reshape(3, 2, 2) % 3


@pytest.fixture
def root(tmp_path):
    """A DAVIS root of three sequences, two of them in the validation list."""
    for task in ("Annotations", "Annotations_unsupervised"):
        for name in ("bear", "cows", "dogs"):
            write_labels(tmp_path / "davis" / task / "480p" / name, MAPS)
    lists = tmp_path / "davis" / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("dogs\nbear\n")
    return tmp_path / "davis"


@pytest.fixture
def results(tmp_path):
    for name in ("bear", "cows", "dogs"):
        write_labels(tmp_path / "results" / name, MAPS)
    return tmp_path / "results"


def names(sequences):
    return [files.name for files in sequences]


@pytest.mark.parametrize(
    ("task", "folder"),
    [("unsupervised", "Annotations_unsupervised"), ("semi-supervised", "Annotations")],
)
def test_a_root_gives_the_validation_list_from_the_folder_of_the_task(root, results, task, folder):
    sequences = find_sequences(root, results, task=task)
    assert names(sequences) == ["dogs", "bear"]
    assert sequences[0].ground_truth[2] == root / folder / "480p" / "dogs" / "00002.png"
    assert sequences[0].predictions[2] == results / "dogs" / "00002.png"


def test_a_root_of_2019_gives_its_test_list(root, results):
    (root / "ImageSets" / "2017").rename(root / "ImageSets" / "2019")
    (root / "ImageSets" / "2019" / "val.txt").rename(root / "ImageSets" / "2019" / "test-dev.txt")
    assert names(find_sequences(root, results, task="unsupervised")) == ["dogs", "bear"]


def test_a_split_file_comes_before_the_list_of_the_root(root, results, tmp_path):
    (tmp_path / "mine.txt").write_text("cows\n")
    split = tmp_path / "mine.txt"
    assert names(find_sequences(root, results, task="unsupervised", split=split)) == ["cows"]


def test_a_plain_folder_gives_every_sequence_by_name(root, results):
    plain = root / "Annotations" / "480p"
    assert names(find_sequences(plain, results, task="unsupervised")) == ["bear", "cows", "dogs"]


def test_more_results_than_needed_are_ignored(root, results):
    write_labels(results / "zebra", MAPS)
    write_labels(results / "dogs", np.zeros((9, 2, 2)))
    assert len(find_sequences(root, results, task="unsupervised")[0].predictions) == 3


def test_a_missing_result_frame_is_an_error_that_names_it(root, results):
    (results / "dogs" / "00001.png").unlink()
    for task in ("unsupervised", "semi-supervised"):
        with pytest.raises(InputError, match=r"dogs.00001\.png' is missing, one of 1 of the"):
            find_sequences(root, results, task=task)


def test_the_semi_supervised_task_needs_no_first_and_last_result(root, results):
    (results / "dogs" / "00000.png").unlink()
    (results / "dogs" / "00002.png").unlink()
    assert len(find_sequences(root, results, task="semi-supervised")) == 2
    with pytest.raises(InputError, match="one of 2 of the 3"):
        find_sequences(root, results, task="unsupervised")


def test_a_missing_result_folder_is_an_error(root, results):
    for path in (results / "bear").iterdir():
        path.unlink()
    (results / "bear").rmdir()
    with pytest.raises(InputError, match="one of 3 of the 3 result frames of 'bear'"):
        find_sequences(root, results, task="unsupervised")


def test_an_unknown_sequence_in_the_list_offers_the_nearest(root, results, tmp_path):
    (tmp_path / "mine.txt").write_text("dog")
    with pytest.raises(InputError, match="'dog': did you mean 'dogs'"):
        find_sequences(root, results, task="unsupervised", split=tmp_path / "mine.txt")


def test_a_list_may_name_a_sequence_twice_and_start_with_a_byte_order_mark(root, results, tmp_path):
    (tmp_path / "mine.txt").write_text("dogs\nbear\ndogs\n", encoding="utf-8-sig")
    found = find_sequences(root, results, task="unsupervised", split=tmp_path / "mine.txt")
    assert [files.name for files in found] == ["dogs", "bear"]


def test_the_folder_that_predict_filled_is_a_result(root, tmp_path):
    for name in ("bear", "dogs"):
        write_labels(tmp_path / "out" / name / "davis", MAPS)
    found = find_sequences(root, tmp_path / "out", task="unsupervised")
    assert found[1].predictions[0] == tmp_path / "out" / "bear" / "davis" / "00000.png"


def test_folders_that_are_not_there_are_errors(root, results, tmp_path):
    nowhere = tmp_path / "nowhere"
    with pytest.raises(InputError, match="nowhere' is no folder: give a DAVIS root"):
        find_sequences(nowhere, results, task="unsupervised")
    with pytest.raises(InputError, match="nowhere' is no folder"):
        find_sequences(root, nowhere, task="unsupervised")
    with pytest.raises(InputError, match=r"split file '.*nowhere' cannot be read"):
        find_sequences(root, results, task="unsupervised", split=nowhere)
    (root / "Annotations_unsupervised").rename(nowhere)
    with pytest.raises(InputError, match="480p' does not exist, the unsupervised task needs it"):
        find_sequences(root, results, task="unsupervised")


def test_empty_folders_are_errors(results, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="empty' names no sequence"):
        find_sequences(empty, results, task="unsupervised")
    (empty / "dogs").mkdir()
    with pytest.raises(InputError, match="dogs' holds no PNG"):
        find_sequences(empty, results, task="unsupervised")


def test_labels_are_palette_indices(tmp_path):
    maps = PngMaps(sorted(write_labels(tmp_path, MAPS).iterdir()))
    assert len(maps) == 3
    assert maps[1].dtype == np.uint8
    assert (np.stack([maps[0], maps[1], maps[2]]) == MAPS).all()
