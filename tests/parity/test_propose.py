"""Propagation and scoring of seven frames against the authors' code.

The session's working size is the padded canvas, on which the authors threshold, box and score;
frames enter as the reference's normalised images, so normalisation is switched off.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from checkpoints import MODEL
from formula_frames import SIZE, image

from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent, Session
from propose_reduce.masks import scoring_boxes
from propose_reduce.paradigm.propose import mask_nms
from propose_reduce.paradigm.score import mean_scores, score_frame
from propose_reduce.settings import InferenceSettings, category_set
from propose_reduce.structures import Clip, Detections, Seed

pytestmark = pytest.mark.parity

FRAMES = 7
ARRAYS = np.load(MODEL / "pipeline" / "propose.npz")
CASES = sorted({name.split(".")[1] for name in ARRAYS if "." in name})


class RecordingSession(Session):
    """Keeps the soft masks, which no protocol passes on."""

    def __init__(self, component, clip):
        super().__init__(component, clip)
        self.soft = {}

    def _result(self, frame, track, soft):
        self.soft[frame] = soft.clone()
        return super()._result(frame, track, soft)


@dataclass
class Run:
    """Soft and bool masks (7, 2, 64, 96) and class scores (2, 41) of two sequences."""

    soft: torch.Tensor
    masks: torch.Tensor
    scores: torch.Tensor


@pytest.fixture(scope="module")
def component(family, networks):
    """Return memory_every -> the network as a component that reads the reference's images."""
    network = networks(family)
    mean, std = network.pixel_mean.clone(), network.pixel_std.clone()
    network.pixel_mean.zero_()
    network.pixel_std.fill_(1)

    def make(memory_every):
        return SeqMaskRCNNComponent(
            network,
            category_set("youtube_vis_2019"),
            InferenceSettings.model_validate({"propagate": {"memory_every": memory_every}}),
            read_image=lambda clip, frame: image(family, frame, padded=True),
        )

    yield make
    network.pixel_mean.copy_(mean)
    network.pixel_std.copy_(std)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """Name of a case, such as t3_memstep2: key frame 3, every second frame memorised."""
    return request.param


@pytest.fixture(scope="module")
def run(case, component):
    key_frame, memory_every = (int("".join(filter(str.isdigit, word))) for word in case.split("_"))
    detected = torch.from_numpy(ARRAYS["fixed_masks"]).bool()
    kept = mask_nms(detected, 0.2)
    assert kept.tolist() == [0, 1]  # the third overlaps the first
    seeds = torch.zeros(2, *SIZE, dtype=torch.bool)
    seeds[:, :60, :90] = detected[kept]
    clip = Clip([None] * FRAMES, SIZE, SIZE)
    session = RecordingSession(component(memory_every), clip)
    results = {r.frame: r.masks for r in session.propagate(clip, [Seed(key_frame, seeds)])}
    masks = torch.stack([results[frame] for frame in range(FRAMES)])
    origins = Detections(seeds, torch.zeros(2, 41))
    scores = [score_frame(clip, session, frame, masks[frame], origins) for frame in range(FRAMES)]
    return Run(
        torch.stack([session.soft[frame] for frame in range(FRAMES)]),
        masks,
        mean_scores(torch.stack(scores, dim=1)),
    )


def test_probabilities(run, case, family):
    wanted = torch.from_numpy(ARRAYS[f"{family}.{case}.prob_step2"])
    difference = (run.soft[..., ::2, ::2] - wanted).abs()
    assert difference.mean() < 1e-4
    assert difference.max() < 0.1  # saturated pixels: odds are ill-conditioned in float32


def test_areas(run, case, family):
    wanted = torch.from_numpy(ARRAYS[f"{family}.{case}.fg_area"])
    noise = {"A": 40, "B": 4}[family]  # probabilities of family A lie at the threshold
    assert (run.masks.sum(dim=(2, 3)) - wanted).abs().max() <= noise


def test_boxes_that_are_scored(run, case, family):
    wanted = torch.from_numpy(ARRAYS[f"{family}.{case}.boxes"])
    boxes = scoring_boxes(run.masks.flatten(0, 1)).view(FRAMES, 2, 4)
    off = (boxes - torch.tensor([0, 0, 1, 1]) - wanted).abs().amax()
    assert off <= {"A": 2, "B": 0}[family]


def test_class_scores(run, case, family):
    wanted = torch.from_numpy(ARRAYS[f"{family}.{case}.seq_scores"])
    torch.testing.assert_close(run.scores, wanted, rtol=0, atol=1e-4)
