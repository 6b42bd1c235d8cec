"""Annotation and prediction files for the YouTube-VIS evaluation, our own results among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from propose_reduce.errors import InputError, unknown_name
from propose_reduce.evaluation.tracks import entries_by_id, name_of
from propose_reduce.files import is_folder, read_json
from propose_reduce.results import VideoResult

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
    raise InputError(
        f"'{path}' holds no predictions: neither a list of them nor a native result with a "
        "'format' (an annotation file given by mistake?)"
    )


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
    listed = entries_by_id(ground_truth, "videos")
    videos = _ids_by_name({id_: name_of(video) for id_, video in listed.items()})
    for id_ in listed:
        videos.setdefault(str(id_), [id_])
    categories = entries_by_id(ground_truth, "categories")
    ids = _ids_by_name({id_: str(entry.get("name")) for id_, entry in categories.items()})
    seen: Counter[int] = Counter()
    predictions = []
    for result, file in zip(results, files, strict=True):
        if result.name not in videos:
            raise unknown_name(f"video in '{file}':", result.name, videos)
        video = _single(videos, result.name, f"'{file}': video")
        seen[video] += 1
        if seen[video] > 1:
            raise InputError(f"'{file}' is a second result for the video '{result.name}'")
        # a name that the truth does not list stands for itself, and is counted as unlisted
        names: dict[str, Any] = {
            name: _single(ids, name, "category") if name in ids else name
            for name in result.category_ids
        }
        chosen = _with_best_class(result) if best_class else result
        predictions += chosen.to_youtube_vis(video, names)
    return predictions


def _with_best_class(result: VideoResult) -> VideoResult:
    best = (replace(s, class_scores={s.category: s.score}) for s in result.sequences)
    return replace(result, sequences=tuple(best))


def _ids_by_name(names: Mapping[int, str]) -> dict[str, list[int]]:
    ids: dict[str, list[int]] = {}
    for id_, name in names.items():
        ids.setdefault(name, []).append(id_)
    return ids


def _single(ids: Mapping[str, Sequence[int]], name: str, what: str) -> int:
    if len(ids[name]) > 1:
        raise InputError(
            f"{what} '{name}' is ambiguous: the ground truth has it under the ids "
            f"{', '.join(map(str, ids[name]))}"
        )
    return ids[name][0]
