import json

import numpy as np
import pytest
from label_files import write_labels
from training_runs import preset
from videosets import write_frames, write_youtube_vis, youtube_vis_data

from propose_reduce.data.pseudo_videos import PseudoVideoPairs, StagedPairs
from propose_reduce.errors import InputError
from propose_reduce.settings.training import SourceSettings, StageSettings
from propose_reduce.training.sources import (
    open_mixture,
    open_videos,
    permitted,
    remarkable,
    with_own_data,
)
from propose_reduce.training.trainer import validation_videos


def two_sources(tmp_path, **options):
    file, _ = write_youtube_vis(tmp_path)
    one = SourceSettings(annotations=str(file), **options).model_dump()
    return preset(sources={"one": one, "other": one}, model={"categories": ["dog", "cat"]})


def test_a_stage_takes_all_sources_or_those_it_names(tmp_path):
    chosen = two_sources(tmp_path)
    assert set(open_mixture(chosen, StageSettings(), 0).sources) == {"one", "other"}
    named = open_mixture(chosen, StageSettings(sources=("other",)), 0)
    assert (set(named.sources), len(named)) == ({"other"}, 3)


def test_a_source_is_told_in_the_models_categories(tmp_path):
    mixture = open_mixture(two_sources(tmp_path), StageSettings(), 0)
    assert mixture.sources["one"].categories == ("dog", "cat")


def test_a_category_map_turns_all_into_one(tmp_path):
    chosen = two_sources(tmp_path, categories={"*": "animal", "cat": "animal"})
    chosen = chosen.model_copy(
        update={"model": chosen.model.model_copy(update={"categories": ("animal",)})}
    )
    source = open_mixture(chosen, StageSettings(), 0).sources["one"]
    assert source.categories == ("animal",)
    assert len(source) == 3


def stills(tmp_path, **fields):
    """Return the source of a COCO file of six images, of three licences in turn."""
    terms = ["CC BY 2.0", "CC BY-NC 2.0", "CC BY-SA 2.0"]
    names = [path.name for path in write_frames(tmp_path / "stills", 6)]
    data = {
        "licenses": [{"id": 4, "name": "CC BY 2.0"}],
        "images": [
            {"id": i, "file_name": name, "height": 24, "width": 40, "licence": terms[i % 3]}
            for i, name in enumerate(names)
        ],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": 1,
                "segmentation": [[4, 4, 30, 4, 30, 20, 4, 20]],
            }
            for i in range(6)
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    data["images"][0] |= {"licence": "", "license": 4}  # as COCO says it
    file = tmp_path / "stills.json"
    file.write_text(json.dumps(data))
    return SourceSettings(annotations=str(file), images=str(tmp_path / "stills"), **fields)


def kept(source):
    return [video.id for video in permitted(open_videos(source), source).videos]


def test_only_images_of_the_licences_asked_for_are_trained_on(tmp_path):
    assert kept(stills(tmp_path)) == [0, 1, 2, 3, 4, 5]
    assert kept(stills(tmp_path, licences=["CC BY 2.0", "CC BY-SA*"])) == [0, 2, 3, 5]
    says = r"no image of '.*stills.json' has a licence like CC0: it names 'CC BY 2.0', 'CC BY-NC"
    with pytest.raises(InputError, match=says):
        kept(stills(tmp_path, licences=["CC0"]))


def test_images_are_kept_out_by_their_ids(tmp_path):
    assert kept(stills(tmp_path, hold_out=2)) == [1, 3, 5]


def test_stills_are_staged_where_asked_and_own_stills_as_the_preset_s_are(tmp_path):
    source = stills(tmp_path, staging={"occluder": 1.0})
    model = {"categories": ["cat"]}
    plain = preset(sources={"one": stills(tmp_path).model_dump()}, model=model)
    staged = preset(
        sources={"one": source.model_dump()}, model=model, absence_loss=1.0, smallest_object=0.01
    )
    (pairs,) = open_mixture(plain, StageSettings(), 0).sources.values()
    assert isinstance(pairs, PseudoVideoPairs)
    assert (pairs.settings.absence, pairs.settings.smallest) == (False, 0.0)
    (pairs,) = open_mixture(staged, StageSettings(), 0).sources.values()
    assert isinstance(pairs, StagedPairs)
    assert pairs.staging.occluder == 1.0
    assert (pairs.settings.absence, pairs.settings.smallest) == (True, 0.01)
    own = with_own_data(staged, tmp_path / "stills.json", tmp_path / "stills")
    assert own.training.sources["own"].staging.occluder == 1.0
    own = with_own_data(plain, tmp_path / "stills.json", tmp_path / "stills")
    assert own.training.sources["own"].staging is None


def test_images_lie_beside_the_file_unless_said_otherwise(tmp_path):
    file, images = write_youtube_vis(tmp_path)
    source = SourceSettings(annotations=str(file))
    assert open_videos(source).videos[0].frames[0].parent.parent == images
    elsewhere = images.rename(tmp_path / "elsewhere")
    source = SourceSettings(annotations=str(file), images=str(elsewhere))
    assert open_videos(source).videos[0].frames[0].parent.parent == elsewhere


def test_own_data_replaces_every_source_and_the_categories(tmp_path):
    file, _ = write_youtube_vis(tmp_path)
    chosen = with_own_data(preset({"main": {"sources": ["shapes"]}}), file)
    assert chosen.model.categories == ("cat", "dog")
    assert list(chosen.training.sources) == ["own"]
    assert len(open_mixture(chosen, chosen.training.stages["main"], 0)) == 3


def test_images_are_decoded_unless_only_their_headers_are_to_be_read(tmp_path):
    file, images = write_youtube_vis(tmp_path)
    frame = images / "a" / "00002.jpg"
    content = frame.read_bytes()
    frame.write_bytes(content[: content.index(b"\xff\xda") + 14])  # cut where the pixels begin
    own = {"own": SourceSettings(annotations=str(file)).model_dump()}
    model = {"categories": ["cat", "dog"]}
    assert remarkable(preset(sources=own, model=model, check_images=False)) == []
    (report,) = remarkable(preset(sources=own, model=model))
    assert [fault.place for fault in report.faults] == ["a, frame 2"]


def test_a_set_with_a_fault_is_reported(tmp_path):
    data = youtube_vis_data()
    data["annotations"][1]["category_id"] = 77
    file, _ = write_youtube_vis(tmp_path, data)
    own = {"own": SourceSettings(annotations=str(file)).model_dump()}
    (report,) = remarkable(preset(sources=own, model={"categories": ["cat", "dog"]}))
    assert len(report.faults) == 1


def test_a_file_without_its_folder_of_images_is_refused(tmp_path):
    file, images = write_youtube_vis(tmp_path)
    images.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is not a folder: give it by --images DIR"):
        with_own_data(preset(), file)
    with pytest.raises(InputError, match=r"none.json' cannot be read: No such file"):
        with_own_data(preset(), tmp_path / "none.json")


def test_what_a_split_leaves_out_may_have_faults(tmp_path):
    for name in ("in", "out"):
        write_frames(tmp_path / "JPEGImages" / "480p" / name, 1)
        maps = np.ones((1, 24, 40 if name == "in" else 39))  # the other does not fit its frame
        write_labels(tmp_path / "Annotations" / "480p" / name, maps)
    (tmp_path / "ImageSets" / "2017").mkdir(parents=True)
    (tmp_path / "ImageSets" / "2017" / "train.txt").write_text("in\n")
    own = {"own": {"annotations": str(tmp_path), "split": "train"}}
    assert remarkable(preset(sources=own, model={"categories": ["instance"]})) == []
    every = {"own": {"annotations": str(tmp_path)}}
    assert len(remarkable(preset(sources=every, model={"categories": ["instance"]}))) == 1


def test_a_share_of_ones_own_data_is_held_out_and_judged_on(tmp_path):
    data = youtube_vis_data()
    (video,), (cat, _) = data["videos"], data["annotations"]
    data["videos"] = [{**video, "id": id_} for id_ in range(1, 8)]
    data["annotations"] = [{**cat, "id": id_, "video_id": id_} for id_ in range(1, 8)]
    file, _ = write_youtube_vis(tmp_path, data)
    own = with_own_data(preset(validation={"share": 0.25}), file)
    validation = own.training.validation
    assert validation.wanted
    assert (own.training.sources["own"].hold_out, validation.hold_out) == (4, 4)
    assert len(open_mixture(own, StageSettings(), 0)) == 6 * 3
    judged = validation_videos(own, tmp_path)
    assert [judged_video.id for judged_video in judged.videos] == [4]


def test_one_video_is_too_few_to_hold_one_out(tmp_path):
    file, _ = write_youtube_vis(tmp_path)
    own = with_own_data(preset(validation={"share": 0.25}), file)
    assert not own.training.validation.wanted
    assert own.training.sources["own"].hold_out is None


def test_a_data_set_to_judge_on_is_judged_on_without_a_number_of_steps():
    assert not preset().training.validation.wanted
    assert preset(validation={"annotations": "val.json"}).training.validation.wanted
    assert not preset(validation={"annotations": "v.json", "every": 0}).training.validation.wanted
