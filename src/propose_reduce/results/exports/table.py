"""The table of export formats, and writing a result in one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeAlias

from propose_reduce.data.youtube_vis_writer import write_youtube_vis
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.results.exports import arrays, mots, tools
from propose_reduce.results.formats import write_davis, youtube_vis
from propose_reduce.results.sequences import VideoSequences

GROUP = "propose_reduce.exports"
"""Entry point group in which other packages offer an ``ExportFormat``; its name is the format's."""

Writer: TypeAlias = Callable[[VideoSequences, Path, Sequence[str]], None]
"""Writes a result to a file or folder, whole or not at all; T file names of frames come with it."""


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A form in which a result can be written.

    Attributes:
        write: writes it.
        suffix: of the file, with its dot; empty where the format is a folder.
        what: what it holds, in a few words.
        lost: what of a result it cannot hold.
        reader: the program or library with which the tests read it back.
    """

    write: Writer
    suffix: str
    what: str
    lost: str = ""
    reader: str = ""


def _youtube_vis(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    write_youtube_vis(path, youtube_vis(result, 1, result.category_ids))


def _davis(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    write_davis(result, path, [Path(frame).stem for frame in frames])


_NO_HOLES = "holes; edges within a pixel"

FORMATS: dict[str, ExportFormat] = {
    "coco": ExportFormat(
        tools.write_coco, ".json", "COCO instances, an image per frame, with `track_id`",
        "frame scores", "pycocotools, datumaro",
    ),
    "csv": ExportFormat(
        arrays.write_csv, ".csv", "a table: one row per sequence and frame", "", "pandas"
    ),
    "cvat": ExportFormat(
        tools.write_cvat, ".xml", "CVAT's XML 1.1 for videos: polygon tracks",
        f"scores, {_NO_HOLES}", "datumaro",
    ),
    "davis": ExportFormat(
        _davis, "", "DAVIS label maps, palette PNG",
        "categories, scores, overlaps, objects beyond 20", "Pillow",
    ),
    "kitti-mots": ExportFormat(
        mots.write_kitti_mots, "", "KITTI-MOTS: text and 16-bit PNG, frames from 0",
        "scores, overlaps", "pycocotools, datumaro",
    ),
    "label-studio": ExportFormat(
        tools.write_label_studio, ".json", "Label Studio: box tracks as predictions",
        "masks", "json",
    ),
    "labelme": ExportFormat(
        tools.write_labelme, "", "labelme: a JSON of polygons per frame, ids as `group_id`",
        _NO_HOLES, "pycocotools",
    ),
    "mot": ExportFormat(
        mots.write_mot, "", "MOTChallenge: boxes as text", "masks, scores", "datumaro"
    ),
    "mots": ExportFormat(
        mots.write_mots, "", "MOTSChallenge: text and 16-bit PNG, frames from 1",
        "scores, overlaps", "pycocotools, datumaro",
    ),
    "npz": ExportFormat(
        arrays.write_npz, ".npz", "NumPy arrays: masks, ids, scores, categories", "", "NumPy"
    ),
    "png": ExportFormat(
        arrays.write_png, "", "a folder per sequence, a 0/255 PNG per frame",
        "categories, scores", "Pillow",
    ),
    "sa-v": ExportFormat(
        tools.write_sa_v, ".json", "SA-V's masklets: run lengths per frame",
        "frame scores", "pycocotools",
    ),
    "yolo-seg": ExportFormat(
        tools.write_yolo, "", "YOLO segmentation labels: a text of polygons per frame",
        f"identities, scores, {_NO_HOLES}", "pycocotools",
    ),
    "youtube-vis": ExportFormat(
        _youtube_vis, ".json", "YouTube-VIS predictions", "frame scores", "pycocotools"
    ),
}  # fmt: skip
"""By name, in the order of the alphabet."""


@cache
def all_formats() -> dict[str, ExportFormat]:
    """Return the formats here and those of installed packages; a name here is not overridden.

    Raises:
        InputError: an entry point that is not an ``ExportFormat``.
    """
    others = {}
    for entry in entry_points(group=GROUP):
        found = entry.load()
        if not isinstance(found, ExportFormat):
            raise InputError(
                f"the export format '{entry.name}' of '{entry.value}' is not an ExportFormat"
            )
        others[entry.name] = found
    return others | FORMATS


def export_format(name: str) -> ExportFormat:
    """Return a format by name.

    Raises:
        InputError: an unknown name.
    """
    formats = all_formats()
    if name not in formats:
        raise unknown_name("format", name, formats)
    return formats[name]


def frame_names(count: int) -> list[str]:
    """Return names for frames that have none, as CVAT calls the frames of a video."""
    return [f"frame_{t:06d}.png" for t in range(count)]


def export(
    result: VideoSequences,
    name: str,
    folder: str | Path,
    *,
    file_name: str | None = None,
    frames: Sequence[str] | None = None,
) -> Path:
    """Write a result in a format, whole or not at all, and return the file or folder.

    Args:
        result: what to write.
        name: of the format.
        folder: where the file or folder goes.
        file_name: without its suffix; the video's name without it.
        frames: T file names of the frames; ``frame_000000.png`` and so on without it.

    Raises:
        InputError: an unknown format, a name that cannot be a file's, two frames of one name, or
            a folder that cannot be written to.
    """
    chosen = export_format(name)
    stem = result.name if file_name is None else file_name
    if stem in {"", ".", ".."} or "/" in stem or "\\" in stem or "\0" in stem:
        raise InputError(f"no file can be called {stem!r}: rename the video")
    names = list(frames or frame_names(result.num_frames))
    if len(names) != result.num_frames:
        raise InputError(f"{len(names)} frame names for {result.num_frames} frames")
    if len({Path(frame).stem for frame in names}) < len(names):
        raise InputError(f"two frames of '{result.name}' have one name: rename them")
    path = Path(folder) / f"{stem}{chosen.suffix}"
    chosen.write(result, path, names)
    return path
