"""Which variants a grid makes."""

import pytest

from propose_reduce.ablation import PAPER_GRID, parse_grid
from propose_reduce.errors import InputError
from propose_reduce.settings import InferenceSettings

BASE = InferenceSettings()  # 5 key frames, mask NMS at 0.2, hard reduction at 0.5


def tried(grid):
    return [grid.changes(variant) for variant in grid.variants()]


def test_one_setting_at_a_time_departs_from_the_base_which_comes_first():
    grid = parse_grid(BASE, ["propose.key_frames=1,5,8", "reduce.kind=soft"])
    assert tried(grid) == [
        {},
        {"propose.key_frames": 1},
        {"propose.key_frames": 8},
        {"reduce.kind": "soft"},
    ]


def test_a_full_grid_has_every_combination_of_the_values_and_no_other():
    grid = parse_grid(BASE, ["propose.key_frames=1,3", "reduce.iou=0.5,0.9"], full=True)
    values = [tuple(grid.values(variant).values()) for variant in grid.variants()]
    assert values == [(1, 0.5), (1, 0.9), (3, 0.5), (3, 0.9)]


def test_values_are_yaml_so_that_null_turns_mask_nms_off_and_words_are_switches():
    grid = parse_grid(BASE, ["propose.mask_nms=null,0.4", "propagate.self_propagation=off"])
    assert [factor.values for factor in grid.factors] == [(0.4, None), (False,)]
    assert grid.variants()[2].propose.mask_nms is None
    assert not grid.variants()[3].propagate.self_propagation


def test_numbers_rise_and_come_once_and_the_name_may_be_that_of_a_preset():
    (factor,) = parse_grid(BASE, ["inference.propose.key_frames = 8, 1, 8"]).factors
    assert (factor.name, factor.values) == ("propose.key_frames", (1, 8))


def test_without_a_grid_the_paper_is_asked():
    grid = parse_grid(BASE)
    assert len(grid.factors) == len(PAPER_GRID)
    assert tried(grid)[0] == {}
    assert len(tried(grid)) == 1 + 4 + 1 + 2 + 1 + 2 + 3  # all but the base's own values


def test_a_factor_is_read_along_the_base_or_over_all_of_a_full_grid():
    texts = ["propose.key_frames=1,8", "reduce.iou=0.3,0.9"]
    grid = parse_grid(BASE, texts)
    along = grid.along(grid.factors[0])
    assert {value: len(variants) for value, variants in along.items()} == {1: 1, 5: 1, 8: 1}
    assert list(along) == [1, 5, 8]  # the base's own value takes its place
    full = parse_grid(BASE, texts, full=True)
    along = full.along(full.factors[0])
    assert {value: len(variants) for value, variants in along.items()} == {1: 2, 8: 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("propose.key_frame=1", "did you mean 'key_frames'"),
        ("propose.key_frames", "must read name.name=value,value"),
        ("propose.key_frames=1,,3", "must read name.name=value,value"),
        ("=1", "must read name.name=value,value"),
        ("propose.key_frames=0", "propose.key_frames = 0"),
        ("reduce.kind=medium", "reduce.kind = 'medium'"),
        ("propose.mask_nms=[", r"'\[' is not a valid YAML value"),
        ("propose={key_frames: 3}", "is a section"),
    ],
)
def test_a_fault_is_named(text, message):
    with pytest.raises(InputError, match=message):
        parse_grid(BASE, [text])


def test_a_setting_named_twice_is_a_fault():
    with pytest.raises(InputError, match=r"'reduce\.iou' is there twice"):
        parse_grid(BASE, ["reduce.iou=0.3", "reduce.iou=0.9"])


def test_where_the_schedule_of_the_memory_varies_it_has_no_bound():
    grid = parse_grid(BASE, ["propagate.memory_every=1,5"])
    assert {variant.propagate.memory_frames for variant in grid.variants()} == {None}
    assert tried(grid) == [{}, {"propagate.memory_every": 1}]
    grid = parse_grid(BASE, ["propagate.memory_every=1", "propagate.memory_frames=4"])
    assert [variant.propagate.memory_frames for variant in grid.variants()] == [16, 16, 4]
