"""The command as users type it: most in this process with a scripted world, a few for real."""

import json
import subprocess
import sys

import pytest
from films import film, packets, spoil
from weight_files import tiny_weights
from worlds import INPUT, segmenter, world_film

from propose_reduce import api
from propose_reduce.cli import main as frame
from propose_reduce.results import VideoResult


@pytest.fixture
def predict(monkeypatch, capsys):
    """Return a function that types ``propose-reduce predict ..`` in a scripted world."""

    def scripted(_weights, options, *_components, given=None):
        assert given is None
        given = options.model_dump(exclude={"settings"})
        return segmenter(**given, settings=(*INPUT, *options.settings))

    def run(*arguments):
        monkeypatch.setattr(api, "prepare", scripted)
        words = ["propose-reduce", "predict", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as stop:
            frame.main()
        output = capsys.readouterr()
        return stop.value.code, output.out, output.err

    return run


def test_a_video_ends_in_one_line_and_exit_code_0(predict, tmp_path):
    path, out = world_film(tmp_path / "pets.mp4"), tmp_path / "out"
    code, told, complaints = predict(path, "-o", out)
    assert (code, complaints) == (0, "")
    assert told.startswith(f"{path}: 2 objects in 6 frames, ")
    assert told.count("\n") == 1
    assert (out / "pets" / "overlay.mp4").exists()


def test_options_arrive(predict, tmp_path):
    world_film(tmp_path / "pets.mp4")
    out = tmp_path / "out"
    options = "--key-frames 2 --max-objects 4 --memory-every 3 --start 0.1 --end 0.6 --every 2"
    more = "--classes cat --min-score 0.2 --set inference.reduce.iou=0.3 --overlay none"
    more += " --format youtube-vis --format davis --keep-proposals --precision fp32"
    code, _, complaints = predict(tmp_path / "*.mp4", "-o", out, *options.split(), *more.split())
    assert (code, complaints) == (0, "")
    result = VideoResult.load(out / "pets" / "result.json")
    settings = result.settings
    assert (result.num_frames, [s.category for s in result.sequences]) == (3, ["cat"])
    assert settings["inference"]["propose"]["key_frames"] == 2
    assert settings["inference"]["propose"]["max_objects"] == 4
    assert settings["inference"]["propagate"]["memory_every"] == 3
    assert settings["inference"]["reduce"]["min_score"] == 0.2
    assert settings["inference"]["reduce"]["iou"] == 0.3
    assert [settings[name] for name in ("start", "end", "every")] == [0.1, 0.6, 2]
    there = {path.name for path in (out / "pets").iterdir()}
    assert there == {"result.json", "proposals.json", "youtube_vis.json", "davis"}


def test_masks_and_labels_are_drawn_as_wanted(predict, tmp_path):
    world_film(tmp_path / "pets.mp4")
    plain, labelled = tmp_path / "plain", tmp_path / "labelled"
    bare = ["--opacity", 0, "--labels", "none"]
    for folder, options in ((plain, bare), (labelled, ["--opacity", 0, "--labels", "name,id"])):
        code, *_ = predict(tmp_path / "*.mp4", "-o", folder, "--overlay", "frames", *options)
        assert code == 0
    pictures = [(f / "pets" / "overlay" / "00000.png").read_bytes() for f in (plain, labelled)]
    assert pictures[0] != pictures[1]
    code, _, complaint = predict(tmp_path / "*.mp4", "-o", plain, "--labels", "nane")
    assert (code, complaint.count("\n")) == (2, 1)


def test_a_bad_video_among_good_ones_is_named_with_exit_code_2(predict, tmp_path):
    good = [world_film(tmp_path / f"{name}.mp4") for name in "ab"]
    bad = tmp_path / "bad.mp4"
    bad.touch()
    code, told, complaints = predict(good[0], bad, good[1], "-o", tmp_path / "out")
    assert code == 2
    assert [line.split(":")[0] for line in told.splitlines()] == [str(path) for path in good]
    assert complaints.splitlines() == [
        f"video '{bad}' is an empty file",
        f"propose-reduce: 1 of 3 videos failed: {bad}",
    ]


def test_lost_frames_are_told(predict, tmp_path):
    path = film(tmp_path / "a.mp4", 12, bf="0", g="6")
    spoil(path, packets(path)[6])
    code, _, complaints = predict(path, "-o", tmp_path / "out", "--overlay", "none")
    assert code == 0
    assert complaints.startswith(f"{path}: warning: about 6 frames after the first 6 are lost")


def test_a_second_run_says_that_it_is_done(predict, tmp_path):
    path, out = world_film(tmp_path / "pets.mp4"), tmp_path / "out"
    predict(path, "-o", out)
    assert "done before" in predict(path, "-o", out)[1]
    assert "done before" not in predict(path, "-o", out, "--overwrite")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "coco"], "unknown format 'coco'"),
        (["--overlay", "film"], "unknown overlay 'film'"),
        (["--classes", "cow"], "unknown class 'cow'"),
        (["--key-frames", "0"], "key_frames = 0"),
        (["--every", "0"], "every must be 1 or more, got 0"),
        (["--start", "7"], "no frame of 'pets' lies between 7"),
        (["--annotations", "none.json"], "'none.json' cannot be read"),
        (["--set", "a=1"], "unknown setting 'a'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(predict, tmp_path, arguments, message):
    path = world_film(tmp_path / "pets.mp4")
    code, told, complaints = predict(path, "-o", tmp_path / "out", *arguments)
    assert (code, told) == (2, "")
    assert message in complaints
    assert complaints.splitlines()[-1].startswith("propose-reduce: ")
    assert "Traceback" not in complaints


def test_an_output_path_under_a_file_is_one_line(predict, tmp_path):
    path = world_film(tmp_path / "pets.mp4")
    code, _, complaints = predict(path, "-o", path / "out")
    assert code == 2
    assert complaints.count("\n") == 1


@pytest.mark.process
def test_the_installed_command_with_a_network_and_odd_names(tmp_path):
    tiny_weights(tmp_path / "tiny.safetensors")
    world_film(tmp_path / "plain.mp4").rename(tmp_path / "-two words ü.mp4")
    words = "--weights tiny.safetensors --device cpu -o out --end 0.2 --key-frames 1"
    command = [sys.executable, "-m", "propose_reduce", "predict", *words.split()]
    run = subprocess.run(
        [*command, "--max-objects", "1", "--", "-two words ü.mp4", "none.mp4"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 2
    assert "video 'none.mp4' does not exist\n" in run.stderr
    assert run.stderr.splitlines()[-1] == "propose-reduce: 1 of 2 videos failed: none.mp4"
    assert "-two words ü.mp4: " in run.stdout
    document = json.loads((tmp_path / "out" / "-two words ü" / "result.json").read_text())
    assert document["video"]["num_frames"] == 2
    assert document["settings"]["weights"]["name"] == "tiny.safetensors"
