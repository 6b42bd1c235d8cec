"""Formats of annotation and training tools: COCO, CVAT, YOLO, labelme, Label Studio, SA-V."""

import json
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import yaml

from propose_reduce import rle
from propose_reduce.files import replacing, write_text
from propose_reduce.results.sequences import VideoSequences
from propose_reduce.structures import InstanceSequence

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write (its production "Char")."""


def xml_text(text: str) -> str:
    """Return a text with the replacement character where XML has no way to write one."""
    return NOT_XML.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Return a text without line breaks and other control characters, for line-based formats."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip() or "unnamed"


FINER = 2
"""Outlines are traced on a mask this many times as fine, so that one pixel has an area."""

TOLERANCE = 0.5
"""Pixels that a simplified outline may stray from the traced one."""


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Return one polygon for each connected part of a mask, the largest first.

    A polygon keeps within a pixel of the part's edge. Holes are filled: polygons have none.

    Args:
        mask: bool (H, W).

    Returns:
        float64 (P, 2) arrays with P >= 3: x and y in pixels, where pixel (x, y) covers
        x to x + 1 and y to y + 1.
    """
    finer = np.repeat(np.repeat(mask, FINER, axis=0), FINER, axis=1).astype(np.uint8)
    traced, _ = cv2.findContours(finer, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = []
    for contour in sorted(traced, key=cv2.contourArea, reverse=True):
        simple = cv2.approxPolyDP(contour, FINER * TOLERANCE, closed=True)
        chosen = simple if len(simple) >= 3 else contour
        parts.append((chosen[:, 0].astype(np.float64) + 0.5) / FINER)
    return parts


def joined(parts: list[np.ndarray]) -> np.ndarray:
    """Return several polygons as one, for formats that hold one for each object.

    The parts are joined by bridges of no width between their nearest corners, so the area stays.

    Args:
        parts: from ``outlines``, at least one.
    """
    whole = parts[0]
    for part in parts[1:]:
        distances = np.linalg.norm(whole[:, None] - part[None], axis=2)
        here, there = np.unravel_index(int(distances.argmin()), distances.shape)
        ring = np.concatenate([part[there:], part[: there + 1]])
        whole = np.concatenate([whole[: here + 1], ring, whole[here:]])
    return whole


def write_coco(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write one instances file.

    An annotation holds the sequence's id twice: as ``track_id`` (as TAO has it) and among its
    ``attributes`` (where CVAT and datumaro look).

    Args:
        result: what to write.
        path: of the JSON file.
        frames: T file names.
    """
    height, width = result.size
    ids = result.category_ids
    annotations = [
        {
            "id": 0,
            "image_id": t + 1,
            "category_id": ids[sequence.category],
            "segmentation": mask,
            "bbox": rle.box(mask),
            "area": rle.area(mask),
            "iscrowd": 0,
            "score": sequence.score,
            "track_id": sequence.id,
            "attributes": {"track_id": sequence.id, "score": sequence.score},
        }
        for sequence in result.sequences
        for t, mask in enumerate(sequence.segmentations)
        if mask is not None
    ]
    document = {
        "info": {"description": result.name},
        "videos": [{"id": 1, "name": result.name, "width": width, "height": height}],
        "images": [
            {
                "id": t + 1,
                "file_name": name,
                "width": width,
                "height": height,
                "video_id": 1,
                "frame_id": t,
            }
            for t, name in enumerate(frames)
        ],
        "categories": [{"id": id_, "name": name} for id_, name in result.categories.items()],
        "annotations": [{**one, "id": number} for number, one in enumerate(annotations, start=1)],
    }
    write_text(path, json.dumps(document, allow_nan=False))


def write_cvat(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write one annotations file.

    Every frame of a track is a key frame, so that CVAT interpolates nothing. Where the object
    leaves, its last polygon stands once more with ``outside="1"``. An object in several parts is
    one polygon, its parts joined by lines without width.

    Args:
        result: what to write.
        path: of the XML file.
        frames: T file names; CVAT counts the frames instead.
    """
    height, width = result.size
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    for key, value in {
        "name": xml_text(result.name),
        "size": len(frames),
        "mode": "interpolation",
        "overlap": 0,
        "start_frame": 0,
        "stop_frame": len(frames) - 1,
    }.items():
        ElementTree.SubElement(task, key).text = str(value)
    labels = ElementTree.SubElement(task, "labels")
    for name in dict.fromkeys(sequence.category for sequence in result.sequences):
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = xml_text(name)
        ElementTree.SubElement(label, "attributes")
    size = ElementTree.SubElement(task, "original_size")
    ElementTree.SubElement(size, "width").text = str(width)
    ElementTree.SubElement(size, "height").text = str(height)
    for sequence in result.sequences:
        _add_track(root, sequence)
    ElementTree.indent(root)
    with replacing(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)


def _add_track(root: ElementTree.Element, sequence: InstanceSequence) -> None:
    label = xml_text(sequence.category)
    track = ElementTree.SubElement(root, "track", id=str(sequence.id), label=label, source="auto")
    points = ""
    for t, mask in enumerate(sequence.segmentations):
        if mask is not None and rle.area(mask):
            corners = joined(outlines(rle.decode(mask)))
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in corners)
            _add_polygon(track, t, points, outside=False)
        elif points:
            _add_polygon(track, t, points, outside=True)
            points = ""


def _add_polygon(track: ElementTree.Element, frame: int, points: str, *, outside: bool) -> None:
    ElementTree.SubElement(
        track,
        "polygon",
        frame=str(frame),
        keyframe="1",
        outside=str(int(outside)),
        occluded="0",
        points=points,
        z_order="0",
    )


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
