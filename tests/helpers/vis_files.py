"""Small YouTube-VIS data: every frame is one row of pixels, drawn as text ('#' inside)."""

from typing import Any

from sequences import drawn

from propose_reduce import rle
from propose_reduce.evaluation.tracks import Track

CAT, DOG = 3, 7


def encodings(*frames: str | None) -> list[rle.Rle | None]:
    return [None if frame is None else rle.encode(drawn(frame)) for frame in frames]


def truth(*objects: dict[str, Any], videos: int = 1) -> dict[str, Any]:
    """Return a ground truth of cats and dogs; videos are called "clip1", "clip2", .."""
    length = len(objects[0]["segmentations"]) if objects else 1
    width = max((m["size"][1] for o in objects for m in o["segmentations"] if m), default=1)
    return {
        "videos": [
            {
                "id": id_,
                "height": 1,
                "width": width,
                "length": length,
                "file_names": [f"clip{id_}/{frame:05d}.jpg" for frame in range(length)],
            }
            for id_ in range(1, videos + 1)
        ],
        "categories": [{"id": DOG, "name": "dog"}, {"id": CAT, "name": "cat"}],
        "annotations": [{"id": place, **o} for place, o in enumerate(objects, start=1)],
    }


def object_(*frames: str | None, video: int = 1, category: int = CAT, crowd: int = 0) -> dict:
    masks = encodings(*frames)
    return {
        "video_id": video,
        "category_id": category,
        "iscrowd": crowd,
        "segmentations": masks,
        "areas": [mask and rle.area(mask) for mask in masks],
    }


def prediction(score: float, *frames: str | None, video: int = 1, category: int = CAT) -> dict:
    return {
        "video_id": video,
        "category_id": category,
        "score": score,
        "segmentations": encodings(*frames),
    }


def track(*frames: str | None, category: int = CAT, score: float = 0.0, crowd: bool = False):
    return Track(
        entry="prediction 0",
        id=0,
        category=category,
        segmentations=tuple(encodings(*frames)),
        score=score,
        crowd=crowd,
    )
