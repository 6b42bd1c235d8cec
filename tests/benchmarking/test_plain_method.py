"""The plain method of benchmarks/ and this package give the same masks."""

import pytest
from benchmarks_tiny import BENCHMARKS, tiny_work

from propose_reduce.benchmarking.measure import Method, measure
from propose_reduce.benchmarking.method import propose_reduce
from propose_reduce.benchmarking.workload import ASIDE, STAGES


@pytest.fixture
def plain_method(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import plain_method

    return plain_method


def test_both_follow_the_same_masks_on_the_same_schedule(plain_method, tmp_path):
    work = tiny_work(tmp_path, objects=2, frames=7)

    def planned(*arguments):
        return plain_method.plain(*arguments, memory_every=2)

    ours = measure(Method("ours", propose_reduce), work, tmp_path)
    other = measure(Method("plain", planned), work, tmp_path)
    assert plain_method.mean_iou(ours.followed, other.followed) >= 0.999
    pixels = work.scene.size[0] * work.scene.size[1]
    assert 0.01 < ours.followed.areas.mean() / pixels < 0.99  # there is something to agree on
    assert set(other.seconds) == {*STAGES, ASIDE}
    assert other.operations["propagation"] > ours.operations["propagation"]


def test_another_schedule_gives_other_masks(plain_method, tmp_path):
    work = tiny_work(tmp_path, objects=2, frames=7)

    def eager(*arguments):
        return plain_method.plain(*arguments, memory_every=1)

    ours = measure(Method("ours", propose_reduce), work, tmp_path)
    other = measure(Method("plain", eager), work, tmp_path)
    assert plain_method.mean_iou(ours.followed, other.followed) < 0.999
