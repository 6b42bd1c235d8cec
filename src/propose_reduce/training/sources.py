"""From the settings of a run to its samples: data sets opened, checked, told in its categories."""

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeAlias

from propose_reduce.data.check import Report, check, scan
from propose_reduce.data.clips import PairSettings, PairSource, VideoPairs
from propose_reduce.data.faults import Scan, sound
from propose_reduce.data.pseudo_videos import PseudoVideoPairs, StagedPairs, Staging
from propose_reduce.data.shapes.pairs import ShapesPairs
from propose_reduce.data.shapes.world import SHAPES
from propose_reduce.data.videos import VideoSet, with_categories
from propose_reduce.errors import InputError
from propose_reduce.settings import ModelSettings, Preset
from propose_reduce.settings.training import SourceSettings, StageSettings
from propose_reduce.training.data import Mixture

Progress: TypeAlias = Callable[[int, int], None]
"""Called with frames done and frames in all."""


def open_mixture(preset: Preset, stage: StageSettings, seed: int) -> Mixture:
    """Return the samples of a stage.

    Args:
        preset: model and sources.
        stage: which sources, and at what size.
        seed: of the order of the samples.

    Raises:
        InputError: no source, or one that cannot be read.
    """
    training, model = preset.training, preset.model
    names = stage.sources or tuple(training.sources)
    pairs = PairSettings(
        long_side=stage.long_side or model.long_side,
        short_side=stage.short_side or model.short_side,
        flip=training.flip,
        max_objects=training.max_objects,
        absence=training.absence_loss > 0,
        smallest=training.smallest_object,
    )
    sources = {name: open_source(training.sources[name], pairs, model) for name in names}
    return Mixture(sources, {name: training.sources[name].weight for name in names}, seed)


def open_source(settings: SourceSettings, pairs: PairSettings, model: ModelSettings) -> PairSource:
    """Return one source of pairs; a data set of single images gives pairs of random views.

    Raises:
        InputError: its files cannot be read, or none of its categories is the model's.
    """
    if settings.kind == "shapes":
        if model.categories != SHAPES:
            raise InputError(
                "a source of kind 'shapes' needs the model to have its categories: set "
                f"model.categories=shapes (it has {', '.join(model.categories)})"
            )
        return ShapesPairs(pairs, samples=settings.samples)
    videos = with_categories(open_videos(settings), model.categories, settings.categories)
    videos = permitted(videos, settings)
    if videos.videos and all(len(video.frames) == 1 for video in videos.videos):
        if settings.staging is not None:
            return StagedPairs(videos, pairs, Staging(**settings.staging.model_dump()))
        return PseudoVideoPairs(videos, pairs)
    return VideoPairs(videos, pairs)


def permitted(videos: VideoSet, settings: SourceSettings) -> VideoSet:
    """Return the images or videos of a set that its source may train on.

    Raises:
        InputError: no licence matches.
    """
    kept = [
        video
        for video in videos.videos
        if not settings.licences or any(fnmatch(video.licence, p) for p in settings.licences)
    ]
    if videos.videos and not kept:
        known = ", ".join(f"'{text}'" for text in sorted({v.licence for v in videos.videos}))
        raise InputError(
            f"no image of '{videos.name}' has a licence like {' or '.join(settings.licences)}: "
            f"it names {known}"
        )
    if settings.hold_out is not None:
        kept = [video for video in kept if video.id % settings.hold_out]
    return replace(videos, videos=tuple(kept))


def check_validation(preset: Preset) -> None:
    """Make sure that what the run is to be judged on can be judged.

    Raises:
        InputError: rendered shapes for a model of other categories.
    """
    validation = preset.training.validation
    rendered = validation.annotations is None
    if validation.wanted and rendered and preset.model.categories != SHAPES:
        raise InputError(
            "training.validation judges on rendered shapes, which the model does not know: set "
            "training.validation.kind=annotated and training.validation.annotations"
        )


def open_videos(settings: SourceSettings) -> VideoSet:
    """Return an annotated data set in its own categories.

    Raises:
        InputError: it cannot be read, or has a fault.
    """
    return sound(_scan(settings))


def with_own_data(preset: Preset, annotations: Path, images: Path | None = None) -> Preset:
    """Return a preset with one data set as its only source, and the categories of that.

    Still images are staged as those of the preset's own sources are. A share of the set is held
    out for validation where the preset asks for it and there are two videos with an object.

    Args:
        preset: everything else.
        annotations: a YouTube-VIS or COCO json file, or a DAVIS folder.
        images: folder that the file's image names start from; None: JPEGImages beside the file.

    Raises:
        InputError: nothing readable there, or no category.
    """
    stagings = [source.staging for source in preset.training.sources.values() if source.staging]
    source = SourceSettings(
        annotations=str(annotations),
        images=None if images is None else str(images),
        staging=stagings[0] if stagings else None,
    )
    videos = _scan(source).videos
    categories = videos.categories
    if not categories:
        raise InputError(f"'{annotations}' names no category")
    validation = preset.training.validation
    if validation.share is not None:
        hold_out = _hold_out(videos, validation.share)
        source = source.model_copy(update={"hold_out": hold_out})
        judged: dict[str, Any] = {"every": 0}
        if hold_out is not None:
            judged = {
                "kind": "annotated",
                "annotations": source.annotations,
                "images": source.images,
                "hold_out": hold_out,
            }
        validation = validation.model_copy(update=judged)
    stages = {
        name: stage.model_copy(update={"sources": ()})
        for name, stage in preset.training.stages.items()
    }
    training = preset.training.model_copy(
        update={"sources": {"own": source}, "stages": stages, "validation": validation}
    )
    model = preset.model.model_copy(update={"categories": categories})
    return preset.model_copy(update={"model": model, "training": training})


def _hold_out(videos: VideoSet, share: float) -> int | None:
    """Return the number that divides the ids of about such a share; None where that cannot be."""
    ids = [video.id for video in videos.videos if video.objects]
    for number in range(max(2, round(1 / share)), 1, -1):
        held = sum(id_ % number == 0 for id_ in ids)
        if 0 < held <= len(ids) / 2:
            return number
    return None


def remarkable(preset: Preset, progress: Progress | None = None) -> list[Report]:
    """Return what ``data check`` says of each annotated source that has faults or warnings.

    Args:
        preset: names the sources, and says whether images are decoded to their end.
        progress: called as each data set is read.

    Raises:
        InputError: a source of which nothing can be read.
    """
    reports = [
        check(
            _path(source),
            _images(source),
            source.split,
            decode=preset.training.check_images,
            progress=progress,
        )
        for source in preset.training.sources.values()
        if source.annotations is not None
    ]
    return [report for report in reports if report.faults or report.warnings]


def _images(settings: SourceSettings) -> Path | None:
    return Path(settings.images).expanduser() if settings.images else None


def _scan(settings: SourceSettings) -> Scan:
    return scan(_path(settings), _images(settings), settings.split)


def _path(settings: SourceSettings) -> Path:
    if settings.annotations is None:
        raise InputError("a source of annotated data needs 'annotations', its file or folder")
    return Path(settings.annotations).expanduser()
