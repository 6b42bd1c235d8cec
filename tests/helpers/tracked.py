"""Small inputs for the tracking measures."""

import numpy as np
from vis_files import track

from propose_reduce.evaluation.tracking.comparison import Comparison, Pairs, compare
from propose_reduce.evaluation.tracking.families import FAMILIES, measure_families, scores
from propose_reduce.evaluation.tracking.videos import TrackedVideo, TrackedVideos


def compared(truths, predictions):
    """Return the comparison of tracks drawn as text, a list of frames each."""
    length = len((truths or predictions)[0])
    return compare([track(*t) for t in truths], [track(*p) for p in predictions], length)


def measured(comparison):
    """Return all measures of one comparison."""
    sums = {
        name: np.asarray(value) for name, value in measure_families(comparison, FAMILIES).items()
    }
    return {key: float(value) for key, value in scores(sums, FAMILIES).items()}


def videos(truths, predictions, *, categories=None, names=("clip",)):
    """Return tracks as ``evaluate_tracking`` takes them; one list per video."""
    return TrackedVideos(
        categories=categories or {3: "cat", 7: "dog"},
        videos=tuple(
            TrackedVideo(
                id=place,
                name=name,
                num_frames=max((len(t.segmentations) for t in (*known, *found)), default=1),
                truths=tuple(known),
                predictions=tuple(found),
            )
            for place, (name, known, found) in enumerate(
                zip(names, truths, predictions, strict=True), start=1
            )
        ),
    )


def random_comparison(seed):
    """Return a comparison whose overlaps are random numbers, of which no two are equal."""
    random = np.random.default_rng(seed)
    frames, n_truth, n_predicted = random.integers(1, [7, 5, 6])
    present = random.random((frames, n_truth)) < 0.8, random.random((frames, n_predicted)) < 0.8
    present[0][random.integers(frames)] = present[1][random.integers(frames)] = True
    iou = random.random((frames, n_truth, n_predicted))
    iou *= present[0][:, :, None] & present[1][:, None, :] & (random.random(iou.shape) < 0.7)
    pairs = iou.nonzero()
    return Comparison(*present, Pairs(*pairs, iou[pairs]))


def dense(comparison):
    """Return the overlaps of a comparison as float64 (T, G, P)."""
    shape = (*comparison.truth_present.shape, comparison.predicted_present.shape[1])
    iou = np.zeros(shape)
    pairs = comparison.pairs
    iou[pairs.frame, pairs.truth, pairs.prediction] = pairs.iou
    return iou


def of_dense(truth_present, predicted_present, iou):
    """Return a comparison with overlaps float64 (T, G, P)."""
    pairs = iou.nonzero()
    return Comparison(truth_present, predicted_present, Pairs(*pairs, iou[pairs]))
