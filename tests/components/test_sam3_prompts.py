"""SAM 3 asked with words: a tiny random network from a folder."""

import numpy as np
import pytest
import torch
from tiny_transformers import write_model

from propose_reduce.components.sam_video import Sam3Prompts
from propose_reduce.errors import InputError
from propose_reduce.structures import Clip

pytest.importorskip("transformers")

PROMPTS = ["dog", "red cat"]


def clip(frames=2):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (frames, 48, 80, 3), dtype=np.uint8)
    return Clip(images, (24, 40), (48, 80))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model("sam3", tmp_path_factory.mktemp("sam3"))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_prompts_are_the_categories(folder, precision):
    component = Sam3Prompts.load(folder, PROMPTS, min_score=0.0, precision=precision)
    found = component.propose(clip(), 1)
    assert component.categories == ("dog", "red cat")
    assert found.masks.shape == (12, 24, 40)  # six queries for each of two prompts
    assert found.masks.any()
    assert (found.class_scores[:, 1:] > 0).sum(0).tolist() == [6, 6]
    assert (found.class_scores[:, 1:].amax(1).diff() <= 0).all()


def test_a_prompt_finds_what_it_finds_alone(folder):
    both = Sam3Prompts.load(folder, PROMPTS, min_score=0.0).propose(clip(), 0)
    alone = Sam3Prompts.load(folder, PROMPTS[1:], min_score=0.0).propose(clip(), 0)
    rows = both.class_scores[:, 2] > 0
    torch.testing.assert_close(both.class_scores[rows, 2], alone.class_scores[:, 1])
    assert (both.masks[rows] ^ alone.masks).float().mean() < 0.001


def test_the_library_finds_the_same_for_picture_and_prompt_together(folder):
    import transformers

    model = transformers.Sam3Model.from_pretrained(folder).eval()
    processor = transformers.Sam3Processor.from_pretrained(folder)
    video = clip()
    inputs = processor(images=video.frames[0], text="dog", return_tensors="pt")
    with torch.inference_mode():
        (expected,) = processor.post_process_instance_segmentation(
            model(**inputs), threshold=0.0, target_sizes=[(24, 40)]
        )
    found = Sam3Prompts.load(folder, ["dog"], min_score=0.0).propose(video, 0)
    order = expected["scores"].argsort(descending=True, stable=True)
    torch.testing.assert_close(found.class_scores[:, 1], expected["scores"][order])
    assert (found.masks ^ expected["masks"][order].bool()).float().mean() < 0.001


def test_a_frame_is_encoded_once_for_all_prompts(folder):
    component = Sam3Prompts.load(folder, ["a", "b", "c"], min_score=0.0)
    encoder = component._model.vision_encoder
    calls = []
    encoder.register_forward_hook(lambda *_: calls.append(1))
    component.propose(clip(), 0)
    assert len(calls) == 1


def test_nothing_confident_is_nothing_proposed(folder):
    found = Sam3Prompts.load(folder, PROMPTS, min_score=0.99).propose(clip(1), 0)
    assert found.masks.shape == (0, 24, 40)
    assert found.class_scores.shape == (0, 3)


@pytest.mark.parametrize("prompts", [[], ["dog", " "], ["dog", "dog "]])
def test_prompts_that_ask_nothing_or_twice_are_refused(prompts):
    with pytest.raises(InputError, match="one or more different prompts"):
        Sam3Prompts(None, None, prompts)


def test_an_empty_folder_is_one_line(tmp_path):
    with pytest.raises(InputError, match="Sam3Model cannot be loaded from") as caught:
        Sam3Prompts.load(tmp_path, PROMPTS)
    assert "\n" not in str(caught.value)
