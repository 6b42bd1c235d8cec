"""Annotation and prediction files for the YouTube-VIS evaluation, our own results among them.

The tracks of many videos are compared by several processes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from propose_reduce.data.faults import check_sound
from propose_reduce.data.youtube_vis import scan_annotations
from propose_reduce.errors import InputError, cut
from propose_reduce.files import is_folder, read_json
from propose_reduce.results import VideoResult

Job = TypeVar("Job")
Result = TypeVar("Result")


def check_workers(workers: int) -> None:
    """Raise InputError unless there is a worker at least."""
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")


def run_all(
    function: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[Result]:
    """Yield what a function makes of every job, in the order of the jobs.

    Args:
        function: for several processes it must be one that pickle finds by name.
        jobs: its arguments.
        workers: how many processes; one stays in this process.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(function, jobs)
        return
    # spawned, not forked: the caller may hold threads, of OpenCV or torch, that a fork breaks
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        # a few jobs at a time, so that the last worker does not keep the others waiting
        yield from pool.map(function, jobs, chunksize=max(1, len(jobs) // (8 * workers)))


NATIVE_NAME = "result.json"


def load_predictions(
    path: Path, ground_truth: Mapping[str, Any], *, best_class: bool = False
) -> list[dict[str, Any]]:
    """Return YouTube-VIS predictions from a file or a folder.

    Args:
        path: a YouTube-VIS result file, a native ``result.json``, or a folder with native results
            somewhere below it.
        ground_truth: the annotation file, in which a native result finds its video by name (or id,
            as text) and its categories by name.
        best_class: take of a native result each sequence once, under its best class, as trackers
            give them; else once under each class that it has a score for.

    Raises:
        InputError: nothing to read there, or a native result whose video is not in the ground
            truth, is there under several ids, or comes twice.
    """
    if is_folder(path):
        files = native_files(path, NATIVE_NAME)
        results = [VideoResult.load(file) for file in files]
        return _from_native(results, files, ground_truth, best_class)
    content = read_json(path)
    if isinstance(content, list):
        return content
    if isinstance(content, Mapping) and "format" in content:
        del content  # read again by the one who knows the format
        return _from_native([VideoResult.load(path)], [path], ground_truth, best_class)
    raise InputError(f"'{path}' holds no predictions and no native result: {_kind(content)}")


def _kind(content: Any) -> str:
    """Return what a file holds instead of predictions."""
    if not isinstance(content, Mapping):
        return f"got {cut(content)}"
    if "videos" in content or "annotations" in content:
        return "it is an annotation file; give the predictions last"
    if "segmentations" in content:
        return "it is one prediction; write a list of them"
    fields = ", ".join(map(cut, list(content)[:5]))
    return f"it is an object with the fields {fields or '(none)'}; write the list alone"


def native_files(path: Path, name: str) -> list[Path]:
    """Return a file itself, or all files of a name below a folder.

    Raises:
        InputError: the folder has none.
    """
    if not is_folder(path):
        return [path]
    files = sorted(path.rglob(name))
    if not files:
        raise InputError(f"folder '{path}' has no {name} below it: give such a file")
    return files


def native_settings(path: Path) -> dict[str, Any]:
    """Return what the first native result at a path was made with; nothing for another file."""
    files = sorted(path.rglob(NATIVE_NAME)) if is_folder(path) else [path]
    content = read_json(files[0]) if files else None
    settings = content.get("settings") if isinstance(content, Mapping) else None
    return settings if isinstance(settings, dict) else {}


def _from_native(
    results: Sequence[VideoResult],
    files: Sequence[Path],
    ground_truth: Mapping[str, Any],
    best_class: bool,
) -> list[dict[str, Any]]:
    if not isinstance(ground_truth, Mapping):
        raise InputError("the ground truth must be an object with 'videos' and 'categories'")
    listed = scan_annotations({**ground_truth, "annotations": None})
    check_sound(listed.faults, "ground truth: ")
    ids: dict[str, list[int]] = {}
    for number, name in listed.categories.items():
        ids.setdefault(name, []).append(number)
    seen: set[int] = set()
    predictions = []
    for result, file in zip(results, files, strict=True):
        try:
            video = listed.find(result.name)
        except InputError as error:
            raise InputError(f"'{file}': {error}") from error
        if video.id in seen:
            raise InputError(f"'{file}' is a second result for the video '{video.name}'")
        seen.add(video.id)
        # a name that the truth does not list stands for itself, and is counted as unlisted
        names: dict[str, Any] = {name: _category_id(ids, name) for name in result.category_ids}
        chosen = _with_best_class(result) if best_class else result
        predictions += chosen.to_youtube_vis(video.id, names)
    return predictions


def _with_best_class(result: VideoResult) -> VideoResult:
    best = (replace(s, class_scores={s.category: s.score}) for s in result.sequences)
    return replace(result, sequences=tuple(best))


def _category_id(ids: Mapping[str, Sequence[int]], name: str) -> int | str:
    """Return the id of a category, or its name where the truth does not list it."""
    if len(ids.get(name, ())) > 1:
        known = ", ".join(map(str, ids[name]))
        raise InputError(
            f"category {cut(name)} is ambiguous: the ground truth has it under the ids {known}"
        )
    return ids[name][0] if name in ids else name
