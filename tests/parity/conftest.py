"""Networks with the formulas' weights, each made once per session."""

import pytest
import torch
from checkpoints import formula_state, unused_state

from propose_reduce.models.convert.convert import convert
from propose_reduce.models.weights import load_weights


@pytest.fixture(scope="session", params=["A", "B"])
def family(request):
    """Family of weight and input formulas; only B tells a wrong memory read."""
    return request.param


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """Return family -> network: an authors' checkpoint file, converted and loaded."""
    known = {}

    def network(family):
        if family not in known:
            folder = tmp_path_factory.mktemp(f"formula_{family}")
            foreign, own = folder / "authors.pth", folder / "own.safetensors"
            state = {**formula_state(family), **unused_state()}
            torch.save({"meta": {"epoch": 12}, "state_dict": state}, foreign)
            convert(foreign, own, "youtube_vis_2019_r50")
            known[family] = load_weights(own).network
            foreign.unlink()
        return known[family]

    return network
