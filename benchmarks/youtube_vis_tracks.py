"""Random YouTube-VIS data for the benchmarks: tracks of wobbling shapes, and predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from propose_reduce import rle


class Blob:
    """A wobbling ellipse with a slit in its middle third: a column holds one run or two.

    That gives about as many characters per mask as the annotations of real videos have, 5 to 6
    times the square root of its area.
    """

    def __init__(self, random: np.random.Generator, height: int, width: int) -> None:
        self.random, self.height, self.width = random, height, width
        side = np.exp(random.uniform(np.log(60), np.log(500))) * height / 720
        stretch = random.uniform(0.7, 1.4)
        self.radii = np.array([side * stretch, side / stretch]) / np.sqrt(np.pi)
        self.centre = random.uniform(0.2, 0.8, size=2) * [width, height]
        self.speed = random.normal(0, 4, size=2)
        self.wobble = random.uniform(0, 2 * np.pi, size=3)

    def mask(self, frame: int, shift: float = 0.0, growth: float = 1.0) -> rle.Rle | None:
        """Return the mask of a frame, None where nothing of it lies inside the image.

        Args:
            frame: 0-based frame index.
            shift: displacement to the right, in radii.
            growth: factor on the size.
        """
        radius_x, radius_y = self.radii * growth
        x, y = self.centre + frame * self.speed + [shift * radius_x, 0]
        columns = np.arange(max(0, int(x - radius_x)), min(self.width, int(x + radius_x)))
        if columns.size == 0:
            return None
        u = (columns - x) / radius_x
        half = radius_y * np.sqrt(np.clip(1 - u * u, 0, 1))
        waves = np.sin(np.outer([3.0, 5.0, 9.0], u) + (self.wobble + 0.2 * frame)[:, None])
        rough = self.random.uniform(-1, 1, size=(2, columns.size))
        slit = half * 0.1 * waves[1]
        edges = np.stack(
            [
                y - half * (1 + 0.1 * waves[0]) + rough[0],
                y + slit,
                y + slit + 0.25 * half * (np.abs(u) < 1 / 3),
                y + half * (1 + 0.1 * waves[2]) + rough[1],
            ]
        )
        rows = np.maximum.accumulate(np.clip(edges.astype(np.int64), 0, self.height), axis=0)
        changes, times = np.unique(rows + columns * self.height, return_counts=True)
        changes = changes[times % 2 == 1]  # two changes at one place are none
        if changes.size == 0:
            return None
        runs = np.diff(changes, prepend=0, append=self.height * self.width)
        return rle.from_counts(runs.tolist(), self.height, self.width)


def _track(blob: Blob, length: int, shift: float, growth: float) -> list[rle.Rle | None]:
    masks = [blob.mask(frame, shift, growth) for frame in range(length)]
    hidden = blob.random.random() < 0.3
    return [None if hidden and 0.4 * length < t < 0.7 * length else m for t, m in enumerate(masks)]


def _video(
    random: np.random.Generator, video: dict[str, Any], objects: int, predictions: int, classes: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the annotations and the predictions of one video.

    A third of the predictions are noisy copies of an object under its class, a third under
    another class, the rest are somewhere else: the mixture that proposals from key frames give.
    """
    length, height, width = video["length"], video["height"], video["width"]
    blobs = [Blob(random, height, width) for _ in range(objects)]
    categories = random.integers(1, classes + 1, size=objects)
    truth = []
    for blob, category in zip(blobs, categories, strict=True):
        segmentations = _track(blob, length, 0.0, 1.0)
        truth.append(
            {
                "video_id": video["id"],
                "category_id": int(category),
                "iscrowd": 0,
                "height": height,
                "width": width,
                "length": length,
                "segmentations": segmentations,
                "bboxes": [m and rle.box(m) for m in segmentations],
                "areas": [m and rle.area(m) for m in segmentations],
            }
        )
    found = []
    for number in range(predictions):
        copied = objects > 0 and number % 3 < 2
        chosen = int(random.integers(objects)) if copied else 0
        blob = blobs[chosen] if copied else Blob(random, height, width)
        right = copied and number % 3 == 0
        found.append(
            {
                "video_id": video["id"],
                "category_id": int(
                    categories[chosen] if right else random.integers(1, classes + 1)
                ),
                "score": float(random.random()),
                "segmentations": _track(
                    blob, length, random.normal(0, 0.15), random.uniform(0.85, 1.15)
                ),
            }
        )
    return truth, found


def _shares(total: int, parts: int) -> list[int]:
    return [total // parts + (part < total % parts) for part in range(parts)]


def make_youtube_vis(
    folder: Path, counts: dict[str, int], height: int, width: int, seed: int = 0
) -> None:
    """Write ``truth.json`` and ``predictions.json`` of the wanted size.

    Args:
        folder: where they go.
        counts: how many ``videos``, ``frames``, ``objects``, ``predictions``, ``categories``.
        height: of every frame, pixels.
        width: of every frame, pixels.
        seed: of the random numbers.
    """
    random = np.random.default_rng(seed)
    videos = [
        {
            "id": index + 1,
            "height": height,
            "width": width,
            "length": length,
            "file_names": [f"{index:04d}/{frame:05d}.jpg" for frame in range(length)],
        }
        for index, length in enumerate(_shares(counts["frames"], counts["videos"]))
    ]
    annotations: list[dict[str, Any]] = []
    predictions: list[dict[str, Any]] = []
    objects = _shares(counts["objects"], len(videos))
    found = _shares(counts["predictions"], len(videos))
    for video, n_objects, n_found in zip(videos, objects, found, strict=True):
        parts = _video(random, video, n_objects, n_found, counts["categories"])
        annotations += parts[0]
        predictions += parts[1]
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    names = [{"id": i + 1, "name": f"class {i + 1}"} for i in range(counts["categories"])]
    truth = {"videos": videos, "categories": names, "annotations": annotations}
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "predictions.json").write_text(json.dumps(predictions))
