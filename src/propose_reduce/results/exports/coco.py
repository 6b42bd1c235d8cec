"""COCO instances with a track id: an image for each frame, as annotation tools read it."""

import json
from collections.abc import Sequence
from pathlib import Path

from propose_reduce import rle
from propose_reduce.files import write_text
from propose_reduce.results.sequences import VideoSequences


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
