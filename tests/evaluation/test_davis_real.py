"""The DAVIS evaluation on real label maps and on the results of other systems."""

import numpy as np
import pytest
from label_files import write_labels
from PIL import Image
from places import SHARED, needs_shared
from pycocotools.mask import iou

from propose_reduce import rle
from propose_reduce.data.label_maps import read_labels
from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_davis

pytestmark = needs_shared

CLIPS = SHARED / "realdata" / "vis_with_masks"
RESULTS = SHARED / "realdata" / "annotations" / "davis2017_predictions"


@pytest.fixture
def real(tmp_path):
    """A function that gives one real folder of PNGs the name of a sequence."""

    def named(name, folder):
        place = tmp_path / f"real{len(list(tmp_path.iterdir()))}"
        place.mkdir()
        (place / name).symlink_to(folder)
        return place

    return named


@pytest.mark.parametrize("task", ["unsupervised", "semi-supervised"])
@pytest.mark.parametrize("clip", ["dogs-jump", "schoolgirls"])
def test_real_truth_against_itself_is_perfect(real, clip, task):
    truth = real(clip, CLIPS / clip / "Annotations")
    metrics = evaluate_davis(truth, truth, task=task)
    assert [metrics.scores[key] for key in ("J-Mean", "J-Recall", "F-Mean", "F-Recall")] == 4 * [1]
    assert metrics.scores["J-Decay"] == metrics.scores["F-Decay"] == 0


def test_real_void_pixels_do_not_count(real, tmp_path):
    truth = CLIPS / "davis_void255_2f" / "tennis" / "Annotations"
    maps = np.stack([read_labels(path) for path in sorted(truth.iterdir())])
    assert (maps == 255).any()
    for filling in (0, 1):
        result = write_labels(
            tmp_path / f"{filling}" / "tennis", np.where(maps == 255, filling, maps)
        )
        metrics = evaluate_davis(real("tennis", truth), result.parent, task="unsupervised")
        assert metrics.scores["J&F-Mean"] == 1.0


def test_real_results_of_another_system(real):
    """J of each object, frame by frame, against pycocotools on maps resized by Pillow."""
    truth, result = CLIPS / "dogs-jump" / "Annotations", RESULTS / "dogs-jump"
    folders = [real("dogs-jump", truth), real("dogs-jump", result)]
    with pytest.raises(InputError, match="854 x 480, the ground truth 432 x 240 pixels"):
        evaluate_davis(*folders, task="semi-supervised")
    metrics = evaluate_davis(*folders, task="semi-supervised", resize="nearest")
    assert [scores.proposal for scores in metrics.objects] == [1, 2, 3]
    for frame in (1, 33, 64):
        wanted, small = (
            np.asarray(Image.open(folder / f"{frame:05d}.png").resize((432, 240), Image.NEAREST))
            for folder in (truth, result)
        )
        for label, scores in enumerate(metrics.objects, start=1):
            masks = [[rle.encode(labels == label)] for labels in (small, wanted)]
            assert scores.j.values[frame - 1] == pytest.approx(iou(*masks, [0])[0, 0])
            assert 0 <= scores.f.mean <= 1
    # the easiest dog is followed nearly perfectly, the hardest is lost on the way
    assert metrics.objects[2].j.mean > 0.85 > metrics.objects[0].j.decay > 0.3
