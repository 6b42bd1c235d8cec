import subprocess
import sys

import pytest
import torch
from training_runs import network, preset, shapes_batches

from propose_reduce.training.module import TrainingModule


def test_a_few_steps_on_one_pair_bring_every_loss_down(monkeypatch):
    chosen = preset(model={"pyramid_channels": 32, "box_channels": 32})
    built = network(chosen).train()
    batch = shapes_batches(size=1, distance=2, true_masks=1.0)[0].pairs
    optimizer = torch.optim.AdamW(built.parameters(), lr=1e-3)
    filtered, first = built.detector.rpn.filter_proposals, []

    def always_the_first(*arguments):
        # Better proposals are harder boxes: only on the same ones do the losses compare.
        first[:] = first or [filtered(*arguments)]
        return first[0]

    monkeypatch.setattr(built.detector.rpn, "filter_proposals", always_the_first)

    def losses():
        torch.manual_seed(0)  # the same anchors and boxes are sampled each time
        return built(batch)

    before = {name: value.item() for name, value in losses().items()}
    last = []
    for _ in range(30):
        optimizer.zero_grad()
        parts = losses()
        sum(parts.values()).backward()
        optimizer.step()
        last = [*last[-9:], {name: value.item() for name, value in parts.items()}]
    # any one step may be a bad one, and which depends on how the hardware rounds
    least = {name: min(step[name] for step in last) for name in before}
    assert set(before) == {"rpn_objectness", "rpn_box", "class", "box", "mask", "propagation"}
    assert {name: value for name, value in least.items() if value > 0.95 * before[name]} == {}


def test_detection_on_both_frames_and_the_extra_losses_are_part_of_the_sum():
    built = network(preset(key_penalty=0.1)).train()
    built.separate_loss = 1.0
    losses = built(shapes_batches(detect_on_reference=True)[0].pairs)
    assert losses["propagation_separate"] > 0
    assert losses["propagation_keys"] > 0


def average_after(values, decay):
    """Return the moving average of a bias that takes these values one after the other."""
    chosen = preset(average=decay)
    module = TrainingModule(
        network(chosen), chosen.training, chosen.training.stages["only"], seed=0, steps=9
    )
    bias = module.network.prop_head.decoder.predict.bias
    for value in values:
        with torch.no_grad():
            bias.fill_(value)
        module.average.update_parameters(module.network)
    return module.result.prop_head.decoder.predict.bias[0].item()


def test_the_average_starts_at_the_weights_and_follows_them():
    assert average_after([3.0], 0.9) == 3.0
    assert average_after([3.0, 5.0], 0.1) == pytest.approx(4.8)
    # after one value the decay is (1 + 1) / (10 + 1), far below 0.9
    assert average_after([0.0, 11.0], 0.9) == pytest.approx(9.0)


def test_without_an_average_the_network_itself_is_the_result():
    chosen = preset()
    built = network(chosen)
    stage = chosen.training.stages["only"]
    assert TrainingModule(built, chosen.training, stage, seed=0, steps=1).result is built


PROCESS = """
import sys
from torch import distributed
from propose_reduce.training.module import first_fault

rank, meeting = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
print([first_fault(fault if rank else "") for fault in ("", "diverged on batch 3")])
"""


@pytest.mark.process
def test_what_one_process_finds_all_of_them_say(tmp_path):
    line = [sys.executable, "-c", PROCESS]
    processes = [
        subprocess.Popen(
            [*line, str(rank), str(tmp_path / "meeting")], stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=300)[0].strip() for process in processes]
    assert said == ["['', 'diverged on batch 3']"] * 2
