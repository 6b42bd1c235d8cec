"""Runs over several videos: files, resuming, failing, stopping. Outputs are read by others."""

import json
import os
import resource
import shutil
from dataclasses import replace

import av
import numpy as np
import pytest
from fakes import FakePropagator
from films import film, packets, spoil
from PIL import Image
from pycocotools import mask as coco
from worlds import segmenter, world_film

from propose_reduce.api import Annotations, Outputs, plan, predict, raise_failures
from propose_reduce.errors import InputError, ProposeReduceError
from propose_reduce.results import VideoResult
from propose_reduce.video import open_video


class Silence:
    """A callback that only remembers the outcomes."""

    def __init__(self):
        self.steps, self.outcomes = [], []

    def start(self, path, number, total):
        self.steps.append((path.name, number, total))

    def step(self, stage, share, frames):
        self.steps.append((stage, share, frames))

    def finish(self, outcome):
        self.outcomes.append(outcome)


def run(arguments, folder, *, options=None, **outputs):
    paths = plan([str(a) for a in arguments], folder)
    chosen = {"overlay": "none", "together": len(paths) > 1, **outputs}
    return predict(paths, segmenter(**(options or {})), Outputs(folder, **chosen), Silence())


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def changed(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def pets(tmp_path):
    return world_film(tmp_path / "pets.mp4")


def test_one_video_gives_its_result_overlay_and_contact_sheet(pets, tmp_path):
    (outcome,) = run([pets], tmp_path / "out", overlay="video")
    folder = tmp_path / "out" / "pets"
    assert tree(folder) == ["contact_sheet.png", "index.html", "overlay.mp4", "result.json"]
    assert len(VideoResult.load(folder / "result.json").sequences) == 2
    assert str(outcome).startswith(f"{pets}: 2 objects in 6 frames, ")
    assert str(outcome).endswith(f"frames/s -> {folder / 'result.json'}")


def test_the_overlay_has_the_films_frames_times_and_size(pets, tmp_path):
    run([pets], tmp_path / "out", overlay="video")
    with av.open(str(tmp_path / "out" / "pets" / "overlay.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 10
    assert len(frames) == 6
    assert frames[0].shape == (48, 64, 3)
    with av.open(str(pets)) as container:
        before = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(frames[0][:20, :20].astype(int) - before[:20, :20]).mean() > 20


def test_the_overlay_can_be_frames(pets, tmp_path):
    run([pets], tmp_path / "out", overlay="frames")
    names = [f"overlay/{t:05d}.png" for t in range(6)]
    assert tree(tmp_path / "out" / "pets") == [
        "contact_sheet.png",
        "index.html",
        *names,
        "result.json",
    ]


def test_every_format_is_what_other_readers_expect(pets, tmp_path):
    run([pets], tmp_path / "out", formats=["youtube-vis", "davis"])
    folder = tmp_path / "out" / "pets"
    native = VideoResult.load(folder / "result.json")
    predictions = json.loads((folder / "youtube_vis.json").read_text())
    assert [(p["video_id"], p["category_id"]) for p in predictions] == [(1, 1), (1, 2)]
    for prediction, sequence in zip(predictions, native.sequences, strict=True):
        for t, segmentation in enumerate(prediction["segmentations"]):
            decoded = 0 if segmentation is None else coco.decode(segmentation)
            assert (decoded == sequence.masks[t]).all()
    with Image.open(folder / "davis" / "00001.png") as image:
        assert (image.mode, image.getpalette()[3:6]) == ("P", [128, 0, 0])
        labels = np.array(image)
    assert set(np.unique(labels)) == {0, 1}  # the dog is absent on frame 1
    assert ((labels == 1) == native.sequences[0].masks[1]).all()


@pytest.mark.parametrize(("show_score", "shown"), [(0.85, {0, 1}), (0.95, {0})])
def test_weak_sequences_are_left_out_of_davis_maps_and_nothing_else(
    pets, tmp_path, show_score, shown
):
    run([pets], tmp_path / "out", formats=["youtube-vis", "davis"], show_score=show_score)
    folder = tmp_path / "out" / "pets"
    assert len(VideoResult.load(folder / "result.json").sequences) == 2
    assert len(json.loads((folder / "youtube_vis.json").read_text())) == 2
    with Image.open(folder / "davis" / "00000.png") as image:
        assert set(np.unique(np.array(image))) == shown  # the cat scores 0.9, the dog 0.8


def test_the_line_of_a_video_counts_what_its_pictures_show(pets, tmp_path):
    for seconds in ("frames/s", "done before"):  # the dog scores 0.8
        (outcome,) = run([pets], tmp_path / "out", show_score=0.85)
        assert "pets.mp4: 1 object in 6 frames (1 more below a score of 0.85), " in str(outcome)
        assert seconds in str(outcome)


def test_a_finished_video_is_drawn_again_where_another_look_is_asked_for(pets, tmp_path):
    folder, pictures_of = tmp_path / "out" / "pets", {"overlay": "video", "formats": ["davis"]}
    run([pets], tmp_path / "out", **pictures_of)
    drawn = tree(folder)
    before = changed(folder)
    run([pets], tmp_path / "out", **pictures_of, show_score=0.85)
    with Image.open(folder / "davis" / "00000.png") as image:
        assert set(np.unique(np.array(image))) == {0, 1}  # without the dog
    assert tree(folder) == sorted([*drawn, "pictures.json"])
    after = changed(folder)
    kept = {path.name for path, then in before.items() if after[path] == then}
    assert kept == {"result.json"}

    run([pets], tmp_path / "out", **pictures_of, show_score=0.85)
    assert changed(folder) == after
    run([pets], tmp_path / "out", **pictures_of, show_score=0.85, labels=["id"])
    again = changed(folder)
    assert {p.name for p in again if again[p] != after[p]} == {"overlay.mp4", "pictures.json"}
    run([pets], tmp_path / "out", **pictures_of)
    assert tree(folder) == drawn


def test_a_damaged_note_of_how_pictures_look_means_that_they_look_as_usual(pets, tmp_path):
    run([pets], tmp_path / "out", overlay="video", opacity=0.2)
    note = tmp_path / "out" / "pets" / "pictures.json"
    assert json.loads(note.read_text()) == {"overlay.mp4": {"opacity": 0.2}}
    note.write_text("[1]")
    before = changed(note.parent)
    run([pets], tmp_path / "out", overlay="video")
    assert changed(note.parent) == before
    run([pets], tmp_path / "out", overlay="none", opacity=0.3)  # draws nothing
    assert changed(note.parent) == before


def test_frames_of_a_folder_keep_their_names(tmp_path):
    (tmp_path / "dog").mkdir()
    for t in range(6):
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / "dog" / f"{5 * t:05d}.jpg")
    run([tmp_path / "dog"], tmp_path / "out", formats=["davis"])
    names = [f"davis/{5 * t:05d}.png" for t in range(6)]
    assert tree(tmp_path / "out" / "dog") == [*names, "result.json"]


def test_many_videos_have_common_files_and_a_bad_one_stops_nobody(tmp_path):
    good = [world_film(tmp_path / name) for name in ("a.mp4", "b c.mkv", "ü_日.mov")]
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    formats = ["youtube-vis", "davis"]
    outcomes = run([good[0], bad, *good[1:], "none.mp4"], tmp_path / "out", formats=formats)
    assert [outcome.result is not None for outcome in outcomes] == [True, False, True, True, False]
    with pytest.raises(InputError) as caught:
        raise_failures(outcomes)
    assert str(caught.value) == f"2 of 5 videos failed: {bad}, none.mp4"
    assert str(outcomes[1]).startswith(f"'{bad}' cannot be read as a video")
    together = json.loads((tmp_path / "out" / "youtube_vis.json").read_text())
    assert [p["video_id"] for p in together] == [1, 1, 3, 3, 4, 4]
    labels = tree(tmp_path / "out" / "davis")
    assert labels == sorted(f"{n}/{t:05d}.png" for n in ("a", "b c", "ü_日") for t in range(6))
    assert not (tmp_path / "out" / "bad").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_where_a_videos_folder_would_be_stops_that_video_alone(pets, tmp_path, overwrite):
    other = world_film(tmp_path / "other.mp4")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "pets").write_text("mine")
    failed, done = run([pets, other], tmp_path / "out", overwrite=overwrite)
    assert "out/pets' is a file, not a folder" in str(failed.error)
    assert done.result is not None
    assert (tmp_path / "out" / "pets").read_text() == "mine"


@pytest.mark.parametrize("name", ["...mp4", "caf\udce9.mp4"], ids=["dots", "no UTF-8"])
def test_a_name_that_no_output_can_have_is_refused(tmp_path, name):
    (failed,) = run([world_film(tmp_path / "a.mp4").rename(tmp_path / name)], tmp_path / "out")
    assert str(failed.error).startswith("no output can be called '")
    assert tree(tmp_path / "out") == []


def test_what_was_put_together_before_stays_where_nothing_is_found_now(tmp_path):
    films = [world_film(tmp_path / name) for name in ("a.mp4", "b.mp4")]
    run(films, tmp_path / "out", formats=["youtube-vis"])
    before = (tmp_path / "out" / "youtube_vis.json").read_text()
    run(["no.mp4", "none.mp4"], tmp_path / "out", formats=["youtube-vis"])
    assert (tmp_path / "out" / "youtube_vis.json").read_text() == before != "[]"


def test_a_single_failure_is_its_own_message(tmp_path):
    with pytest.raises(InputError, match=r"^video 'none.mp4' does not exist$"):
        raise_failures(run(["none.mp4"], tmp_path / "out"))


def test_predictions_carry_the_ids_of_the_annotations(pets, tmp_path):
    names = [f"pets/{t}.jpg" for t in range(6)]
    (tmp_path / "a.json").write_text(
        json.dumps(
            {
                "videos": [{"id": 77, "file_names": names, "height": 48, "width": 64}],
                "categories": [{"id": 5, "name": "dog"}, {"id": 6, "name": "cat"}],
            }
        )
    )
    annotations = Annotations.read(tmp_path / "a.json")
    run([pets], tmp_path / "out", formats=["youtube-vis"], annotations=annotations)
    predictions = json.loads((tmp_path / "out" / "pets" / "youtube_vis.json").read_text())
    assert [(p["video_id"], p["category_id"]) for p in predictions] == [(77, 6), (77, 5)]
    other = world_film(tmp_path / "other.mp4")
    (outcome,) = run([other], tmp_path / "out", annotations=annotations)
    assert str(outcome.error).startswith("unknown video 'other'")
    assert not (tmp_path / "out" / "other").exists()


def annotations_of(path, *names):
    """Return annotations of the pets with these categories."""
    frames = [f"pets/{t}.jpg" for t in range(6)]
    video = {"id": 1, "file_names": frames, "height": 48, "width": 64}
    categories = [{"id": id_, "name": name} for id_, name in enumerate(names, start=1)]
    path.write_text(json.dumps({"videos": [video], "categories": categories}))
    return Annotations.read(path)


def test_predictions_of_categories_that_the_annotations_lack_are_left_out_and_counted(
    pets, tmp_path
):
    lacking = annotations_of(tmp_path / "a.json", "dog")
    options = {"formats": ["youtube-vis"], "annotations": lacking}
    (outcome,) = run([pets], tmp_path / "out", **options)
    predictions = json.loads((tmp_path / "out" / "pets" / "youtube_vis.json").read_text())
    assert [p["category_id"] for p in predictions] == [1]
    assert len(outcome.result.sequences) == 2
    (warning,) = outcome.warnings
    assert warning.endswith("because the annotations lack their category ('cat'): 1")
    (again,) = run([pets], tmp_path / "out", **options)
    assert again.warnings == outcome.warnings


def test_annotations_of_other_categories_altogether_are_refused_before_the_work(pets, tmp_path):
    other = annotations_of(tmp_path / "a.json", "sedan")
    with pytest.raises(InputError, match="list none of the model's categories"):
        run([pets], tmp_path / "out", formats=["youtube-vis"], annotations=other)
    assert not (tmp_path / "out").exists()


def test_a_second_run_keeps_what_is_done_and_overwrite_does_it_again(pets, tmp_path):
    folder = tmp_path / "out"
    run([pets], folder, overlay="video")
    before = changed(folder)
    (kept,) = run([pets], folder, overlay="video")
    assert changed(folder) == before
    assert "2 objects in 6 frames, done before -> " in str(kept)
    run([pets], folder, overlay="video", overwrite=True)
    assert all(changed(folder)[path] > then for path, then in before.items())


@pytest.mark.parametrize("how", ["settings", "film", "film of one size", "damaged result"])
def test_a_second_run_does_again_what_has_changed(pets, tmp_path, how):
    folder, options = tmp_path / "out", {}
    run([pets], folder, overlay="video")
    if how == "settings":
        options = {"key_frames": 1}
    elif how == "film":
        world_film(pets, g="1")
    elif how == "film of one size":
        pets.write_bytes(pets.read_bytes().replace(b"x264", b"X264", 1))
    else:
        (folder / "pets" / "result.json").write_text("{")
    (outcome,) = run([pets], folder, options=options)
    assert outcome.seconds > 0
    assert tree(folder) == ["pets/result.json"]  # the overlay of the older result went


def test_a_second_run_adds_what_is_newly_asked_for(pets, tmp_path):
    folder = tmp_path / "out"
    run([pets], folder)
    result = changed(folder)
    (kept,) = run([pets], folder, overlay="video", formats=["davis", "youtube-vis"])
    assert kept.seconds == 0
    assert {"pets/overlay.mp4", "pets/youtube_vis.json", "pets/davis/00005.png"} <= set(
        tree(folder)
    )
    assert result.items() <= changed(folder).items()


def test_proposals_are_kept_when_asked_for(pets, tmp_path):
    run([pets], tmp_path / "out")
    (outcome,) = run([pets], tmp_path / "out", keep_proposals=True)
    assert outcome.seconds > 0
    proposals = VideoResult.load(tmp_path / "out" / "pets" / "proposals.json")
    assert len(proposals.sequences) == 9  # on five key frames the cat, on four the dog
    assert proposals.settings == outcome.result.settings


def test_stopping_leaves_what_is_finished_and_nothing_half_done(pets, tmp_path, monkeypatch):
    second = world_film(tmp_path / "second.mp4")
    original = FakePropagator.propagate

    def stopped(self, clip, seeds):
        if (tmp_path / "out" / "pets" / "overlay.mp4").exists():
            raise KeyboardInterrupt
        return original(self, clip, seeds)

    monkeypatch.setattr(FakePropagator, "propagate", stopped)
    with pytest.raises(KeyboardInterrupt):
        run([pets, second], tmp_path / "out", overlay="video")
    names = ("contact_sheet.png", "index.html", "overlay.mp4", "result.json")
    done = [f"pets/{name}" for name in names]
    assert tree(tmp_path / "out") == done
    monkeypatch.setattr(FakePropagator, "propagate", original)
    kept, new = run([pets, second], tmp_path / "out", overlay="video")
    assert kept.seconds == 0
    assert new.seconds > 0


def test_a_damaged_film_is_done_as_far_as_it_goes_and_says_so(tmp_path):
    path = film(tmp_path / "a.mp4", 12, bf="0", g="6")
    spoil(path, packets(path)[6])
    (outcome,) = run([path], tmp_path / "out")
    assert outcome.result.num_frames == 6
    assert outcome.warnings[0].startswith("about 6 frames after the first 6 are lost")


def test_two_runs_write_the_same(pets, tmp_path):
    for folder in ("one", "two"):
        run([pets], tmp_path / folder, formats=["youtube-vis", "davis"], overlay="video")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    for name in tree(tmp_path / "one"):
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        if name.endswith(
            ".mp4"
        ):  # on a busy machine x264 may write other bytes, never other pictures
            assert np.array_equal(pictures(one), pictures(two)), name
        else:
            assert one.read_bytes() == two.read_bytes(), name


def pictures(path):
    frames = open_video(path).frames
    return np.stack([frames[t] for t in range(len(frames))])


def test_an_output_path_under_a_file_is_refused_before_the_work(pets, tmp_path):
    with pytest.raises(
        InputError, match=r"cannot write into '.*pets.mp4/out': '.*pets.mp4' is a file; give"
    ):
        run([pets], pets / "out")


def test_a_file_size_limit_fails_the_video_and_leaves_nothing_half_written(pets, tmp_path):
    (tmp_path / "out").mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        (outcome,) = run([pets], tmp_path / "out", overlay="video")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in str(outcome.error)
    assert tree(tmp_path / "out") == []


def test_two_videos_of_one_name_in_one_folder_are_refused(tmp_path):
    names = ["a/x.mp4", "a/x.mkv"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="two videos are called 'x'"):
        plan([str(tmp_path / name) for name in names], tmp_path / "out")


def test_videos_of_one_name_in_two_folders_have_outputs_of_their_own(pets, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(pets, tmp_path / folder / "x.mp4")
    paths = [tmp_path / "a" / "x.mp4", tmp_path / "b" / "x.mp4"]
    outcomes = run(paths, tmp_path / "out", overlay="none")
    assert [outcome.result.name for outcome in outcomes] == ["a_x", "b_x"]
    assert tree(tmp_path / "out") == ["a_x/result.json", "b_x/result.json"]


@pytest.mark.parametrize("name", ["../../outside", "/elsewhere", "old", "a\nb"])
def test_outputs_go_to_the_folder_of_the_video_whatever_an_older_result_is_called(
    pets, tmp_path, name
):
    out = tmp_path / "deep" / "out"
    run([pets], out, overlay="none")
    replace(VideoResult.load(out / "pets" / "result.json"), name=name).save(out / "pets")
    before = tree(tmp_path)
    (outcome,) = run([pets], out, overlay="none", formats=("native", "youtube-vis", "davis"))
    assert outcome.result.name == "pets"
    made = set(tree(tmp_path)) - set(before)
    assert made
    assert all(path.startswith("deep/out/pets/") for path in made)


def test_a_video_given_twice_is_done_once(pets, tmp_path):
    assert plan([pets, tmp_path / "*.mp4"], tmp_path / "out") == [pets]


def test_output_into_the_folder_of_the_images_themselves_is_refused(tmp_path):
    (tmp_path / "dog").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "dog" / "0.png")
    with pytest.raises(InputError, match="would go into that folder: give another -o"):
        plan([tmp_path / "dog"], tmp_path)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"formats": ["davi"]}, "did you mean 'davis'"),
        ({"overlay": "film"}, "unknown overlay"),
        ({"labels": ["scores"]}, "did you mean 'score'"),
        ({"show_score": 30}, "show_score must lie in .* got 30"),
        ({"opacity": 45}, "opacity must lie between 0 and 1, got 45"),
    ],
)
def test_an_unknown_output_is_refused(tmp_path, outputs, message):
    with pytest.raises(InputError, match=message):
        Outputs(tmp_path, **outputs)


def test_the_watcher_is_told_of_each_video_and_of_every_frame(pets, tmp_path):
    callback = Silence()
    predict([pets], segmenter(key_frames=1), Outputs(tmp_path / "out"), callback)
    assert callback.steps[0] == ("pets.mp4", 1, 1)
    propagated = [step for step in callback.steps if step[0] == "propagate"]
    assert propagated == [("propagate", (t + 1) / 6, 6) for t in range(6)]
    assert [step for step in callback.steps if step[0] == "draw"][-1] == ("draw", 1.0, 6)
    assert [outcome.path for outcome in callback.outcomes] == [pets]


@pytest.mark.parametrize(
    "place", ["pets/overlay/mine.png", "davis/pets/00000.png", "pets/proposals.json"]
)
def test_files_of_ones_own_are_not_replaced_unless_asked(pets, tmp_path, place):
    mine = tmp_path / "out" / place
    mine.parent.mkdir(parents=True)
    mine.touch()
    (failed,) = run([pets], tmp_path / "out")
    assert "is there already, and not from an earlier run" in str(failed.error)
    assert mine.exists()
    (done,) = run([pets], tmp_path / "out", overwrite=True)
    assert done.result is not None
    assert not mine.exists()


def pipe(path):
    os.mkfifo(path)


def loop(path):
    path.symlink_to(path.name)


def nothing_decodes(path):
    content = world_film(path).read_bytes()
    path.write_bytes(content.replace(b"avc1", b"zzz1"))


def page(path):
    path.write_text("<html>404</html>")


@pytest.mark.parametrize("make", [pipe, loop, nothing_decodes, page])
def test_one_video_that_cannot_be_read_stops_nobody(tmp_path, make):
    make(tmp_path / "a.mp4")
    world_film(tmp_path / "b.mp4")
    bad, good = run([tmp_path], tmp_path / "out")
    assert good.result is not None
    assert isinstance(bad.error, InputError)
    assert "\n" not in str(bad)
    assert tree(tmp_path / "out") == ["b/result.json"]


def test_an_error_that_nobody_foresaw_is_one_line_and_its_traceback_is_kept(tmp_path, monkeypatch):
    paths = [world_film(tmp_path / f"{name}.mp4") for name in "abc"]
    propagate = FakePropagator.propagate

    def fails_once(self, clip, seeds):
        if len(list((tmp_path / "out").glob("*/result.json"))) == 1:
            (tmp_path / "out" / "b").mkdir()
            raise AttributeError("no such thing\nas this")
        return propagate(self, clip, seeds)

    monkeypatch.setattr(FakePropagator, "propagate", fails_once)
    outcomes = run(paths, tmp_path / "out")
    assert [outcome.error is None for outcome in outcomes] == [True, False, False]
    log = tmp_path / "out" / "errors.log"
    line = str(outcomes[1])
    assert f"'{paths[1]}': AttributeError: no such thing as this" in line
    assert line.endswith(f"the traceback is in '{log}'")
    assert log.read_text().count("Traceback (most recent call last)") == 2
    with pytest.raises(ProposeReduceError, match="2 of 3 videos failed"):
        raise_failures(outcomes)


def test_a_result_of_another_size_than_the_video_is_made_anew(pets, tmp_path):
    run([pets], tmp_path / "out")
    file = tmp_path / "out" / "pets" / "result.json"
    sound = file.read_bytes()
    content = json.loads(sound)
    content["video"]["width"] *= 2
    for sequence in content["sequences"]:
        nothing = [None] * content["video"]["num_frames"]
        sequence |= {"segmentations": nothing, "bboxes": nothing, "areas": nothing}
    file.write_text(json.dumps(content))
    (outcome,) = run([pets], tmp_path / "out")
    assert outcome.seconds > 0
    assert file.read_bytes() == sound


@pytest.mark.parametrize("name", ["youtube_vis.json", "index.html", "errors.log", "davis", "Davis"])
def test_a_video_that_is_called_as_our_own_file_is_refused(tmp_path, name):
    outputs = Outputs(tmp_path / "out", formats=["davis"], together=True)
    with pytest.raises(InputError, match=f"no output can be called '{name}': rename the video"):
        outputs.check_room(name)
    Outputs(tmp_path / "out").check_room("davis")  # where no folder of ours is called so
