"""The Seq-Prop head against the authors' code, on a 64 x 96 image with 3 objects.

Family A cannot tell a wrong memory read (its keys are nearly constant); family B can.
"""

import json

import numpy as np
import pytest
import torch
from checkpoints import MODEL, formula_state
from formulas import tensor, uniform

from propose_reduce.models.convert.keys import AUTHORS
from propose_reduce.models.seq_prop_head import SeqPropHead, soft_aggregate, soft_iou_loss

pytestmark = pytest.mark.parity

SIZE = (64, 96)
NOISE = 4e-5  # float32 sums of values up to 20: 3e-6 apart with AVX-512, 1.5e-5 with AVX2
ORDER = json.loads((MODEL / "prop_head_param_order.json").read_text())


def network_input(family, index, shape):
    """Return P2 of memory frame 0, 1, 2 or the query frame (3), C2 (4) or C3 (5)."""
    size = int(np.prod(shape))
    if family == "A":
        return tensor(np.sin(0.05 * np.arange(size) + 0.3 + 0.8 * index), shape)
    return tensor(uniform("B", 1000 + index, size), shape)


def ellipses(frame, height=SIZE[0], width=SIZE[1]):
    """Return three soft masks, (3, height, width), that move with the frame."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    masks = [
        1
        / (
            1
            + np.exp(
                2
                * (((x - 24 * k - 3 * frame) / 14) ** 2 + ((y - 16 * k + 2 * frame) / 10) ** 2 - 1)
            )
        )
        for k in (1, 2, 3)
    ]
    return torch.from_numpy(np.stack(masks).astype(np.float32))


def own_name(name):
    """Return the head's name of one of the authors' parameters."""
    return AUTHORS.rename(name).removeprefix("prop_head.")


class Case:
    """Head, inputs and the authors' numbers of one family."""

    def __init__(self, family):
        self.head = SeqPropHead()
        state = formula_state(family, "prop_head.")
        self.head.load_state_dict({own_name(name): value for name, value in state.items()})
        self.p2 = [network_input(family, index, (1, 256, 16, 24)) for index in range(4)]
        self.c2 = network_input(family, 4, (1, 256, 16, 24))
        self.c3 = network_input(family, 5, (1, 512, 8, 12))
        arrays = np.load(MODEL / "seq_prop_head.npz")
        self.expected = {name[2:]: arrays[name] for name in arrays if name.startswith(family)}

    def memory(self, frames):
        """Return keys and values of the first frames, (3, channels, frames, 4, 6)."""
        entries = [self.head.memorize(self.p2[frame], ellipses(frame)) for frame in range(frames)]
        keys, values = zip(*entries, strict=True)
        return torch.stack(keys, 2), torch.stack(values, 2)

    def segment(self, frames):
        """Return the query frame's masks, read from the first memory frames."""
        keys, values = self.memory(frames)
        return self.head.segment(keys, values, self.head.query(self.p2[3]), self.c2, self.c3)

    def agrees(self, got, name, tolerance):
        wanted = torch.from_numpy(self.expected[name])
        got = got.detach().to(wanted.dtype).reshape(wanted.shape)
        torch.testing.assert_close(got, wanted, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def case(family):
    return Case(family)


def test_the_head_has_the_papers_22_177_154_parameters_in_62_tensors(case):
    parameters = [parameter.numel() for parameter in case.head.parameters()]
    assert (len(parameters), sum(parameters)) == (62, 22_177_154)
    assert len(ORDER) == 62


def test_the_masks_of_the_formula_are_the_references():
    wanted = np.load(MODEL / "seq_prop_head.npz")["masks_t0"]
    np.testing.assert_allclose(ellipses(0).numpy(), wanted, rtol=0, atol=1e-7)


@torch.no_grad()
def test_memorise_one_frame_and_three(case):
    keys, values = case.memory(3)
    case.agrees(keys[:, :, 0], "mem_key_t0", NOISE)
    case.agrees(values[:, :, 0], "mem_value_t0", NOISE)
    case.agrees(keys, "mem_key_T3", NOISE)
    case.agrees(values, "mem_value_T3", NOISE)


@pytest.mark.parametrize(
    ("masks", "name"),
    [(ellipses(0)[:, :60, :90], "pad60x90"), (ellipses(0, 65, 97), "65x97")],
    ids=["smaller than the canvas", "one pixel larger"],
)
@torch.no_grad()
def test_memorise_masks_of_another_size(case, masks, name):
    memory = case.head.memorize(case.p2[0], masks)
    case.agrees(memory.key, f"mem_key_{name}", NOISE)
    case.agrees(memory.value, f"mem_value_{name}", NOISE)


@torch.no_grad()
def test_query(case):
    query = case.head.query(case.p2[3])
    case.agrees(query.key, "qry_key", NOISE)
    case.agrees(query.value, "qry_value", NOISE)


@pytest.mark.parametrize("frames", [1, 3])
@torch.no_grad()
def test_segment_and_aggregate(case, frames):
    separate = case.segment(frames)
    case.agrees(separate, f"segment_T{frames}", NOISE)
    together = soft_aggregate(separate)
    case.agrees(together, f"softmax_T{frames}", 1e-3)  # 2e-4 between two runs of the reference
    # odds of saturated pixels are ill-conditioned: 2e-3 between two runs of the reference
    logits = torch.from_numpy(case.expected[f"soft_agg_logit_T{frames}"])[0]
    odds = (together / together[0]).log()
    torch.testing.assert_close(odds, logits - logits[0], rtol=0, atol=1e-2)


def test_loss_and_gradients(case):
    case.head.zero_grad()
    losses = soft_iou_loss(soft_aggregate(case.segment(1))[1:], ellipses(1) >= 0.5)
    case.agrees(losses, "iouloss_per_object", 1e-5)
    case.agrees(losses.mean(), "loss_prop", 1e-5)
    losses.mean().backward()
    own = dict(case.head.named_parameters())
    norms = torch.stack([own[own_name(f"prop_head.{name}")].grad.double().norm() for name in ORDER])
    # absolute: the gradient of the memory key's bias is 0 but for rounding
    case.agrees(norms, "grad_norm_per_param", 1e-4)
    case.head.zero_grad()
