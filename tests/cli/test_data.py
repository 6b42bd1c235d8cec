"""``propose-reduce data`` from end to end."""

import json

from command_line import type_command
from videosets import write_youtube_vis, youtube_vis_data


def run(*arguments):
    return type_command("data", *arguments)


def test_shapes_are_written_and_found_right(tmp_path):
    folder = tmp_path / "shapes"
    made = run("shapes", "-o", folder, "--videos", 1, "--seed", 3)
    assert made.exit_code == 0, made.stderr
    assert f"-> {folder / 'annotations.json'}" in made.stdout
    assert len(list((folder / "JPEGImages" / "val_00000").glob("*.jpg"))) == 24
    assert json.loads((folder / "annotations.json").read_text())["info"]["seed"] == 3
    checked = run("check", folder / "annotations.json", "--images", folder / "JPEGImages")
    assert checked.exit_code == 0, checked.stderr
    assert "no faults" in checked.stdout


def test_check_lists_the_faults_and_ends_with_2(tmp_path):
    data = youtube_vis_data()
    data["annotations"][0]["category_id"] = 4
    file, images = write_youtube_vis(tmp_path, data)
    checked = run("check", file, "--images", images)
    assert checked.exit_code == 2
    assert "annotations[0].category_id: unknown category 4, known: 3, 9" in checked.stdout
    assert checked.stderr.count("\n") == 1
    assert "has 1 fault: correct what is listed" in checked.stderr


def test_a_wrong_split_is_one_line_and_2(tmp_path):
    made = run("shapes", "-o", tmp_path / "x", "--split", "vall")
    assert made.exit_code == 2
    assert made.stderr == "propose-reduce: unknown split 'vall': did you mean 'val'?\n"
