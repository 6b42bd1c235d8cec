"""Run-length encodings, against the official ones (tests/reference/eval/rle.json)."""

import json

import numpy as np
import pytest
from places import REFERENCE

from propose_reduce import rle

CASES = json.loads((REFERENCE / "eval" / "rle.json").read_text())

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("case", CASES["masks"], ids=lambda case: case["kind"])
def test_masks(case):
    height, width = case["size"]
    encoding = rle.from_counts(case["counts"], height, width)
    assert encoding == {"size": case["size"], "counts": case["string"]}
    drawn = np.repeat(np.arange(len(case["counts"])) % 2 == 1, case["counts"])
    mask = drawn.reshape(width, height).T
    assert rle.encode(mask) == encoding
    assert (rle.decode(encoding) == mask).all()
    assert rle.area(encoding) == case["area"]
    assert rle.box(encoding) == case["bbox"]


@pytest.mark.parametrize("case", CASES["polygons"], ids=lambda case: case["string"][:12])
def test_polygons(case):
    encoding = rle.from_polygons(case["polygons"], *case["size"])
    assert encoding == {"size": case["size"], "counts": case["string"]}
    assert rle.area(encoding) == case["area"]
