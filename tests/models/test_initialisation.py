"""The untrained Seq-Prop head: what looks alike is found, and where the mask is stands out."""

import pytest
import torch

from propose_reduce.models.build import initialise
from propose_reduce.models.seq_prop_head import SeqPropHead


@pytest.fixture(scope="module")
def head():
    torch.manual_seed(0)
    head = SeqPropHead(channels=64, p2_channels=64, c2_channels=64, c3_channels=128)
    initialise(head)
    return head


@pytest.fixture(scope="module")
def p2():
    generator = torch.Generator().manual_seed(1)
    coarse = torch.randn(1, 64, 8, 12, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(32, 48), mode="bicubic")


def test_query_and_memory_encoder_start_as_twins(head):
    memory, query = head.memory_encoder.state_dict(), head.query_encoder.state_dict()
    assert set(memory) - set(query) == {"mask.weight", "mask.bias"}
    assert all(torch.equal(memory[name], value) for name, value in query.items())


@torch.no_grad()
def test_a_place_finds_itself_in_the_memory_of_the_same_frame(head, p2):
    memory, query = head.memorize(p2, torch.zeros(1, 128, 192)), head.query(p2)
    logits = query.key.flatten(2)[0].T @ memory.key.flatten(2)[0] / 8  # sqrt(64 key channels)
    places = torch.arange(len(logits))
    assert (logits.argmax(dim=1) == places).float().mean() > 0.6  # by chance 1 in 96
    assert 1 < logits.std() < 6


@torch.no_grad()
def test_a_value_differs_from_its_query_twin_where_the_mask_is(head, p2):
    mask = torch.zeros(1, 128, 192)
    mask[:, 32:80, 48:112] = 1
    difference = (head.memorize(p2, mask).value - head.query(p2).value).abs().mean(dim=1)[0]
    inside = torch.zeros(8, 12, dtype=torch.bool)
    inside[2:5, 3:7] = True
    assert difference[inside].mean() > 5 * difference[~inside].mean()
    assert 0.3 < head.query(p2).value.std() < 3
