"""Components by name: what is refused, and with what advice. No weights, no network."""

import sys

import pytest
from fakes import FakeProposer, World

from propose_reduce.components.flow import FlowPropagator
from propose_reduce.components.registry import OWN, PROPAGATORS, PROPOSERS, SCORERS, Request
from propose_reduce.errors import InputError

TABLES = {table.role: table for table in (PROPOSERS, PROPAGATORS, SCORERS)}


def test_every_form_is_one_that_is_understood():
    for table in TABLES.values():
        first, *others, last = table.forms
        assert (first, last) == (OWN, "MODULE:CLASS")
        for form in others:
            assert table.kind(form) is table.kinds[form.partition(":")[0]]


@pytest.mark.parametrize(
    ("role", "name", "message"),
    [
        ("proposer", "torchvison:x", "did you mean 'torchvision'. known: seq-mask-rcnn, torch"),
        ("propagator", "zzz", "unknown propagator 'zzz': known: seq-mask-rcnn, sam2:ID|FOLDER"),
        ("proposer", "flow", "unknown proposer 'flow': it is a propagator; known: seq-mask-rcnn"),
        ("proposer", "torchvision", "the proposer 'torchvision' must read 'torchvision:NAME'"),
        ("propagator", "sam2:", "must read 'sam2:ID|FOLDER'"),
        ("propagator", "flow:", "must read 'flow'"),
        ("scorer", "redetect:x", "the scorer 'redetect:x' must read 'redetect'"),
        ("scorer", "redetect", "asks a proposer, and none is at work"),
        ("proposer", "torchvision:maskrcnn_resnet50_fpn_v3", "did you mean 'maskrcnn_resnet50_fpn"),
        ("proposer", "file:nowhere", "nowhere"),
    ],
)
def test_a_wrong_name_is_answered_in_one_line(role, name, message):
    with pytest.raises(InputError, match=message) as caught:
        TABLES[role].build(name, Request())
    assert "\n" not in str(caught.value)


def test_prompts_are_for_a_component_that_reads_them():
    with pytest.raises(InputError, match=r"'file:x' takes no prompts: only 'hf:ID\|FOLDER' does"):
        PROPOSERS.build("file:x", Request(prompts=("dog",)))


def test_components_without_weights_are_built():
    assert isinstance(PROPAGATORS.build("flow", Request()), FlowPropagator)
    proposer = FakeProposer(World())
    for name in SCORERS.kinds:
        assert hasattr(SCORERS.build(name, Request(proposer=proposer)), "score")


NEEDS_TRANSFORMERS = [
    ("proposer", "hf:a/b", ()),
    ("proposer", "hf:a/b", ("dog",)),
    *(("propagator", f"{kind}:a/b", ()) for kind in ("sam2", "edgetam", "sam3-tracker")),
]


@pytest.mark.parametrize(("role", "name", "prompts"), NEEDS_TRANSFORMERS)
def test_a_missing_extra_is_named(role, name, prompts, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install '\.\[transformers\]'"):
        TABLES[role].build(name, Request(prompts=prompts))
