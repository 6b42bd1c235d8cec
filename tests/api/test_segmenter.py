from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fakes import FakePropagator, FakeProposer, World
from weight_files import tiny_weights
from worlds import CAT, DOG, WORLD, segmenter, world_film

from propose_reduce.api import Options, Segmenter, load
from propose_reduce.errors import ContractError, InputError, ResourceError

FRAMES = np.zeros((6, 48, 64, 3), np.uint8)


def run(source=FRAMES, **options):
    ready = segmenter(**options)
    return ready(ready.open(source), keep_proposals=True)


def test_a_film_becomes_a_result_in_its_own_pixels(tmp_path):
    result = run(world_film(tmp_path / "pets.mp4")).result
    assert (result.name, result.size, result.num_frames, result.fps) == ("pets", (48, 64), 6, 10)
    assert result.categories == {1: "cat", 2: "dog"}
    assert [s.category for s in result.sequences] == ["cat", "dog"]
    shown = torch.stack([WORLD.mask(CAT, t) for t in range(6)]).numpy()
    assert (result.sequences[0].masks == shown.repeat(2, axis=1).repeat(2, axis=2)).all()


def test_a_part_of_a_film_is_segmented_alone():
    result = run(start=1, end=4, every=2).result
    assert result.num_frames == 2


def test_classes_that_are_not_looked_for_are_not_found():
    result = run(classes=("dog",)).result
    assert [(s.category, s.class_scores.keys()) for s in result.sequences] == [("dog", {"dog"})]
    assert result.categories == {1: "cat", 2: "dog"}
    with pytest.raises(InputError, match="unknown class 'dogs': did you mean 'dog'"):
        segmenter(classes=("dogs",)).load()


def test_weak_sequences_are_left_out():
    assert [s.category for s in run(min_score=0.7).result.sequences] == ["cat"]


def test_proposals_are_the_sequences_of_every_key_frame_with_all_class_scores():
    segmented = run(key_frames=2)
    proposals = segmented.proposals.sequences
    assert [s.category for s in proposals] == ["cat", "cat", "dog", "dog"]
    assert sorted(s.key_frame for s in proposals) == [0, 0, 5, 5]
    assert [s.id for s in proposals] == [1, 2, 3, 4]
    assert proposals[0].class_scores.keys() == {"cat", "dog"}
    assert len(segmented.result.sequences) == 2


def test_an_empty_world_gives_an_empty_result():
    segmented = run(world=World((), num_frames=6))
    assert segmented.result.sequences == segmented.proposals.sequences == ()


def test_settings_tell_what_the_result_depends_on():
    first, second = segmenter(key_frames=3).settings(), segmenter(key_frames=4).settings()
    assert first["inference"]["propose"]["key_frames"] == 3
    assert first["input"] == {"long_side": 32, "short_side": 32}
    assert first["components"]["proposer"] == "FakeProposer"
    assert first != second


def test_two_runs_give_the_same():
    first, second = run().result, run().result
    assert [s.segmentations for s in first.sequences] == [s.segmentations for s in second.sequences]


def test_progress_passes_every_stage():
    told = []
    ready = segmenter(key_frames=2)
    ready(ready.open(FRAMES), progress=lambda *step: told.append(step))
    assert {stage for stage, _, _ in told} == {"propose", "propagate", "report"}
    assert [step for step in told if step[0] == "propose"] == [("propose", 1, 2), ("propose", 2, 2)]


def test_a_missing_component_is_named():
    with pytest.raises(InputError, match="without a model a scorer must be given"):
        Segmenter(None, Options(), FakeProposer(WORLD), FakePropagator(WORLD)).load()


class Answering:
    """A component of every role that answers anything with the same object."""

    categories = ("cat", "dog")

    def __init__(self, answer):
        self.propose = self.propagate = self.score = lambda *_, **__: answer


@pytest.mark.parametrize("role", ["proposer", "propagator", "scorer"])
def test_an_object_that_cannot_play_its_role_is_refused_before_any_video(role):
    for given, said in (
        (object(), f"the {role} given .object. is not a {role}: give an object with"),
        (Answering, "is a class: give an object of it, Answering"),
    ):
        with pytest.raises(InputError, match=said):
            replace(segmenter(), **{role: given}).load()


def test_a_proposer_without_categories_is_refused():
    with pytest.raises(InputError, match=r"SimpleNamespace\) has no 'categories'"):
        replace(segmenter(), proposer=SimpleNamespace(propose=print)).load()


@pytest.mark.parametrize("role", ["proposer", "propagator", "scorer"])
@pytest.mark.parametrize("answer", [None, [None], "masks", 7], ids=str)
def test_an_answer_of_another_kind_breaks_the_contract(role, answer):
    ready = replace(segmenter(), **{role: Answering(answer)})
    with pytest.raises(ContractError, match=role):
        ready(ready.open(FRAMES))


def test_a_scorer_that_names_other_classes_is_refused_before_any_video(tmp_path):
    model = load(tiny_weights(tmp_path / "tiny.safetensors"), device="cpu")  # cat, dog
    others = World((), categories=("fox", "dog"))  # as many, so that nothing would fail later
    ready = Segmenter(model, Options(), FakeProposer(others), FakePropagator(WORLD))
    with pytest.raises(InputError, match=r"'cat, dog' and the proposer 'fox, dog'.*\"key-frame\""):
        ready.load()
    replace(ready, scorer="key-frame").load()
    replace(ready, proposer=FakeProposer(WORLD)).load()


def test_a_full_gpu_says_what_to_lower(monkeypatch):
    def full(*_args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(FakeProposer, "propose", full)
    with pytest.raises(ResourceError, match=r"out of GPU memory on 'array' at 32 x 24: lower max"):
        run()


def test_the_dog_is_absent_where_the_script_says():
    dog = run().result.sequences[1]
    assert [t for t, mask in enumerate(dog.segmentations) if mask is None] == sorted(DOG.absent)


def test_the_canvas_is_for_the_model_s_own_components():
    with pytest.raises(InputError, match="padding=canvas is for the model's own components"):
        segmenter(settings=("inference.propagate.padding=canvas",)).load()
