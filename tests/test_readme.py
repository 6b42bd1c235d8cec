"""The README says what happens: its commands and its code run as they stand there."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import REPOSITORY
from snippets import commands, run_snippets
from snippets import run_command as run

from propose_reduce import rle
from propose_reduce.data.shapes import shapes_video
from propose_reduce.data.shapes.world import SHAPES
from propose_reduce.video import write_video

README = REPOSITORY / "README.md"
FRAMES = 4


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Make what the README's commands name: videos, a data set of the same, DAVIS folders."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "videos").mkdir()
    data = {
        "videos": [],
        "annotations": [],
        "categories": [{"id": i, "name": name} for i, name in enumerate(SHAPES, start=1)],
    }
    for number, name in enumerate(("one", "two"), start=1):
        video = shapes_video("demo", number, length=FRAMES)
        frames = [video.frame(t) for t in range(FRAMES)]
        write_video(folder / "videos" / f"{name}.mp4", frames)
        masks = np.stack([video.instances(t) for t in range(FRAMES)])
        save_davis(folder / "DAVIS", name, masks)
        images = folder / "JPEGImages" / name
        images.mkdir(parents=True)
        for t, frame in enumerate(frames):
            Image.fromarray(frame).save(images / f"{t:05d}.jpg")
        annotate(data, number, name, masks, video.categories)
    (folder / "annotations.json").write_text(json.dumps(data))
    write_video(folder / "clip.mp4", frames)
    return folder


def save_davis(root, name, masks):
    labels = root / "Annotations_unsupervised" / "480p" / name
    labels.mkdir(parents=True)
    for t, frame in enumerate(masks):
        map_ = (frame * np.arange(1, len(frame) + 1)[:, None, None]).max(axis=0)
        Image.fromarray(map_.astype(np.uint8)).save(labels / f"{t:05d}.png")
    lists = root / "ImageSets" / "2017"
    lists.mkdir(parents=True, exist_ok=True)
    with (lists / "val.txt").open("a") as file:
        file.write(f"{name}\n")


def annotate(data, number, name, masks, categories):
    height, width = masks.shape[2:]
    size = {"height": height, "width": width, "length": FRAMES}
    names = [f"{name}/{t:05d}.jpg" for t in range(FRAMES)]
    data["videos"].append({"id": number, "file_names": names, **size})
    for place, category in enumerate(categories):
        runs = [rle.encode(m) if m.any() else None for m in masks[:, place]]
        if any(runs):
            annotation = {
                "id": len(data["annotations"]) + 1,
                "video_id": number,
                "category_id": SHAPES.index(category) + 1,
                "iscrowd": 0,
                "segmentations": runs,
                "bboxes": [r and rle.box(r) for r in runs],
                "areas": [r and rle.area(r) for r in runs],
            }
            data["annotations"].append(annotation | size)


def test_the_first_two_commands_install_and_run():
    lines = [command.line for command in commands(README)]
    assert lines[:2] == ["pip install . && propose-reduce demo", "pip install '.[test]' && pytest"]


def test_its_lines_are_short():
    assert [line for line in README.read_text("utf-8").splitlines() if len(line) > 120] == []


def test_the_demo_finds_the_shapes(tmp_path):
    told = run("propose-reduce demo", tmp_path)
    judged = re.search(r"AP ([\d.]+), AP50 [\d.]+, AR10 [\d.]+", told)
    assert float(judged[1]) >= 50, told
    made = tmp_path / "propose-reduce-demo"
    for file in ("shapes.mp4", *(f"shapes/{n}" for n in ("overlay.mp4", "contact_sheet.png"))):
        assert (made / file).stat().st_size > 10_000
        assert str(Path("propose-reduce-demo") / file) in told


def test_the_commands_run_in_their_order(workplace):
    ours = [c.line for c in commands(README) if c.runs and c.line.startswith("propose-reduce ")]
    assert len(ours) >= 6
    for line in ours:
        run(line, workplace)
    assert (workplace / "out" / "one" / "overlay.mp4").exists()
    assert (workplace / "report" / "report.html").exists()


def test_commands_that_are_not_run_name_what_there_is(tmp_path):
    skipped = [c.line for c in commands(README) if not c.runs]
    assert skipped
    for line in skipped:
        words = shlex.split(line)
        name = words[1:3] if words[1] == "analyze" else words[1:2]
        told = run(shlex.join(["propose-reduce", *name, "--help"]), tmp_path)
        for option in (word for word in words if word.startswith("-")):
            assert option in told, f"{line}: {option}"


def test_the_python_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_snippets(README)
    assert (tmp_path / "out" / "black" / "result.json").exists()
