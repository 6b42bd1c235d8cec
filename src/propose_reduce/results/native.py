"""The native file, ``result.json``: how a ``VideoResult`` lies on disk (docs/formats.md).

The models below are the format. ``result.schema.json`` beside this file is made from them for
users of other languages.
"""

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, ValidationError
from pydantic_core import PydanticSerializationError

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.files import is_folder, json_text, replacing
from propose_reduce.results.sequences import VideoSequences
from propose_reduce.structures import InstanceSequence, Size


def find_results(path: str | Path) -> list[Path]:
    """Return the native files that a path stands for, in order of their names.

    A file stands for itself, a video's folder for its ``result.json``, and the folder that
    ``predict -o`` wrote for those of all its videos.

    Raises:
        InputError: there is none.
    """
    place = Path(path)
    if not is_folder(place):
        if not place.exists():
            raise InputError(f"result '{place}' does not exist")
        return [place]
    if (place / FILE_NAME).is_file():
        return [place / FILE_NAME]
    found = sorted(place.glob(f"*/{FILE_NAME}"))
    if not found:
        raise InputError(
            f"folder '{place}' has no {FILE_NAME}, nor has a folder in it: give what predict wrote"
        )
    return found


Kind = TypeVar("Kind", bound=VideoSequences)

FILE_NAME = "result.json"


class Part(BaseModel):
    """A piece of the file: numbers are not read from text, nor true from 1."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Video(Part):
    """What the video is."""

    name: str
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    num_frames: int = Field(ge=1)
    fps: float | None = Field(None, gt=0, description="mean; null for frames without times")
    timestamps: list[float] | None = Field(
        None, description="seconds from the start, one per frame; null at a constant frame rate"
    )


class Category(Part):
    """A name and the id that stands for it."""

    id: int
    name: str


class Mask(Part):
    """One run-length encoded mask."""

    size: tuple[int, int] = Field(description="height, width")
    counts: str = Field(description="COCO's compressed run lengths")


class Sequence(Part):
    """One object through the whole video; every list has one entry per frame."""

    id: int
    category_id: int
    score: float = Field(ge=0, le=1)
    class_scores: dict[int, float] = Field(description="by category id")
    key_frame: int = Field(ge=0)
    frame_scores: list[float | None] = Field(
        description="probability of the sequence's category on each frame; null where absent or "
        "where the scorer has no opinion"
    )
    bboxes: list[tuple[float, float, NonNegativeFloat, NonNegativeFloat] | None] = Field(
        description="x, y, width, height in pixels; null where absent"
    )
    areas: list[int | None] = Field(description="pixels; null where absent")
    segmentations: list[Mask | None] = Field(description="null where absent")


class ResultFile(Part):
    """The instance sequences of one video; masks in the video's own pixels."""

    format: Literal["propose-reduce/1"]
    video: Video
    categories: list[Category]
    settings: dict[str, Any]
    sequences: list[Sequence] = Field(description="by falling score")


def write(result: VideoSequences, path: Path) -> None:
    """Write a result, whole or not at all."""
    ids = result.category_ids
    height, width = result.size
    document = ResultFile(
        format="propose-reduce/1",
        video=Video(
            name=result.name,
            width=width,
            height=height,
            num_frames=result.num_frames,
            fps=result.fps,
            timestamps=None if result.timestamps is None else list(result.timestamps),
        ),
        categories=[Category(id=id_, name=name) for id_, name in result.categories.items()],
        settings=result.settings,
        sequences=[_from_sequence(sequence, ids) for sequence in result.sequences],
    )
    try:
        text = document.model_dump_json()
    except PydanticSerializationError as error:
        raise InputError(f"a result cannot be called {result.name!r}: rename the video") from error
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _from_sequence(sequence: InstanceSequence, category_ids: dict[str, int]) -> Sequence:
    masks = sequence.segmentations
    return Sequence(
        id=sequence.id,
        category_id=category_ids[sequence.category],
        score=sequence.score,
        class_scores={category_ids[name]: s for name, s in sequence.class_scores.items()},
        key_frame=sequence.key_frame,
        frame_scores=list(sequence.frame_scores),
        bboxes=[None if mask is None else _box(mask) for mask in masks],
        areas=[None if mask is None else rle.area(mask) for mask in masks],
        segmentations=[
            None if mask is None else Mask(size=_mask_size(mask), counts=mask["counts"])
            for mask in masks
        ],
    )


def _mask_size(mask: rle.Rle) -> Size:
    height, width = mask["size"]
    return height, width


def _box(mask: rle.Rle) -> tuple[float, float, float, float]:
    x, y, width, height = rle.box(mask)
    return x, y, width, height


def read(path: Path, kind: type[Kind]) -> Kind:
    """Return the result in a file.

    Args:
        path: of the file.
        kind: the class to make of it.

    Raises:
        InputError: the file cannot be read, or is no result; the message gives the place.
    """
    try:
        document = ResultFile.model_validate_json(json_text(path))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "the file"
        raise InputError(f"result file '{path}': {place}: {fault['msg']}") from error
    video = document.video
    names = {category.id: category.name for category in document.categories}
    try:
        if len(names) != len(document.categories):
            raise InputError("categories: two have the same id")
        return kind(
            name=video.name,
            size=(video.height, video.width),
            num_frames=video.num_frames,
            categories=names,
            sequences=tuple(
                _to_sequence(part, f"sequences.{index}", document.video, names)
                for index, part in enumerate(document.sequences)
            ),
            fps=video.fps,
            timestamps=None if video.timestamps is None else tuple(video.timestamps),
            settings=document.settings,
        )
    except InputError as error:
        raise InputError(f"result file '{path}': {error}") from error


def _to_sequence(
    part: Sequence, place: str, video: Video, names: dict[int, str]
) -> InstanceSequence:
    unknown = {part.category_id, *part.class_scores} - names.keys()
    if unknown:
        raise InputError(f"{place}: no category has the id {min(unknown)}")
    for name in ("segmentations", "frame_scores", "bboxes", "areas"):
        if len(getattr(part, name)) != video.num_frames:
            entries = len(getattr(part, name))
            raise InputError(f"{place}.{name}: {entries} entries for {video.num_frames} frames")
    masks: list[rle.Rle | None] = []
    for frame, mask in enumerate(part.segmentations):
        encoding: rle.Rle | None = None
        if mask is not None:
            encoding = {"size": list(mask.size), "counts": mask.counts}
            try:
                rle.check_mask(encoding)
            except InputError as error:
                raise InputError(f"{place}.segmentations.{frame}: {error}") from error
        masks.append(encoding)
    return InstanceSequence(
        id=part.id,
        category=names[part.category_id],
        score=part.score,
        class_scores={names[id_]: score for id_, score in part.class_scores.items()},
        key_frame=part.key_frame,
        size=(video.height, video.width),
        segmentations=tuple(masks),
        frame_scores=tuple(part.frame_scores),
    )
