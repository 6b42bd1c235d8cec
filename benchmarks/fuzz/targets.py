"""What is fuzzed: each reader of files with a sound file to start from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import torch
from mutations import damaged, damaged_json
from PIL import Image

from propose_reduce import rle
from propose_reduce.components.detection_files import DetectionFiles
from propose_reduce.data.coco import scan_coco
from propose_reduce.data.label_maps import read_labels
from propose_reduce.data.youtube_vis import read_youtube_vis
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.davis import find_sequences
from propose_reduce.evaluation.tracking.files import load_tracked_videos
from propose_reduce.evaluation.tracking.mots import load_mots
from propose_reduce.files import read_json
from propose_reduce.images import read_image
from propose_reduce.models.checkpoint import read_checkpoint
from propose_reduce.models.weights import load_weights
from propose_reduce.results import VideoResult
from propose_reduce.settings import Preset, load_preset, override
from propose_reduce.structures import Clip, InstanceSequence
from propose_reduce.training.callbacks import LAST, NEEDED, checkpoint_to_resume
from propose_reduce.video import open_video, write_video

SIZE = (24, 32)
MASK = np.zeros(SIZE, dtype=bool)
MASK[4:16, 6:20] = True


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        name: of the file that it reads.
        write: makes a sound file.
        read: reads a file; raises nothing but our own errors.
        damage: of its kind of file.
    """

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], object]
    damage: Callable[[bytes, Random], bytes] = field(default=damaged)


def _write_json(content: object) -> Callable[[Path], None]:
    return _write_text(json.dumps(content))


def _write_text(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text)

    return write


def _tracks(**entry: object) -> dict[str, object]:
    return {"video_id": 1, "category_id": 1, "segmentations": [rle.encode(MASK), None], **entry}


VIDEOS = [{"id": 1, "width": 32, "height": 24, "file_names": ["a/00000.png", "a/00001.png"]}]
TRUTH = {
    "videos": VIDEOS,
    "categories": [{"id": 1, "name": "dog"}],
    "annotations": [
        _tracks(id=1, iscrowd=0, areas=[168, None], bboxes=[[6.0, 4.0, 14.0, 12.0], None])
    ],
}
PREDICTIONS = [_tracks(score=0.5)]
MASKED = rle.encode(MASK)
BURST = {
    "sequences": [
        {
            "id": 1,
            "dataset": "D",
            "seq_name": "a",
            "height": 24,
            "width": 32,
            "annotated_image_paths": ["00000.jpg", "00001.jpg"],
            "segmentations": [{"1": {"rle": MASKED["counts"]}}, {}],
            "track_category_ids": {"1": 4},
            "neg_category_ids": [13],
            "not_exhaustive_category_ids": [],
        }
    ]
}
TAO_MASK = {"image_id": 1, "track_id": 1, "category_id": 4, "segmentation": MASKED}
TAO_FOUND = [TAO_MASK | {"score": 0.5}]
TAO = {
    "videos": [{"id": 1, "name": "a", "height": 24, "width": 32, "neg_category_ids": [13]}],
    "images": [{"id": 1, "video_id": 1, "frame_index": 0}],
    "tracks": [{"id": 1, "video_id": 1, "category_id": 4}],
    "categories": [{"id": 4, "name": "cat"}],
    "annotations": [TAO_MASK | {"id": 1}],
}
COCO_TRUTH = {
    "images": [{"id": 1, "width": 32, "height": 24, "file_name": "a/00000.png"}],
    "categories": [{"id": 1, "name": "dog"}],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 1,
            "segmentation": MASKED,
            "bbox": [6.0, 4.0, 14.0, 12.0],
            "area": 168,
            "iscrowd": 0,
        }
    ],
}
COCO = [
    {"image_id": 0, "category_id": 1, "score": 0.5, "segmentation": rle.encode(MASK)},
    {"image_id": 1, "category_id": 1, "segmentation": [[4.0, 4.0, 20.0, 4.0, 20.0, 16.0]]},
]


def _beside(name: str, content: object) -> Path:
    """Return a sound JSON file in a folder of its own, for readers of two files."""
    path = Path(BESIDE.name) / name
    path.write_text(json.dumps(content))
    return path


BESIDE = TemporaryDirectory()
MOTS_LINE = f"0 2001 2 24 32 {MASKED['counts']}\n"


def _track(truth: object = None, found: object = None) -> Callable[[Path], object]:
    """Return a reader of one of two files of a tracking benchmark; the other one is sound."""

    def read(path: Path) -> object:
        if truth is None:
            return load_tracked_videos(path, _beside("found.json", found))
        return load_tracked_videos(_beside("truth.json", truth), path)

    return read


def _write_mots(content: str, *others: str) -> Callable[[Path], None]:
    """Return what writes a file with its text, and sound files of the sequence beside it."""

    def write(path: Path) -> None:
        path.write_text(content)
        for name in (*others, "found/a.txt"):
            (path.parent / name).parent.mkdir(exist_ok=True)
            (path.parent / name).write_text(MOTS_LINE)

    return write


def _write_split(path: Path) -> None:
    path.write_text("a\n")
    for kind in ("truth", "found"):
        folder = path.parent / kind / "a"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(MASK).save(folder / "00000.png")


def _read_split(path: Path) -> object:
    found, truth = path.parent / "found", path.parent / "truth"
    return find_sequences(truth, found, task="unsupervised", split=path)


def _write_result(path: Path) -> None:
    sequence = InstanceSequence(
        id=1,
        category="dog",
        score=0.5,
        class_scores={"dog": 0.5},
        key_frame=0,
        size=SIZE,
        segmentations=(rle.encode(MASK), None),
        frame_scores=(0.5, None),
    )
    VideoResult("clip", SIZE, 2, {1: "dog"}, (sequence,)).save(path.parent, path.name)


def _write_film(path: Path) -> None:
    random = np.random.default_rng(0)
    frames = random.integers(0, 255, (6, 48, 64, 3), dtype=np.uint8)
    write_video(path, frames, fps=10, threads=1)


def _read_film(path: Path) -> None:
    video = open_video(path)
    for index in range(len(video.frames)):
        video.frames[index]


def _propose(path: Path) -> None:
    """Read detections from a file, or from the folder that holds the files of frames."""
    source = path if path.suffix in {".json", ".txt"} else path.parent
    frames = np.zeros((2, *SIZE, 3), dtype=np.uint8)
    DetectionFiles(source, frames=("00000", "00001")).propose(Clip(frames, SIZE, SIZE), 0)


def _evaluate(path: Path) -> None:
    evaluate_youtube_vis(TRUTH, read_json(path))


def _image(mode: str, **options: object) -> Callable[[Path], None]:
    picture = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    return lambda path: Image.fromarray(picture).convert(mode).save(path, **options)


def _deep(path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4096, SIZE, dtype=np.uint16)
    Image.fromarray(values).save(path)


def _write_weights(path: Path) -> None:
    from importlib.resources import files

    bundled = files("propose_reduce") / "weights" / "shapes-tiny.safetensors"
    path.write_bytes(bundled.read_bytes())


def _write_checkpoint(path: Path) -> None:
    state = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3)}
    torch.save({key: {} for key in NEEDED} | {"state_dict": state}, path)


def _override(path: Path) -> None:
    override(Preset(), path.read_bytes().decode("utf-8", errors="replace").splitlines())


def _write_npz(path: Path) -> None:
    np.savez_compressed(path, masks=MASK[None], scores=[0.5], labels=[1])


TARGETS = {
    "result": Target("result.json", _write_result, VideoResult.load, damaged_json),
    "annotations": Target(
        "truth.json",
        _write_json(TRUTH),
        lambda path: read_youtube_vis(path, path.parent),
        damaged_json,
    ),
    "predictions": Target("found.json", _write_json(PREDICTIONS), _evaluate, damaged_json),
    "coco": Target(
        "truth.json",
        _write_json(COCO_TRUTH),
        lambda path: scan_coco(path, path.parent),
        damaged_json,
    ),
    "burst": Target("truth.json", _write_json(BURST), _track(found=BURST), damaged_json),
    "burst-predictions": Target(
        "found.json", _write_json(BURST), _track(truth=BURST), damaged_json
    ),
    "tao": Target("truth.json", _write_json(TAO), _track(found=TAO_FOUND), damaged_json),
    "tao-predictions": Target(
        "found.json", _write_json(TAO_FOUND), _track(truth=TAO), damaged_json
    ),
    "mots": Target(
        "a.txt", _write_mots(MOTS_LINE), lambda path: load_mots(path.parent, path.parent / "found")
    ),
    "mots-lengths": Target(
        "evaluate.seqmap",
        _write_mots("a empty 000000 000001\n", "a.txt"),
        lambda path: load_mots(path.parent, path.parent / "found"),
    ),
    "split": Target("val.txt", _write_split, _read_split),
    "label-map": Target("00000.png", _image("P"), lambda path: read_labels(path, deep=True)),
    "jpeg": Target("a.jpg", _image("RGB"), read_image),
    "tiff-16": Target("a.tif", _deep, read_image),
    "webp": Target("a.webp", _image("RGBA", lossless=True), read_image),
    "file-json": Target("detections.json", _write_json(COCO), _propose, damaged_json),
    "file-sequences": Target("detections.json", _write_json(PREDICTIONS), _propose, damaged_json),
    "file-npz": Target("00000.npz", _write_npz, _propose),
    "file-mots": Target(
        "a.txt",
        _write_text(f"0 2001 2 24 32 {rle.encode(MASK)['counts']}\n"),
        _propose,
    ),
    "video": Target("a.mp4", _write_film, _read_film),
    "weights": Target("a.safetensors", _write_weights, load_weights),
    "foreign-weights": Target("a.pth", _write_checkpoint, read_checkpoint),
    "checkpoint": Target(LAST, _write_checkpoint, lambda path: checkpoint_to_resume(path.parent)),
    "preset": Target(
        "a.yaml",
        _write_text("extends: shapes_tiny\ninference: {propose: {key_frames: 3}}\n"),
        load_preset,
    ),
    "set": Target(
        "set.txt",
        _write_text("inference.propose.key_frames=3\ninference.reduce.kind=soft\n"),
        _override,
    ),
}
"""By the name that the command line takes."""
