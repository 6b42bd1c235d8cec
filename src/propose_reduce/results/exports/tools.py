"""Formats of annotation and training tools: YOLO, labelme, Label Studio, SA-V."""

import json
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import yaml

from propose_reduce import rle
from propose_reduce.files import replacing, write_text
from propose_reduce.results.exports.polygons import joined, outlines
from propose_reduce.results.sequences import VideoSequences
from propose_reduce.structures import InstanceSequence


def write_yolo(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write YOLO's segmentation labels: ``data.yaml`` and ``labels/FRAME.txt`` in a folder.

    A line is a class number from 0 and a polygon with x and y as shares of width and height. The
    form has no place for identities.
    """
    height, width = result.size
    names = list(result.categories.values())
    with replacing(path) as temporary:
        (temporary / "labels").mkdir(parents=True)
        for t, frame in enumerate(frames):
            lines = []
            for sequence, mask in _present_sequences(result, t):
                corners = joined(outlines(mask)) / (width, height)
                numbers = " ".join(f"{value:.6f}" for value in corners.reshape(-1))
                lines.append(f"{names.index(sequence.category)} {numbers}\n")
            file = temporary / "labels" / f"{PurePath(frame).stem}.txt"
            file.write_text("".join(lines), encoding="utf-8")
        content = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(names))}
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        (temporary / "data.yaml").write_text(text, encoding="utf-8")


def write_labelme(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write labelme's files, one for each frame, into a folder.

    The parts of an object share its ``group_id``, which is the sequence's id.
    """
    height, width = result.size
    with replacing(path) as temporary:
        temporary.mkdir()
        for t, frame in enumerate(frames):
            shapes = [
                {
                    "label": sequence.category,
                    "points": part.round(2).tolist(),
                    "group_id": sequence.id,
                    "description": f"score {sequence.score:.3f}",
                    "shape_type": "polygon",
                    "flags": {},
                }
                for sequence, mask in _present_sequences(result, t)
                for part in outlines(mask)
            ]
            document: dict[str, Any] = {
                "version": "5.0.0",
                "flags": {},
                "shapes": shapes,
                "imagePath": frame,
                "imageData": None,
                "imageHeight": height,
                "imageWidth": width,
            }
            file = temporary / f"{PurePath(frame).stem}.json"
            file.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")


def write_label_studio(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write one Label Studio task with a box track for each sequence, as predictions.

    Label Studio's video tracks are boxes: x, y, width and height in percent; frames count from 1.
    The labelling configuration needs ``<VideoRectangle name="box" toName="video"/>`` and
    ``<Labels name="videoLabels" toName="video"/>``.
    """
    rate = result.fps or 1.0
    tracks = [
        {
            "id": f"sequence{sequence.id}",
            "type": "videorectangle",
            "from_name": "box",
            "to_name": "video",
            "origin": "prediction",
            "score": sequence.score,
            "value": {
                "framesCount": result.num_frames,
                "duration": result.num_frames / rate,
                "labels": [sequence.category],
                "sequence": _studio_boxes(result, sequence),
            },
        }
        for sequence in result.sequences
    ]
    best = max((sequence.score for sequence in result.sequences), default=0.0)
    prediction = {"model_version": "propose-reduce", "score": best, "result": tracks}
    task = {"data": {"video": result.name}, "predictions": [prediction]}
    write_text(path, json.dumps([task], allow_nan=False))


def _studio_boxes(result: VideoSequences, sequence: InstanceSequence) -> list[dict[str, Any]]:
    """Return a track's boxes; one that is not enabled ends the object's stay."""
    height, width = result.size
    boxes: list[dict[str, Any]] = []
    for t, mask in enumerate(sequence.segmentations):
        time = result.timestamps[t] if result.timestamps else t / (result.fps or 1.0)
        if mask is not None:
            x, y, w, h = rle.box(mask)
            share = {"x": x / width, "y": y / height, "width": w / width, "height": h / height}
            percent = {key: 100 * value for key, value in share.items()}
            boxes.append({"frame": t + 1, "time": time, "enabled": True, "rotation": 0, **percent})
        elif boxes and boxes[-1]["enabled"]:
            boxes.append({**boxes[-1], "frame": t + 1, "time": time, "enabled": False})
    return boxes


def write_sa_v(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write the form of SA-V's automatic masklets: on each frame one encoding per masklet.

    ``masklet[t][n]`` is the mask of masklet ``n``, an empty one where it is absent.
    """
    height, width = result.size
    empty = rle.encode(np.zeros(result.size, dtype=bool))
    areas = np.array(
        [[0 if m is None else rle.area(m) for m in s.segmentations] for s in result.sequences]
    ).reshape(len(result.sequences), result.num_frames)
    present = areas > 0
    first = [int(row.argmax()) if row.any() else -1 for row in present]
    mean = [float(a[p].mean()) if p.any() else 0.0 for a, p in zip(areas, present, strict=True)]
    document = {
        "video_id": result.name,
        "video_duration": result.num_frames / (result.fps or 1.0),
        "video_frame_count": float(result.num_frames),
        "video_height": float(height),
        "video_width": float(width),
        "video_resolution": float(height * width),
        "masklet_id": [sequence.id for sequence in result.sequences],
        "masklet_type": ["auto"] * len(result.sequences),
        "masklet_category": [sequence.category for sequence in result.sequences],
        "masklet_score": [sequence.score for sequence in result.sequences],
        "masklet_size_abs": mean,
        "masklet_size_rel": [size / (height * width) for size in mean],
        "masklet_first_appeared_frame": [float(frame) for frame in first],
        "masklet_visibility_changes": [int(abs(np.diff(row)).sum()) for row in present.astype(int)],
        "masklet_frame_count": [result.num_frames] * len(result.sequences),
        "masklet_num": len(result.sequences),
        "masklet": [
            [sequence.segmentations[t] or empty for sequence in result.sequences]
            for t in range(result.num_frames)
        ],
    }
    write_text(path, json.dumps(document, allow_nan=False))


def _present_sequences(result: VideoSequences, t: int) -> list[tuple[InstanceSequence, np.ndarray]]:
    """Return the sequences that have a pixel on frame ``t``, with their masks, bool (H, W)."""
    found = [(s, m) for s in result.sequences if (m := s.segmentations[t]) is not None]
    return [(sequence, rle.decode(mask)) for sequence, mask in found if rle.area(mask)]
