"""Failure cases worth looking at, each with its reason in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from propose_reduce.evaluation.errors import KINDS, TrackErrors
from propose_reduce.evaluation.tracks import Track, mask_areas, mean_area, overlap

HALF = 0
"""Cases are those at the first threshold, IoU 0.5."""

TITLES = {
    "classification": "wrong class",
    "association": "identity",
    "localisation": "poor masks",
    "missed": "missed",
    "false_positive": "false positive",
    "duplicate": "duplicate",
}
"""What a case is called, by kind of error, in the order of the report."""


@dataclass(frozen=True, slots=True, eq=False)
class FailureCase:
    """One prediction or object that went wrong.

    Attributes:
        video: the video's id.
        kind: a key of ``TITLES``.
        reason: what happened, in words.
        predicted: the prediction; None for an object that nothing found.
        truth: the object it should have found; None where there is none.
    """

    video: int
    kind: str
    reason: str
    predicted: Track | None
    truth: Track | None


def failure_cases(
    videos: Mapping[int, TrackErrors], names: Mapping[Any, str], limit: int = 3
) -> list[FailureCase]:
    """Return the gravest cases of each kind.

    Predictions go by score, those first whose object nothing else found; missed objects go by
    their mean area.

    Args:
        videos: the errors by video id.
        names: of the categories by id.
        limit: most cases of one kind.
    """
    cases = []
    for kind in TITLES:
        ranked = sorted(
            (
                (*_gravity(found, kind, index), video, index)
                for video, found in videos.items()
                for index in _indices(found, kind)
            ),
            key=lambda entry: entry[:2],
            reverse=True,
        )
        cases += [_case(video, videos[video], kind, i, names) for *_, video, i in ranked[:limit]]
    return cases


def _indices(found: TrackErrors, kind: str) -> list[int]:
    wanted = found.missed[HALF] if kind == "missed" else found.kinds[HALF] == KINDS.index(kind)
    return [int(index) for index in np.flatnonzero(wanted)]


def _gravity(found: TrackErrors, kind: str, index: int) -> tuple[bool, float]:
    if kind == "missed":
        return True, mean_area(found.objects[index].areas)
    correct = found.targets[HALF][found.kinds[HALF] == KINDS.index("correct")]
    return found.targets[HALF, index] not in correct, found.predictions[index].score


def _case(
    video: int, found: TrackErrors, kind: str, index: int, names: Mapping[Any, str]
) -> FailureCase:
    if kind == "missed":
        truth = found.objects[index]
        best = found.iou[:, index].max(initial=0)
        name = names[truth.category]
        reason = f"nothing shows this {name}; the best overlap with any prediction is {best:.2f}"
        return FailureCase(video, kind, reason, None, truth)
    predicted = found.predictions[index]
    target = int(found.targets[HALF, index])
    known = found.objects[target] if target >= 0 else None
    iou = found.iou[index].max(initial=0) if known is None else found.iou[index, target]
    called = f"{names[predicted.category]} {predicted.score:.2f}"
    if known is None:
        reason = f"{called}: no object is there; the best overlap is {iou:.2f}"
    elif kind == "duplicate":
        reason = f"{called}: IoU {iou:.2f} with a {names[known.category]} that is found already"
    elif kind == "classification":
        reason = f"{called}: is a {names[known.category]}, IoU {iou:.2f}"
    elif kind == "association":
        reason = f"{called}: {_identities(predicted, found)}; IoU {iou:.2f}"
    else:
        reason = f"{called}: the masks fit the {names[known.category]} poorly, IoU {iou:.2f}"
    return FailureCase(video, kind, reason, predicted, known)


def _identities(predicted: Track, found: TrackErrors) -> str:
    """Return which objects a track follows, and when."""
    objects = [track for track in found.objects if track.category == predicted.category]
    areas = [mask_areas(track) for track in objects]
    fit = overlap([predicted], objects, [mask_areas(predicted)], areas).frame_iou[:, 0]
    closest = [int(row.argmax()) if row.max() > 0 else -1 for row in fit]
    runs = [
        (index, [frame for frame, _ in group])
        for index, group in groupby(enumerate(closest), key=lambda pair: pair[1])
        if index >= 0
    ]
    if len({index for index, _ in runs}) > 1:
        held = ", ".join(f"{objects[p].entry} on {_frame_span(frames)}" for p, frames in runs[:4])
        return f"switches identity, {held}{' ..' if len(runs) > 4 else ''}"
    followed = sum(len(frames) for _, frames in runs)
    lived = int((areas[runs[0][0]] > 0).sum())
    return f"follows its object on {followed} of the {lived} frames that show it"


def _frame_span(frames: list[int]) -> str:
    if len(frames) == 1:
        return f"frame {frames[0]}"
    return f"frames {frames[0]}-{frames[-1]}"
