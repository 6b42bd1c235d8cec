"""Running an ablation on annotated clips: what variants have in common is computed once.

Rows that are finished are stored at once, so a stopped ablation goes on where it was.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

from propose_reduce.components.registry import Components
from propose_reduce.data.videos import AnnotatedFrames, AnnotatedVideo
from propose_reduce.data.youtube_vis import document, read_annotations, video_set
from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.files import read_bytes, write_text
from propose_reduce.paradigm.pipeline import ReducedSequences, Window, find_windows, working_clip
from propose_reduce.results import VideoResult
from propose_reduce.rle import Rle
from propose_reduce.settings import InferenceSettings, ReduceSettings
from propose_reduce.structures import Clip, InstanceSequence, fitted_size


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedClips:
    """Videos and their truth.

    Attributes:
        clips: lazy videos by id.
        truth: a YouTube-VIS annotation file about these videos and no others.
        digest: changes when the annotations, the choice of videos or the size of an image
            file does.
    """

    clips: dict[int, Clip]
    truth: dict[str, Any]
    digest: str

    def category_ids(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the truth's ids of categories; one that it does not list stands for itself.

        Raises:
            InputError: it lists none of them, so that nothing could ever be right.
        """
        listed = {category["name"]: category["id"] for category in self.truth["categories"]}
        if not listed.keys() & set(names):
            raise InputError(
                f"the annotations list none of the model's categories ({', '.join(names[:5])}, ..) "
                f"but {', '.join(list(listed)[:5])}, ..: give weights for these"
            )
        return {name: listed.get(name, name) for name in names}


def read_clips(
    annotations: Path, images: Path, *, long_side: int, short_side: int, videos: int | None = None
) -> AnnotatedClips:
    """Return the videos of a YouTube-VIS data set.

    Args:
        annotations: the JSON file.
        images: the folder that its ``file_names`` start from.
        long_side: the longer side of what networks see fits into this, pixels.
        short_side: the same of the shorter side.
        videos: the first so many; all of them by default.

    Raises:
        InputError: the file cannot be read or has a fault, no object of these videos is annotated,
            or an image file is missing.
    """
    found = read_annotations(annotations)
    chosen = video_set(found, str(annotations), images).videos[:videos]
    clips = {
        video.id: Clip(
            AnnotatedFrames(video),
            fitted_size(video.size, long_side=long_side, short_side=short_side),
            video.size,
        )
        for video in chosen
    }
    truth = document(found, clips)
    if not truth["annotations"]:
        raise InputError(
            f"'{annotations}' annotates no object in these videos: nothing to evaluate"
        )
    return AnnotatedClips(clips, truth, _set_digest(annotations, chosen))


def _set_digest(annotations: Path, videos: Sequence[AnnotatedVideo]) -> str:
    digest = sha256(read_bytes(annotations))
    for video in videos:
        for file in video.frames:
            try:
                size = file.stat().st_size
            except OSError as error:
                raise InputError(f"image '{file}' cannot be read: {error.strerror}") from error
            digest.update(f"{video.id} {size}\n".encode())
    return digest.hexdigest()


SCORES = ("AP", "AP50", "AR1", "AR10")
"""The scores of the evaluation that are reported."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one variant of the settings gives on a data set.

    Attributes:
        scores: those named in ``SCORES``, in [0, 1]; -1 where there is nothing to find.
        seconds_per_frame: of proposing and following, which all variants with the same ones
            share, and of the variant's own reduction; reading the frames included.
        sequences_before: complete sequences that were proposed, all videos together.
        sequences_after: sequences that the reduction left of them.
    """

    scores: dict[str, float]
    seconds_per_frame: float
    sequences_before: int
    sequences_after: int

    def to_dict(self) -> dict[str, float]:
        """Return the numbers by name, flat."""
        numbers = asdict(self)
        return {**numbers.pop("scores"), **numbers}


class Store:
    """Finished measurements in a folder, one small file each.

    Args:
        folder: of the ablation; the files go to ``rows`` inside it.
        source: what else decides the numbers, as plain values: weights, data, device. With
            another source nothing of what is stored counts.
    """

    def __init__(self, folder: Path, source: Mapping[str, Any]) -> None:
        self.folder = folder
        self.source = {**source, "version": version("propose-reduce")}

    def get(self, settings: InferenceSettings) -> Measurement | None:
        """Return what was measured with these settings; None where that has yet to be done."""
        try:
            return Measurement(**json.loads(self._path(settings).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # not there, or not what this version writes
            return None

    def put(self, settings: InferenceSettings, measurement: Measurement) -> None:
        """Keep a measurement."""
        write_text(self._path(settings), json.dumps(asdict(measurement)) + "\n")

    def _path(self, settings: InferenceSettings) -> Path:
        key = json.dumps([settings.model_dump(mode="json"), self.source], sort_keys=True)
        return self.folder / "rows" / f"{sha256(key.encode()).hexdigest()[:24]}.json"


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
