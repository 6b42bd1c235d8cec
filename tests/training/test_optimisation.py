import pytest
from training_runs import network, preset

from propose_reduce.settings.training import StageSettings
from propose_reduce.training.module import learning_rate_factor, make_optimizer


def factors(stage, steps=40, epoch_steps=10):
    return [learning_rate_factor(stage, step, steps, epoch_steps) for step in range(steps)]


def test_the_paper_divides_by_ten_at_the_start_of_epochs_three_and_four():
    found = factors(StageSettings(milestones=(3, 4)))
    assert found[:20] == [1.0] * 20
    assert found[20:30] == pytest.approx([0.1] * 10)
    assert found[30:] == pytest.approx([0.01] * 10)


def test_the_cosine_falls_from_one_to_a_hundredth():
    found = factors(StageSettings(schedule="cosine"))
    assert found[0] == 1.0
    assert found[20] == pytest.approx(0.505)
    assert 0.01 < found[-1] < 0.02
    assert found == sorted(found, reverse=True)


def test_the_warm_up_rises_evenly_to_the_full_rate():
    assert factors(StageSettings(warmup_steps=3))[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_the_head_has_a_rate_of_its_own_and_only_kernels_decay_under_adamw():
    stage = StageSettings(
        optimizer="adamw", learning_rate=0.5, head_learning_rate=0.1, weight_decay=0.3
    )
    built = network(preset())
    groups = make_optimizer(built, stage).param_groups
    head = {id(parameter) for parameter in built.prop_head.parameters()}
    for group in groups:
        for parameter in group["params"]:
            assert group["lr"] == (0.1 if id(parameter) in head else 0.5)
            assert group["weight_decay"] == (0.3 if parameter.ndim > 1 else 0.0)
    trained = sum(parameter.requires_grad for parameter in built.parameters())
    assert sum(len(group["params"]) for group in groups) == trained


def test_sgd_leaves_out_what_is_frozen_and_decays_the_rest():
    built = network(preset(model={"frozen_stages": 2}))
    groups = make_optimizer(built, StageSettings(momentum=0.8)).param_groups
    given = {id(parameter) for group in groups for parameter in group["params"]}
    assert given == {id(p) for p in built.parameters() if p.requires_grad}
    assert len(given) < len(list(built.parameters()))
    assert all(g["weight_decay"] == 1e-4 and g["momentum"] == 0.8 for g in groups)
