"""The session that fits Seq Mask R-CNN to the three protocols."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import GivenMasks
from networks import tiny_network

from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent, _steps, working_image
from propose_reduce.errors import InputError
from propose_reduce.models.memory import MemoryBank
from propose_reduce.models.seq_prop_head import soft_aggregate
from propose_reduce.paradigm.pipeline import segment_clip, working_clip
from propose_reduce.paradigm.windows import window_of
from propose_reduce.settings import InferenceSettings, PropagateSettings
from propose_reduce.structures import Clip, Detections, Seed

SIZE = (36, 60)  # working size; the padded canvas is 64 x 64
CATEGORIES = ("circle", "square")


@pytest.fixture(scope="module")
def network():
    return tiny_network()


def clip(frames=7):
    random = np.random.default_rng(0)
    return Clip(random.integers(0, 256, (frames, *SIZE, 3), dtype=np.uint8), SIZE, SIZE)


def component(network, precision=torch.float32, **propagate):
    settings = InferenceSettings.model_validate(
        {"propagate": propagate, "propose": {"min_score": 0.0}}
    )
    return SeqMaskRCNNComponent(network, CATEGORIES, settings, precision)


def box_mask(left, count=1):
    masks = torch.zeros(count, *SIZE, dtype=torch.bool)
    for row in range(count):
        masks[row, 5 + 8 * row : 20 + 8 * row, left : left + 15] = True
    return masks


def propagated(one, video, seeds):
    """Return the masks by (seed, frame)."""
    with one.open(video) as session:
        found = list(session.propagate(video, seeds))
    assert len({(f.seed, f.frame) for f in found}) == len(found)
    return {(f.seed, f.frame): f.masks for f in found}


def test_every_seed_gets_every_frame_once_at_the_working_size(network):
    seeds = [Seed(0, box_mask(5, 2)), Seed(3, box_mask(20)), Seed(6, box_mask(35, 3))]
    masks = propagated(component(network), clip(), seeds)
    assert set(masks) == {(seed, frame) for seed in range(3) for frame in range(7)}
    assert {masks[2, frame].shape for frame in range(7)} == {(3, *SIZE)}


def test_seeds_do_not_depend_on_who_travels_with_them(network):
    seeds = [Seed(0, box_mask(5, 2)), Seed(3, box_mask(20)), Seed(6, box_mask(35, 3))]
    together = propagated(component(network, memory_every=2), clip(), seeds)
    for index, seed in enumerate(seeds):
        alone = propagated(component(network, memory_every=2), clip(), [seed])
        for frame in range(7):
            differing = alone[0, frame] ^ together[index, frame]
            assert differing.float().mean() < 0.002  # float32 sums in another order


def test_objects_decoded_a_few_at_a_time_are_the_same(network):
    seeds = [Seed(0, box_mask(5, 2)), Seed(3, box_mask(20)), Seed(6, box_mask(35, 3))]
    at_once = propagated(component(network), clip(), seeds)
    split = propagated(component(network, batch_objects=1), clip(), seeds)
    for key, masks in at_once.items():
        assert (masks ^ split[key]).float().mean() < 0.002


def test_what_is_detected_does_not_depend_on_the_precision(network):
    found = []
    for precision in (torch.float32, torch.bfloat16):
        with component(network, precision).open(video := clip()) as session:
            list(session.propagate(video, [Seed(3, box_mask(5))]))  # its features are in the store
            found.append(session.propose(video, 3))
    assert len(found[0])
    assert torch.equal(found[0].masks, found[1].masks)
    assert torch.equal(found[0].class_scores, found[1].class_scores)


def test_steps_hold_a_few_objects_each_in_the_order_of_the_seeds():
    assert list(_steps([3, 1, 2], 2)) == [
        [(0, slice(0, 2))],
        [(0, slice(2, 3)), (1, slice(0, 1))],
        [(2, slice(0, 2))],
    ]
    assert list(_steps([3, 1], 100)) == [[(0, slice(0, 3)), (1, slice(0, 1))]]
    assert list(_steps([], 2)) == []


def test_the_key_frame_is_segmented_from_its_memory_alone(network):
    video, seed = clip(1), Seed(0, box_mask(5, 2))
    masks = propagated(component(network), video, [seed])
    with torch.inference_mode():
        features = network.features(working_image(video, 0))
        head = network.prop_head
        memory = head.memorize(features.p2, seed.masks)
        soft = head.segment(*memory, head.query(features.p2), features.c2, features.c3)
        expected = soft_aggregate(soft)[1:, : SIZE[0], : SIZE[1]] >= 0.5
    assert torch.equal(masks[0, 0], expected)


def test_of_several_key_frames_each_is_remembered_everywhere(network):
    """One object on frames 1 and 5: at its own frames and between, it is read from both."""
    video = clip()
    seed = Seed(1, box_mask(5), {5: box_mask(20)})
    masks = propagated(component(network), video, [seed])
    assert set(masks) == {(0, frame) for frame in range(7)}
    with torch.inference_mode():
        head = network.prop_head
        read = {frame: network.features(working_image(video, frame)) for frame in range(7)}
        both = [head.memorize(read[frame].p2, own) for frame, own in seed.key_frames.items()]
        keys = torch.stack([one.key for one in both], dim=2)
        values = torch.stack([one.value for one in both], dim=2)
        for frame in range(7):  # none lies five frames from a key frame
            query = head.query(read[frame].p2)
            soft = head.segment(keys, values, query, read[frame].c2, read[frame].c3)
            expected = soft_aggregate(soft)[1:, : SIZE[0], : SIZE[1]] >= 0.5
            assert torch.equal(masks[0, frame], expected)


def test_an_object_is_read_from_the_key_frames_that_show_it(network):
    first, second = box_mask(5, 2), box_mask(20, 2)
    second[1] = False
    both = propagated(component(network), clip(), [Seed(1, first, {5: second})])
    kept = propagated(
        component(network, self_propagation=False), clip(), [Seed(1, first, {5: second})]
    )
    assert torch.equal(kept[0, 1], first)
    assert torch.equal(kept[0, 5][0], second[0])
    assert torch.equal(kept[0, 5][1], both[0, 5][1])  # nothing was seen of it there


def test_what_follows_a_key_frame_is_memorised_at_distances_from_it(network, monkeypatch):
    asked = []
    original = MemoryBank.add
    monkeypatch.setattr(
        MemoryBank, "add", lambda bank, *given: (asked.append(given[0]), original(bank, *given))[1]
    )
    seeds = [Seed(0, box_mask(5), {4: box_mask(20)})]
    propagated(component(network, memory_every=2), clip(), seeds)
    assert asked == [2, 2]  # frame 2 after 0, and frame 6 after 4


def test_only_the_frames_that_are_wanted_are_computed(network):
    near = Seed(0, box_mask(5), frames=frozenset({0, 5}))
    whole = propagated(component(network), clip(), [Seed(0, box_mask(5))])
    masks = propagated(component(network), clip(), [near])
    assert set(masks) == {(0, 0), (0, 5)}
    assert torch.equal(masks[0, 5], whole[0, 5])


def test_without_self_propagation_the_key_frame_stays_as_detected(network):
    seed = Seed(2, box_mask(5, 2))
    kept = propagated(component(network, self_propagation=False), clip(), [seed])
    usual = propagated(component(network), clip(), [seed])
    assert torch.equal(kept[0, 2], seed.masks)
    assert not torch.equal(usual[0, 2], seed.masks)
    assert all(torch.equal(kept[0, frame], usual[0, frame]) for frame in (0, 1, 3, 4, 5, 6))


def test_backward_starts_from_the_key_frame_again(network):
    """What was memorised on the way forward is not in the memory on the way back."""
    seed = Seed(3, box_mask(20))
    whole = propagated(component(network, memory_every=1), clip(), [seed])
    until_key_frame = Clip(clip().frames[:4], SIZE, SIZE)
    back_only = propagated(component(network, memory_every=1), until_key_frame, [seed])
    assert all(torch.equal(whole[0, frame], back_only[0, frame]) for frame in range(4))


def test_features_are_computed_once_per_frame_and_sweep(network):
    counted = Counter()

    def counting(video, frame):
        counted[frame] += 1
        return working_image(video, frame)

    video = clip()
    one = SeqMaskRCNNComponent(network, CATEGORIES, InferenceSettings(), read_image=counting)
    seeds = [Seed(0, box_mask(5)), Seed(3, box_mask(20)), Seed(6, box_mask(35))]
    with one.open(video) as session:
        for found in session.propagate(video, seeds):
            masks = found.masks.clone()
            masks[:, 0, 0] = True
            session.score(video, found.frame, masks, Detections(masks, torch.zeros(1, 3)))
    assert max(counted.values()) <= 2
    assert sum(counted.values()) <= 7 + 6


def test_a_seed_without_objects_has_nothing_everywhere(network):
    seeds = [Seed(2, box_mask(5)[:0]), Seed(4, box_mask(5))]
    masks = propagated(component(network), clip(), seeds)
    assert {masks[0, frame].shape for frame in range(7)} == {(0, *SIZE)}
    assert len(masks) == 14
    assert len(propagated(component(network), clip(), seeds[:1])) == 7


def test_scores_are_class_probabilities(network):
    video = clip()
    with component(network).open(video) as session:
        masks = box_mask(5, 2)
        scores = session.score(video, 3, masks, Detections(masks, torch.zeros(2, 3)))
    assert scores.shape == (2, 3)
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(2))


def test_proposals_stay_within_their_number(network):
    video = clip()
    settings = InferenceSettings.model_validate({"propose": {"min_score": 0.0, "max_objects": 4}})
    with SeqMaskRCNNComponent(network, CATEGORIES, settings).open(video) as session:
        seen = session.propose(video, 0)
    assert 0 < len(seen) <= 4
    assert seen.masks.shape[1:] == SIZE


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_the_whole_pipeline_runs_and_repeats_itself(network, precision):
    video, one = clip(4), component(network, precision)
    runs = []
    for _ in range(2):
        with one.open(video) as session:
            found = segment_clip(video, session, session, session, one.settings)
        runs.append([(s.category, s.score, s.segmentations) for s in found])
    assert runs[0] == runs[1]


def test_a_frame_of_another_size_is_brought_to_the_working_size():
    frames = np.zeros((1, 72, 120, 3), np.uint8)
    frames[..., 0] = 200
    image = working_image(Clip(frames, SIZE, (72, 120)), 0)
    assert image.shape == (1, 3, *SIZE)
    assert image.dtype == torch.uint8
    assert image[0, :, 0, 0].tolist() == [200, 0, 0]


def test_a_session_serves_its_own_clip_only(network):
    video, other = clip(), clip()
    with component(network).open(video) as session, pytest.raises(InputError, match="another clip"):
        session.propose(other, 0)


def test_windows_of_a_clip_share_its_session(network):
    video, seed = clip(), Seed(1, box_mask(5, 2))
    window = window_of(video, range(2, 6))
    alone = propagated(component(network), Clip(video.frames[2:6], SIZE, SIZE), [seed])
    with component(network).open(video) as session:
        session.propose(video, 3)  # frame 1 of the window: its features are there already
        shared = {found.frame: found.masks for found in session.propagate(window, [seed])}
    assert set(shared) == set(range(4))
    assert all(torch.equal(shared[frame], alone[0, frame]) for frame in range(4))


def test_objects_at_once_follow_the_memory_that_a_step_may_take(network, monkeypatch):
    seeds = [Seed(0, box_mask(5, 2)), Seed(3, box_mask(20)), Seed(6, box_mask(35, 3))]
    groups, decode = [], network.prop_head.decode
    monkeypatch.setattr(
        network.prop_head,
        "decode",
        lambda keys, *rest: groups.append(sum(map(len, keys))) or decode(keys, *rest),
    )
    query = network.prop_head.query(network.features(working_image(clip(), 0)).p2)
    room = 3 * network.prop_head.decode_bytes(query)
    monkeypatch.setattr("propose_reduce.components.seq_mask_rcnn.step_bytes", lambda device: room)
    propagated(component(network), clip(), seeds)
    assert max(groups) == 3
    groups.clear()
    propagated(component(network, batch_objects=100), clip(), seeds)
    assert max(groups) == 6


@pytest.mark.usefixtures("gpu")
def test_cuda_and_the_cpu_agree():
    seeds = [Seed(0, box_mask(5, 2)), Seed(3, box_mask(20)), Seed(6, box_mask(35, 3))]
    video, found = clip(), []
    for device in ("cpu", "cuda"):
        one = component(tiny_network().to(device))
        moved = [Seed(seed.frame, seed.masks.to(device)) for seed in seeds]
        masks = propagated(one, video, moved)
        with one.open(video) as session:
            seen = session.propose(video, 0)
            scores = session.score(
                video, 3, moved[1].masks, Detections(moved[1].masks, torch.zeros(1, 3))
            )
        found.append((masks, seen, scores.cpu()))
    (masks, seen, scores), (there, seen_there, scores_there) = found
    for key, mask in masks.items():
        assert (mask ^ there[key].cpu()).float().mean() < 0.002  # float32 sums in another order
    torch.testing.assert_close(scores_there, scores, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(
        seen_there.class_scores.cpu(), seen.class_scores, atol=1e-3, rtol=1e-3
    )


@pytest.mark.parametrize("memory_every", [1, 5])
def test_corrected_masks_are_yielded_and_enter_the_memory(network, memory_every, monkeypatch):
    one, video, seed = (
        component(network, memory_every=memory_every),
        clip(9),
        Seed(4, box_mask(5, 2)),
    )
    given = GivenMasks({2: box_mask(30, 2), 6: box_mask(25, 2)})
    memorised, real = [], network.prop_head.memorize
    monkeypatch.setattr(
        network.prop_head, "memorize", lambda p2, soft: (memorised.append(soft), real(p2, soft))[1]
    )
    with one.open(video) as session:
        found = {f.frame: f.masks for f in session.propagate(video, [seed], corrector=given)}
    assert len(found) == 9
    height, width = SIZE
    for frame, corrected in given.masks.items():
        assert torch.equal(found[frame], corrected)
        (soft,) = [
            each for each in memorised[1:] if torch.equal(each[:, :height, :width] > 0.5, corrected)
        ]
        assert soft[:, height:].sum() == 0  # nothing beyond the picture


def test_masks_that_stand_leave_everything_as_it_is(network):
    one, video, seed = component(network), clip(), Seed(3, box_mask(5, 2))
    plain = propagated(one, video, [seed])
    with one.open(video) as session:
        for found in session.propagate(video, [seed], corrector=GivenMasks({})):
            assert torch.equal(found.masks, plain[0, found.frame])


def test_a_tenth_of_the_video_is_the_step_of_the_memory():
    schedule = PropagateSettings(memory_every="T/10")
    assert [schedule.memory_step(frames) for frames in (3, 10, 36, 104)] == [1, 1, 3, 10]
    assert PropagateSettings(memory_every=4).memory_step(36) == 4


@pytest.mark.parametrize(
    ("propagate", "says"),
    [
        ({"memory_every": 1, "memory_frames": 3}, "memory_every=1 is thinned to every 4th frame"),
        ({"memory_every": 1, "memory_frames": None}, None),
        ({"memory_every": 2, "memory_frames": 4}, None),
        ({"memory_frames": 2}, None),  # nothing was asked for
    ],
)
def test_a_schedule_that_does_not_fit_into_the_memory_is_told_once(network, propagate, says):
    told = []
    one = replace(component(network, **propagate), warn=told.append)
    with one.open(video := clip(7)) as session:
        for _ in range(2):
            list(session.propagate(video, [Seed(0, box_mask(5))]))
    assert len(told) == (says is not None)
    assert says is None or says in told[0]


def test_on_the_canvas_masks_see_the_padding_and_results_do_not(network):
    settings = InferenceSettings.model_validate(
        {
            "propose": {"min_score": 0.0},
            "propagate": {"padding": "canvas"},
            "reduce": {"min_score": 0.0},
        }
    )
    video = working_clip(clip(3), settings)
    assert (video.working_size, video.shown_size) == ((64, 64), SIZE)
    assert working_clip(video, settings) is video
    one = SeqMaskRCNNComponent(network, CATEGORIES, settings)
    plain = component(network)
    with one.open(video) as session, plain.open(small := clip(3)) as other:
        seen, usual = session.propose(video, 0), other.propose(small, 0)
        assert torch.equal(seen.masks[:, : SIZE[0], : SIZE[1]], usual.masks)
        assert seen.masks.sum() == usual.masks.sum()
        masks = {
            found.frame: found.masks for found in session.propagate(video, [Seed(0, seen.masks)])
        }
        usual = {
            found.frame: found.masks for found in other.propagate(small, [Seed(0, usual.masks)])
        }
        for frame in range(3):
            assert torch.equal(masks[frame][:, : SIZE[0], : SIZE[1]], usual[frame])
        found = segment_clip(video, session, session, session, settings)
    assert {sequence.masks.shape[1:] for sequence in found} == {SIZE}
