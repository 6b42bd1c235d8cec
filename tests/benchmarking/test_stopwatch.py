"""Seconds and operations go to the innermost stage."""

from threading import Thread

import pytest
import torch
from networks import tiny_network
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from propose_reduce.benchmarking import machine
from propose_reduce.benchmarking.machine import Stopwatch, counted_operations

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set: ``clock[0] += seconds``."""
    time = [0.0]
    monkeypatch.setattr(machine, "perf_counter", lambda: time[0])
    return time


def test_what_an_inner_stage_takes_is_not_the_outer_ones(clock):
    watch = Stopwatch(CPU)
    clock[0] += 100  # before any stage: nobody's
    with watch.stage("outer"):
        clock[0] += 1
        with watch.stage("inner"):
            clock[0] += 10
        clock[0] += 2
        with watch.stage("inner"):
            clock[0] += 20
    assert watch.seconds == {"outer": 3, "inner": 30}


def test_another_thread_takes_nothing_from_the_stages(clock):
    watch = Stopwatch(CPU)

    def read():
        with watch.stage("decode"):
            clock[0] += 4

    with watch.stage("outer"):
        clock[0] += 1
        thread = Thread(target=read)
        thread.start()
        thread.join()
        functional.linear(torch.zeros(1, 3), torch.zeros(2, 3))
    assert watch.seconds == {"outer": 5, "decode ahead": 4}


def test_an_error_closes_its_stage(clock):
    watch = Stopwatch(CPU)
    with watch.stage("outer"):
        with pytest.raises(ValueError, match="no"), watch.stage("inner"):
            raise ValueError("no")
        clock[0] += 1
    assert watch.seconds["outer"] == 1


def test_operations_belong_to_the_stage_they_are_done_in():
    left, right = torch.ones(2, 3), torch.ones(3, 5)
    watch = Stopwatch(CPU)
    with watch.counting(), watch.stage("outer"):
        left @ right
        with watch.stage("inner"):
            left @ right
            left @ right
    assert watch.operations == {"outer": 60, "inner": 120}  # 2 x 3 x 5 multiply-adds each


def test_a_convolution_is_two_operations_for_each_weight_and_place():
    image, weight = torch.ones(1, 4, 6, 7), torch.ones(8, 4, 3, 3)
    count = counted_operations(lambda: functional.conv2d(image, weight, padding=1))
    assert count == 2 * (8 * 4 * 3 * 3) * (6 * 7)
    strided = counted_operations(lambda: functional.conv2d(image, weight, stride=2, padding=1))
    assert strided == 2 * (8 * 4 * 3 * 3) * (3 * 4)
    groups = torch.ones(8, 2, 3, 3)
    grouped = counted_operations(lambda: functional.conv2d(image, groups, padding=1, groups=2))
    assert grouped == count / 2


def test_a_module_counts_as_its_function_does():
    layer = torch.nn.Conv2d(4, 8, 3, padding=1)
    up = torch.nn.ConvTranspose2d(4, 8, 2, stride=2)
    image = torch.ones(1, 4, 6, 7)
    assert counted_operations(lambda: layer(image)) == 2 * (8 * 4 * 3 * 3) * (6 * 7)
    assert counted_operations(lambda: up(image)) == 2 * (8 * 4 * 2 * 2) * (6 * 7)


def test_attention_is_two_products():
    query, key, value = torch.ones(2, 1, 5, 4), torch.ones(2, 1, 7, 4), torch.ones(2, 1, 7, 6)
    count = counted_operations(lambda: functional.scaled_dot_product_attention(query, key, value))
    assert count == 2 * (2 * 5 * 7) * (4 + 6)


def test_a_linear_layer_and_reduced_precision_count_alike():
    layer, rows = torch.nn.Linear(3, 5), torch.ones(2, 3)

    def reduced():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            layer(rows)

    assert counted_operations(lambda: layer(rows)) == counted_operations(reduced) == 60


@torch.inference_mode()
def test_a_whole_network_counts_as_torchs_own_counter_says():
    network = tiny_network()
    image = torch.zeros(1, 3, 64, 96)
    masks = torch.ones(2, 64, 96)

    def frame():
        head, features = network.prop_head, network.features(image)
        memory = head.memorize(features.p2, masks)
        head.segment(*memory, head.query(features.p2), features.c2, features.c3)
        boxes = torch.tensor([[8.0, 8.0, 40.0, 40.0]])
        network.detector.classify(features.pyramid, [boxes])
        network.detector.small_masks(features.pyramid, [boxes], torch.tensor([1]))

    with FlopCounterMode(display=False) as counter:
        frame()
    assert counted_operations(frame) == counter.get_total_flops() > 1e6
