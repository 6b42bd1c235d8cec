"""Running an ablation: what variants have in common is computed once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, TypeAlias

from propose_reduce.ablation.clips import AnnotatedClips
from propose_reduce.ablation.store import SCORES, Measurement, Store
from propose_reduce.components.registry import Components
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.paradigm.pipeline import ReducedSequences, Window, find_windows, working_clip
from propose_reduce.results import VideoResult
from propose_reduce.rle import Rle
from propose_reduce.settings import InferenceSettings, ReduceSettings
from propose_reduce.structures import Clip, InstanceSequence

OpenComponents: TypeAlias = Callable[[Clip, InferenceSettings], AbstractContextManager[Components]]
"""Gives components that work on a clip with these settings, and frees them on exit."""


def ablate(
    variants: Sequence[InferenceSettings],
    data: AnnotatedClips,
    open_components: OpenComponents,
    store: Store,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> dict[InferenceSettings, Measurement]:
    """Return what every variant gives on the data.

    Variants that differ in how they reduce alone share their proposals: the sequences of one video
    are held while it is reduced in every way, then dropped. A variant is stored as soon as all
    videos have been evaluated, and one that the store holds is not run.

    Args:
        variants: the settings to compare.
        data: what they are run on and evaluated by.
        open_components: gives the networks, or whatever stands in their place.
        store: where measurements are kept.
        progress: called with (videos done, videos in all), where a video counts once for every
            group of variants with the same proposals.

    Raises:
        InputError: the data or the components break their contract.
    """
    found: dict[InferenceSettings, Measurement] = {}
    groups: dict[InferenceSettings, list[InferenceSettings]] = {}
    for variant in variants:
        stored = store.get(variant)
        if stored is None:
            groups.setdefault(_proposing(variant), []).append(variant)
        else:
            found[variant] = stored
    for index, group in enumerate(groups.values()):
        before, total = index * len(data.clips), len(groups) * len(data.clips)

        def report_videos(done: int, before: int = before, total: int = total) -> None:
            if progress is not None:
                progress(before + done, total)

        for variant, measurement in zip(
            group, _run(group, data, open_components, report_videos), strict=True
        ):
            store.put(variant, measurement)
            found[variant] = measurement
    return {variant: found[variant] for variant in variants}


def _proposing(variant: InferenceSettings) -> InferenceSettings:
    """Return the part of the settings that decides what is proposed."""
    return variant.model_copy(update={"reduce": ReduceSettings()})


@dataclass
class _Tally:
    """What one variant has come to so far."""

    seconds: float = 0.0
    sequences: int = 0
    predictions: list[dict[str, Any]] = field(default_factory=list)


def _run(
    group: Sequence[InferenceSettings],
    data: AnnotatedClips,
    open_components: OpenComponents,
    report_videos: Callable[[int], None],
) -> Iterator[Measurement]:
    """Yield the measurement of each of the variants, which share their proposals."""
    shared = _Tally()
    tallies = [_Tally() for _ in group]
    for done, id_ in enumerate(data.clips, start=1):
        _run_clip(id_, group, data, open_components, shared, tallies)
        report_videos(done)
    frames = sum(len(clip.frames) for clip in data.clips.values())
    for tally in tallies:
        metrics = evaluate_youtube_vis(data.truth, tally.predictions)
        yield Measurement(
            scores={key: metrics.scores[key] for key in SCORES},
            seconds_per_frame=(shared.seconds + tally.seconds) / frames,
            sequences_before=shared.sequences,
            sequences_after=tally.sequences,
        )


def _run_clip(
    id_: int,
    group: Sequence[InferenceSettings],
    data: AnnotatedClips,
    open_components: OpenComponents,
    shared: _Tally,
    tallies: Sequence[_Tally],
) -> None:
    """Propose on one video once and reduce in every way; add what comes of it to the tallies."""
    clip, start = working_clip(data.clips[id_], group[0]), perf_counter()
    reduced = [ReducedSequences(clip, variant) for variant in group]
    apart = 0.0  # seconds of the reductions

    def take(window: Window) -> None:
        nonlocal apart
        # their overlaps are computed here: every reduction needs them, none should pay for all
        shared.sequences += len(window.proposals.iou)
        for tally, found in zip(tallies, reduced, strict=True):
            began = perf_counter()
            found.add(window)
            seconds = perf_counter() - began
            tally.seconds += seconds
            apart += seconds

    with open_components(clip, group[0]) as components:
        categories = components.categories
        ids = data.category_ids(categories)
        find_windows(
            clip,
            components.proposer,
            components.propagator,
            components.scorer,
            group[0],
            [take],
        )
    shared.seconds += perf_counter() - start - apart
    masks: dict[str, Rle] = {}
    for tally, found in zip(tallies, reduced, strict=True):
        sequences = found.sequences
        tally.sequences += len(sequences)
        result = VideoResult(
            name=str(id_),
            size=clip.original_size,
            num_frames=len(clip.frames),
            categories=dict(enumerate(categories, start=1)),
            sequences=tuple(_sharing(masks, sequence) for sequence in sequences),
        )
        tally.predictions += result.to_youtube_vis(id_, ids)


def _sharing(masks: dict[str, Rle], sequence: InstanceSequence) -> InstanceSequence:
    """Return the sequence with equal masks of a video kept once, however many variants there are.

    Args:
        masks: those met so far, by their counts; new ones are added.
        sequence: what a reduction left.
    """
    return replace(
        sequence,
        segmentations=tuple(
            mask and masks.setdefault(mask["counts"], mask) for mask in sequence.segmentations
        ),
    )
