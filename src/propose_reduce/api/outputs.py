"""Where a run's files go, whose categories they have, and writing them (docs/formats.md)."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from propose_reduce.api.segmenter import SegmentationOutput
from propose_reduce.data import youtube_vis
from propose_reduce.data.youtube_vis_writer import write_youtube_vis
from propose_reduce.drawing import contact_sheet, overlay
from propose_reduce.drawing.overlay import LABELS, check_style
from propose_reduce.drawing.paint import OPACITY
from propose_reduce.drawing.viewer import write_index, write_page
from propose_reduce.drawing.viewer.write import COPY, PAGE
from propose_reduce.errors import InputError, cut, unknown_name
from propose_reduce.files import check_folder, read_json, replacing, write_text
from propose_reduce.protocols import Progress
from propose_reduce.results import SHOW_SCORE, VideoResult, write_davis
from propose_reduce.video import Video, write_video


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """The videos and categories of a YouTube-VIS file; what it annotates does not matter."""

    listed: youtube_vis.Annotations

    @classmethod
    def read(cls, path: Path) -> Annotations:
        """Return what an annotation file says of videos and categories.

        Raises:
            InputError: the file cannot be read, or has a fault there.
        """
        return cls(youtube_vis.read_annotations(path, objects=False))

    def video_id(self, name: str, num_frames: int) -> int:
        """Return the id of a video.

        Raises:
            InputError: the file has no such video or several, or gives it another number of frames.
        """
        video = self.listed.find(name)
        if video.num_frames != num_frames:
            raise InputError(
                f"the annotations give video '{name}' {video.num_frames} frames, it has "
                f"{num_frames}: give the annotated frames alone"
            )
        return video.id

    @property
    def category_ids(self) -> dict[str, int]:
        """Return ids by category name."""
        return {name: number for number, name in self.listed.categories.items()}


FORMATS = ("native", "youtube-vis", "davis")
OVERLAYS = ("video", "frames", "none")
RESULT, PROPOSALS, YOUTUBE_VIS = "result.json", "proposals.json", "youtube_vis.json"
FILM, FRAMES, SHEET, DAVIS = "overlay.mp4", "overlay", "contact_sheet.png", "davis"
LOG = "errors.log"
"""Where tracebacks go of errors that nobody foresaw, in the folder of all videos."""

LOOKS = "pictures.json"
"""Which pictures of a video look otherwise than by default, and how, by their places."""

USUAL = {"show_score": SHOW_SCORE, "opacity": OPACITY, "labels": ",".join(LABELS)}
"""How pictures look by default."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A file or folder that shows a result.

    Attributes:
        path: where it goes.
        make: makes it there.
        look: how it looks, as plain JSON values, as far as that is not the default.
    """

    path: Path
    make: Callable[[Path], None]
    look: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is written, and where: a folder for each video, and files for all together.

    Attributes:
        folder: holds the videos' folders.
        formats: besides the native file, which is always written.
        overlay: "video", "frames" or "none"; with "none" no picture and no page is made.
        opacity: share of an object's colour inside its mask, 0 to 1.
        labels: what labels say, of "id", "name" and "score"; no labels without any.
        show_score: sequences that score less are left out of the overlay, the contact sheet and the
            DAVIS maps, unless the objects were given; the native file and YouTube-VIS predictions
            have all.
        keep_proposals: write the sequences before they are reduced too.
        annotations: whose ids YouTube-VIS predictions carry.
        overwrite: do again what is done.
        together: write a list of pages, YouTube-VIS and DAVIS output for all videos together too.

    Raises:
        InputError: an unknown format, overlay or label, an opacity out of range, or a folder that
            cannot be written to.
    """

    folder: Path
    formats: Sequence[str] = ("native",)
    overlay: str = "video"
    opacity: float = OPACITY
    labels: Sequence[str] = LABELS
    show_score: float = SHOW_SCORE
    keep_proposals: bool = False
    annotations: Annotations | None = None
    overwrite: bool = False
    together: bool = False

    def __post_init__(self) -> None:
        for name in self.formats:
            if name not in FORMATS:
                raise unknown_name("format", name, FORMATS)
        if self.overlay not in OVERLAYS:
            raise unknown_name("overlay", self.overlay, OVERLAYS)
        check_style(self.opacity, self.labels)
        if not 0 <= self.show_score <= 1:
            raise InputError(f"show_score must lie in [0, 1], got {self.show_score}")
        check_folder(self.folder)

    def finished(self, name: str, settings: dict[str, Any]) -> VideoResult | None:
        """Return the result of an earlier run with the same settings, if there is one to keep.

        It is called as its video is now: a name in the file leads nowhere.
        """
        folder = self.folder / name
        wanted = [RESULT, PROPOSALS] if self.keep_proposals else [RESULT]
        if self.overwrite or not all((folder / file).exists() for file in wanted):
            return None
        try:
            result = VideoResult.load(folder / RESULT)
        except InputError:  # damaged, or not ours: made anew
            return None
        return replace(result, name=name) if result.settings == settings else None

    def check_room(self, name: str) -> None:
        """Make sure that a video can have a folder, and replaces only what an earlier run made.

        Raises:
            InputError: a name that no folder can have or no file can hold, a file in the folder's
                place, or something in it without a result; ``overwrite`` replaces the last.
        """
        folder = self.folder / name
        ours = {"", ".", "..", YOUTUBE_VIS, PAGE, LOG}
        if self.together and "davis" in self.formats:
            ours.add(DAVIS)
        if name.casefold() in ours or not _is_text(name):
            raise InputError(f"no output can be called {name!r}: rename the video")
        if folder.exists() and not folder.is_dir():
            raise InputError(f"'{folder}' is a file, not a folder: give another -o")
        if self.overwrite or (folder / RESULT).exists():
            return
        for path in self._made(name):
            if path.exists():
                raise InputError(
                    f"'{path}' is there already, and not from an earlier run: give another output "
                    "folder, or --overwrite"
                )

    def _made(self, name: str) -> list[Path]:
        """Return all that is made of a video beside its result."""
        inside = (PROPOSALS, YOUTUBE_VIS, FILM, FRAMES, SHEET, DAVIS, PAGE, COPY, LOOKS)
        return [*(self.folder / name / file for file in inside), self.folder / DAVIS / name]

    def save(self, output: SegmentationOutput) -> None:
        """Write a new result; what was made from an older one goes."""
        name = output.result.name
        folder = self.folder / name
        for stale in self._made(name):
            _remove_ours(stale)
        if output.proposals is not None:
            output.proposals.save(folder, PROPOSALS)
        output.result.save(folder, RESULT)

    def complete(
        self,
        result: VideoResult,
        video: Callable[[], Video],
        number: int,
        progress: Progress | None = None,
        source: Path | None = None,
    ) -> None:
        """Write what is asked for beside a result and is not there yet, or looks otherwise.

        Args:
            result: as saved.
            video: opens the video; called only when frames or their names are needed.
            number: the video's id in YouTube-VIS predictions without annotations.
            progress: called with each frame drawn, as stage "draw".
            source: what the video was opened from, which the page plays if a browser can.
        """
        if "youtube-vis" in self.formats:  # always, because the annotations may be others
            path = self.folder / result.name / YOUTUBE_VIS
            write_youtube_vis(path, self.predictions(result, number))
        file = self.folder / result.name / LOOKS
        looks = _read_looks(file)
        for picture in self._pictures(result, video, progress, source):
            place = Path(os.path.relpath(picture.path, file.parent)).as_posix()
            before = looks.pop(place, {})
            if picture.look:
                looks[place] = picture.look
            if before != picture.look:
                _remove_ours(picture.path)  # first: of the new look is only what comes after
                if looks:
                    write_text(file, json.dumps(looks, indent=1))
                else:
                    _remove_ours(file)
            if not picture.path.exists():
                picture.make(picture.path)

    def least_score(self, result: VideoResult) -> float:
        """Return the score from which on pictures show a sequence; given objects all do."""
        return 0.0 if result.objects_given else self.show_score

    def _pictures(
        self,
        result: VideoResult,
        video: Callable[[], Video],
        progress: Progress | None,
        source: Path | None,
    ) -> Iterator[_Picture]:
        """Yield what shows a result, as far as it is asked for."""
        folder = self.folder / result.name
        show_score = self.least_score(result)
        shown = result.filter(min_score=show_score)
        which = {} if result.objects_given else _unusual(show_score=self.show_score)
        style = _unusual(opacity=self.opacity, labels=",".join(self.labels))

        def label_maps(path: Path) -> None:
            write_davis(shown, path, video().frame_names)

        def film(path: Path) -> None:
            pictures = self._drawn(video(), shown, progress)
            write_video(
                path,
                pictures,
                fps=video().fps,
                timestamps=video().timestamps,
                pixel_aspect=video().pixel_aspect,
            )

        def frames(path: Path) -> None:
            stems = video().frame_names or [f"{t:05d}" for t in range(result.num_frames)]
            _write_frames(path, stems, self._drawn(video(), shown, progress))

        if "davis" in self.formats:
            yield _Picture(folder / DAVIS, label_maps, which)
            if self.together:
                yield _Picture(self.folder / DAVIS / result.name, label_maps, which)
        if self.overlay == "video":
            yield _Picture(folder / FILM, film, which | style)
        if self.overlay == "frames":
            yield _Picture(folder / FRAMES, frames, which | style)
        if self.overlay != "none":
            yield _Picture(folder / SHEET, lambda path: _write_sheet(path, video(), shown), which)
            yield _Picture(
                folder / PAGE,
                lambda path: write_page(path, result, video(), source, show_score=show_score),
                which,
            )

    def _drawn(
        self, video: Video, result: VideoResult, progress: Progress | None
    ) -> Iterator[np.ndarray]:
        """Yield the frames with the result drawn on them."""
        pictures = overlay(video.frames, result, opacity=self.opacity, labels=self.labels)
        for done, picture in enumerate(pictures, start=1):
            yield picture
            if progress is not None:
                progress("draw", done, result.num_frames)

    def predictions(self, result: VideoResult, number: int) -> list[dict[str, Any]]:
        """Return a result as YouTube-VIS predictions, with the annotations' ids if there are any.

        Predictions of categories that the annotations lack are left out (``lost``).

        Raises:
            InputError: the annotations lack the video.
        """
        if self.annotations is None:
            return result.to_youtube_vis(number)
        video_id = self.annotations.video_id(result.name, result.num_frames)
        known = self.annotations.category_ids
        ids: dict[str, Any] = {name: known.get(name) for name in result.category_ids}
        predictions = result.to_youtube_vis(video_id, ids)
        return [each for each in predictions if each["category_id"] is not None]

    def lost(self, result: VideoResult) -> tuple[str, ...]:
        """Return what to say of the predictions that the annotations have no category for."""
        if self.annotations is None or "youtube-vis" not in self.formats:
            return ()
        known = self.annotations.category_ids
        left_out = Counter(
            name for each in result.sequences for name in each.class_scores if name not in known
        )
        if not left_out:
            return ()
        return (
            f"predictions left out of {YOUTUBE_VIS}, because the annotations lack their category "
            f"({', '.join(cut(name) for name in list(left_out)[:10])}): {left_out.total()}",
        )

    def check_categories(self, categories: Iterable[str] | None) -> None:
        """Make sure, before the work, that predictions can be written at all.

        Args:
            categories: what a model finds; None where that is not known yet.

        Raises:
            InputError: the annotations list none of them.
        """
        if self.annotations is None or categories is None or "youtube-vis" not in self.formats:
            return
        found = list(categories)
        if found and not self.annotations.category_ids.keys() & set(found):
            known = ", ".join(list(self.annotations.category_ids)[:5])
            raise InputError(
                f"the annotations list none of the model's categories ({', '.join(found[:5])}, ..) "
                f"but {known or 'none'}: give annotations of the same categories, or leave out "
                "--annotations"
            )

    def combine(self, results: Mapping[int, VideoResult]) -> None:
        """Write what is of all videos together, if there are any results.

        That is the page that lists them, unless ``overlay`` is "none", and YouTube-VIS predictions
        if they are asked for. A page of that name that is not ours stays.

        Args:
            results: by the videos' numbers.
        """
        if results and self.together and self.overlay != "none":
            given = all(result.objects_given for result in results.values())
            write_index(
                self.folder,
                {r.name: r for r in results.values()},
                show_score=0.0 if given else self.show_score,
            )
        if results and self.together and "youtube-vis" in self.formats:
            predictions = [p for n, result in results.items() for p in self.predictions(result, n)]
            write_youtube_vis(self.folder / YOUTUBE_VIS, predictions)


def _unusual(**look: Any) -> dict[str, Any]:
    """Return what of a look is not the default."""
    return {name: value for name, value in look.items() if value != USUAL[name]}


def _read_looks(file: Path) -> dict[str, Any]:
    try:
        looks = read_json(file)
    except InputError:  # none, or damaged
        return {}
    return looks if isinstance(looks, dict) else {}


def _write_frames(folder: Path, stems: Sequence[str], pictures: Iterable[np.ndarray]) -> None:
    with replacing(folder) as temporary:
        temporary.mkdir()
        for stem, picture in zip(stems, pictures, strict=True):
            Image.fromarray(picture).save(temporary / f"{stem}.png")


def _write_sheet(path: Path, video: Video, result: VideoResult) -> None:
    with replacing(path) as temporary:
        Image.fromarray(contact_sheet(video.frames, result)).save(temporary)


def _is_text(name: str) -> bool:
    """Tell a name from bytes that are not UTF-8, which Linux allows and JSON does not."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _remove_ours(path: Path) -> None:
    """Remove a file or folder of ours, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
