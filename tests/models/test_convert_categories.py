"""COCO's categories and ours: by name, by alias, and never by a word of two meanings."""

import pytest

from propose_reduce.models.convert.categories import COCO_LABELS, counterparts
from propose_reduce.settings import category_set


def named(ours):
    return {
        ours[own]: COCO_LABELS[theirs] for own, theirs in counterparts(ours, COCO_LABELS).items()
    }


def test_coco_labels_are_ninety_distinct_names_with_ten_placeholders():
    assert len(set(COCO_LABELS)) == 90
    assert sum(name.startswith("unused") for name in COCO_LABELS) == 10
    assert (COCO_LABELS[0], COCO_LABELS[11], COCO_LABELS[89]) == (
        "person",
        "unused 12",
        "toothbrush",
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("person", "person"),
        ("tennis_racket", "tennis racket"),
        ("Traffic-Light", "traffic light"),
        ("motorbike", "motorcycle"),
        ("sedan", "car"),
        ("flying_disc", "frisbee"),
    ],
)
def test_names_agree_by_spelling_or_alias(ours, theirs):
    assert named([ours]) == {ours: theirs}


@pytest.mark.parametrize("name", ["giant_panda", "mouse", "instance"])
def test_what_coco_does_not_have_stays_new(name):
    assert named([name]) == {}


@pytest.mark.parametrize(("name", "count"), [("youtube_vis_2019", 19), ("youtube_vis_2021", 21)])
def test_half_of_the_youtube_vis_categories_are_in_coco(name, count):
    assert len(named(category_set(name))) == count


def test_the_same_list_maps_onto_itself_whatever_its_words_mean():
    assert counterparts(COCO_LABELS, COCO_LABELS) == {index: index for index in range(90)}
