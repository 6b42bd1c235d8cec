"""ResNet-50 and its pyramid against the authors' code, full 64 x 96 image."""

import numpy as np
import pytest
import torch
from checkpoints import MODEL
from formula_frames import image

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def maps(family, networks):
    """Return C2..C5 and P2..P6 by name."""
    backbone = networks(family).backbone
    with torch.no_grad():
        frame = image(family, 0)
        features = backbone(frame)
        stages = backbone.body(frame)
    assert torch.equal(features.c2, stages[0])
    assert torch.equal(features.c3, stages[1])
    named = {f"C{level}": value for level, value in enumerate(stages, start=2)}
    return named | {f"P{level}": value for level, value in enumerate(features.pyramid, start=2)}


@pytest.mark.parametrize("level", ["C2", "C3", "C4", "C5", "P2", "P3", "P4", "P5", "P6"])
def test_features_are_the_authors(level, family, maps):
    arrays = np.load(MODEL / "pipeline" / "backbone_fpn.npz")
    start = f"{family}.{level}.ch_0_step"
    name = next(name for name in arrays if name.startswith(start))
    found = maps[level][0, :: int(name.removeprefix(start))]
    torch.testing.assert_close(found, torch.from_numpy(arrays[name]), rtol=0, atol=5e-5)
    whole = maps[level].double()
    statistics = torch.stack([whole.mean(), whole.std(), whole.abs().max()])
    wanted = torch.from_numpy(arrays[f"{family}.{level}.mean_std_absmax"])
    torch.testing.assert_close(statistics, wanted, rtol=0, atol=1e-4)
