"""What a run goes on from: written whole, one before kept, damage told in one line."""

import os
import pickle

import pytest
import torch

from propose_reduce.errors import InputError
from propose_reduce.training.callbacks import (
    BEFORE,
    LAST,
    NEEDED,
    WholeCheckpoints,
    checkpoint_to_resume,
)


def content(step):
    return {key: {} for key in NEEDED} | {"global_step": step, "state_dict": {"a": torch.ones(3)}}


def step(path):
    return torch.load(path, weights_only=True)["global_step"]


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 3):
        WholeCheckpoints().save_checkpoint(content(number), tmp_path / LAST)
    return tmp_path


def test_the_last_checkpoint_and_the_one_before_are_kept(folder):
    assert (step(folder / LAST), step(folder / BEFORE)) == (3, 2)
    assert sorted(path.name for path in folder.iterdir()) == sorted([LAST, BEFORE])
    assert checkpoint_to_resume(folder) == folder / LAST


def test_of_others_none_before_is_kept(tmp_path):
    for number in (1, 2):
        WholeCheckpoints().save_checkpoint(content(number), str(tmp_path / "best.ckpt"))
    assert [path.name for path in tmp_path.iterdir()] == ["best.ckpt"]


def test_an_end_while_one_is_written_costs_that_one_alone(folder, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        WholeCheckpoints().save_checkpoint(content(4), folder / LAST)
    assert step(checkpoint_to_resume(folder)) == 3


def cut(path):
    path.write_bytes(path.read_bytes()[:200])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("no checkpoint")


def page(path):
    path.write_text("<html>Sign in</html>")


def of_something_else(path):
    torch.save({"state_dict": {}}, path)


def with_code(path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(path.parent / "harm"),)

    torch.save({"state_dict": Harm()}, path, pickle_module=pickle)


DAMAGE = {
    cut: "is damaged or not a checkpoint",
    empty: "is an empty file",
    text: "is damaged or not a checkpoint",
    page: "is a page of HTML",
    of_something_else: "is not a checkpoint: it lacks callbacks, global_step",
    with_code: "is damaged or not a checkpoint",
}


@pytest.mark.parametrize("spoil", DAMAGE, ids=lambda spoil: spoil.__name__)
def test_a_damaged_one_is_told_and_the_one_before_taken(folder, spoil):
    spoil(folder / LAST)
    with pytest.warns(UserWarning, match=rf"last\.ckpt' {DAMAGE[spoil]}.*going on from"):
        assert checkpoint_to_resume(folder) == folder / BEFORE
    spoil(folder / BEFORE)
    with pytest.raises(InputError, match=rf"last-before\.ckpt' {DAMAGE[spoil]}.*anew") as caught:
        checkpoint_to_resume(folder)
    assert "\n" not in str(caught.value)
    assert not (folder / "harm").exists()


def test_a_stage_without_checkpoints_starts_at_its_beginning(tmp_path):
    assert checkpoint_to_resume(tmp_path) is None


def test_an_end_between_the_two_renames_leaves_the_one_before(folder):
    (folder / LAST).replace(folder / BEFORE)
    assert step(checkpoint_to_resume(folder)) == 3
