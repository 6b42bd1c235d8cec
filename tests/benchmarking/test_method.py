"""This package's way through the work, measured."""

import pytest
import torch
from benchmarks_tiny import tiny_work

from propose_reduce.benchmarking.measure import Method, measure, median
from propose_reduce.benchmarking.method import propose_reduce
from propose_reduce.benchmarking.report import Run
from propose_reduce.benchmarking.workload import ASIDE, OTHER, STAGES
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.masks import PackedMasks
from propose_reduce.results import VideoResult
from propose_reduce.structures import Seed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def work(folder):
    return tiny_work(folder)


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def run(request, work, folder):
    return measure(Method("ours", propose_reduce, request.param), work, folder)


def test_every_stage_is_timed(run):
    assert set(run.seconds) == {*STAGES, ASIDE, "decode ahead"}
    assert all(run.seconds[stage] > 0 for stage in STAGES)
    beside = run.seconds[ASIDE] + run.seconds["decode ahead"]
    assert run.total == pytest.approx(sum(run.seconds.values()) - beside)


def test_operations_are_those_of_the_networks(run, work):
    assert set(run.operations) == {"features", "detection", "propagation", "scoring"}


def test_known_operations_are_taken_over_and_not_counted(work, folder):
    run = measure(Method("ours", propose_reduce), work, folder, {"features": 7})
    assert run.operations == {"features": 7}


def test_the_result_is_the_scene_whatever_the_weights_are(run, work, folder):
    result = VideoResult.load(folder / "result.json")
    assert len(result.sequences) == work.scene.objects
    truth = torch.stack([work.scene.masks(t) for t in range(work.scene.length)], dim=1)
    found = sorted((s.masks.tolist() for s in result.sequences), reverse=True)
    assert found == sorted(truth.tolist(), reverse=True)


def test_what_was_followed_is_what_the_network_propagates(work, folder):
    followed = measure(Method("ours", propose_reduce), work, folder).followed
    categories = work.model.settings.categories
    component = SeqMaskRCNNComponent(work.network, categories, work.inference)
    clip = work.open()
    with component.open(clip) as session:
        seeds = [Seed(key, work.masks[key]) for key in work.key_frames]
        for found in session.propagate(clip, seeds):
            for row, mask in enumerate(found.masks):
                kept = followed.mask(found.seed * work.scene.objects + row, found.frame)
                assert torch.equal(kept, mask)
    assert followed.areas.any()


def test_the_median_run_is_one_of_them_with_the_times_of_all():
    nothing, masks = dict.fromkeys(STAGES, 0.0), PackedMasks(1, 1, (1, 1))
    runs = [
        Run("ours", "fp32", 1, 2, nothing | {OTHER: took}, {}, None, masks)
        for took in (3.0, 1.0, 2.0)
    ]
    chosen = median(runs)
    assert (chosen.total, chosen.all_seconds) == (2.0, (3.0, 1.0, 2.0))
    assert median(runs[:2]).total == 1.0
