import numpy as np
import pytest
from fakes import FakePropagator, FakeProposer, FakeScorer
from films import film, packets, spoil
from PIL import Image
from worlds import INPUT, WORLD

import propose_reduce
from propose_reduce.errors import InputError
from propose_reduce.settings.options import text_of

FRAMES = np.zeros((6, 48, 64, 3), np.uint8)


def segment(video, **options):
    return propose_reduce.segment(
        video,
        proposer=FakeProposer(WORLD),
        propagator=FakePropagator(WORLD),
        scorer=FakeScorer(WORLD),
        settings=INPUT,
        **options,
    )


def test_an_array_becomes_a_result():
    result = segment(FRAMES)
    assert isinstance(result, propose_reduce.VideoResult)
    assert len(result.sequences) == 2


@pytest.mark.parametrize(
    ("frames", "message"),
    [(FRAMES.astype(np.int64), r"frame 0 is int64"), (FRAMES[0], r"got uint8 \(48, 64, 3\)")],
)
def test_another_array_is_refused(frames, message):
    with pytest.raises(InputError, match=message):
        segment(frames)


def test_the_docstring_has_the_text_of_every_option():
    text = propose_reduce.segment.__doc__
    assert f"key_frames: {text_of('key_frames')}." in text
    assert "{options}" not in text


def test_an_unknown_option_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="segment: unknown setting 'keyframes'"):
        segment(FRAMES, keyframes=3)


def test_frames_that_are_lost_raise_a_warning(tmp_path):
    path = film(tmp_path / "a.mp4", 12, bf="0", g="6")
    spoil(path, packets(path)[6])
    with pytest.warns(UserWarning, match="a: about 6 frames after the first 6 are lost"):
        assert segment(path).num_frames == 6


def test_the_package_shows_its_public_names_and_no_other():
    names = {"load", "segment", "VideoResult", "InputError", "ProposeReduceError", "Box", "Point"}
    assert names == set(propose_reduce.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        getattr(propose_reduce, "lod")  # noqa: B009


def test_masks_from_files_lie_on_the_frames_of_their_names(tmp_path):
    for number in (0, 5, 10):
        (tmp_path / "clip").mkdir(exist_ok=True)
        Image.fromarray(FRAMES[0]).save(tmp_path / "clip" / f"{number:05d}.png")
    mask = np.zeros((48, 64), np.uint8)
    mask[8:24, 8 : 8 + 24] = 1
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "00005.png")
    Image.fromarray(mask).save(tmp_path / "masks" / "00001.png")
    with pytest.warns(UserWarning, match=r"1 of 2 frames .* the first is '00001\.png'"):
        result = propose_reduce.segment(
            tmp_path / "clip",
            proposer=f"file:{tmp_path / 'masks'}",
            propagator=FakePropagator(WORLD),
            scorer="key-frame",
            settings=INPUT,
        )
    assert [sequence.key_frame for sequence in result.sequences] == [1]
