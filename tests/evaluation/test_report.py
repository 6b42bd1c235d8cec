"""The report is one page: what it shows, and that it needs nothing beside it."""

import io
import json
import re
from html.parser import HTMLParser

import pytest
from label_files import CUT_PNG
from PIL import Image
from vis_files import CAT, DOG, object_, prediction, truth

from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.comparison import Comparison
from propose_reduce.evaluation.reports.page import (
    LISTED_VIDEOS,
    provenance,
    read_small,
    write_comparison,
    write_report,
)
from propose_reduce.evaluation.tracks import TruthVideo, read_ground_truth

LEFT, RIGHT = "####....", "....####"
OBJECTS = [object_(LEFT, LEFT), object_(RIGHT, RIGHT, video=2, category=DOG)]
PREDICTIONS = [
    prediction(0.9, LEFT, LEFT),
    prediction(0.6, RIGHT, RIGHT, video=2),
    prediction(0.3, LEFT, None, category=99),
]

STREAM = io.BytesIO()
Image.new("RGB", (8, 4), "red").save(STREAM, format="PNG")
PICTURE = STREAM.getvalue()


class Page(HTMLParser):
    """Collects text, tags with their attributes, and tags that were not closed."""

    def __init__(self, text):
        super().__init__()
        self.words, self.tags, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def evaluated(document, predictions, **options):
    return evaluate_youtube_vis(document, predictions, per_video=True, errors=True, **options)


def report(folder, *, objects=OBJECTS, predictions=PREDICTIONS, videos=2, names=None, **options):
    document = truth(*objects, videos=videos)
    document["categories"] = names or document["categories"]
    metrics = evaluated(document, predictions)
    path = write_report(folder, metrics, read_ground_truth(document).videos, **options)
    return path.read_text()


def comparison(folder, *methods, **options):
    """Write the comparison of lists of predictions, called "first", "second", .."""
    document = truth(*OBJECTS, videos=2)
    named = dict(zip(("first", "second", "third"), methods, strict=False))
    sure = options.pop("intervals", False)
    compared = Comparison(
        {name: evaluated(document, each, intervals=sure) for name, each in named.items()}
    )
    videos = read_ground_truth(document).videos
    return write_comparison(folder, compared, videos, **options).read_text()


@pytest.fixture
def frames(tmp_path):
    for id_ in (1, 2):
        for frame in range(2):
            path = tmp_path / "images" / f"clip{id_}" / f"{frame:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (80, 10), (90, 120, 90)).save(path)
    return tmp_path / "images"


def test_the_page_shows_numbers_errors_videos_and_failures(tmp_path):
    text = report(tmp_path, title="cats & dogs")
    page = Page(text)
    assert page.open == []
    words = " ".join(page.words)
    for expected in (
        "cats & dogs",
        "2 predictions for 2 objects in 2 videos",
        "does not list their category (99): 1",
        "Precision and recall",
        "wrong class",
        "cat 0.60: is a dog, IoU 1.00",
        "2 clip2",
    ):
        assert expected in words
    assert "cats &amp; dogs" in text
    assert [tag for tag, _ in page.tags].count("svg") == 2


def test_without_frames_there_are_no_pictures(tmp_path):
    assert "<img" not in report(tmp_path)


def test_with_frames_the_videos_and_failures_are_shown(tmp_path, frames):
    page = Page(report(tmp_path, frames=frames))
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    # truth and prediction of the worst and the best video, and of the one failure
    assert [picture["alt"] for picture in pictures] == [
        f"{row}, frames 0, 1" for row in ("truth", "predicted") * 3
    ]
    assert all(picture["src"].startswith("data:image/jpeg;base64,") for picture in pictures)


def test_the_page_needs_nothing_beside_it(tmp_path, frames):
    text = report(tmp_path, frames=frames)
    links = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", text)
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "<script" not in text


def test_clip_paths_of_the_plots_do_not_share_names(tmp_path):
    names = re.findall(r'<clipPath id="([^"]+)"', report(tmp_path))
    assert len(set(names)) == len(names) > 0


def test_most_videos_are_folded_away(tmp_path):
    many = [object_(LEFT, video=id_) for id_ in range(1, LISTED_VIDEOS + 4)]
    text = report(tmp_path, objects=many, predictions=[], videos=LISTED_VIDEOS + 3)
    assert "<summary>3 more</summary>" in text


def test_what_the_distance_analysis_left_is_included(tmp_path):
    (tmp_path / "distance.png").write_bytes(PICTURE)
    (tmp_path / "distance.svg").write_text("<svg onload='alert(1)'></svg>")
    (tmp_path / "drops.csv").write_text("group,drop\n50-60 %,0.123456\n<script>,0.5\n")
    text = report(tmp_path, distance=tmp_path)
    page = Page(text)
    figure = next(tag for name, tag in page.tags if name == "img")
    assert figure["src"].startswith("data:image/png;base64,")
    assert "0.123" in page.words
    assert "onload" not in text
    assert "<script" not in text


def test_a_folder_without_the_distance_analysis_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"nowhere' has no sound distance\.png"):
        report(tmp_path, distance=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("figure", "table"),
    [
        (b"", b"a,b"),
        (b"<svg></svg>", b"a,b"),
        (PICTURE, b""),
        (PICTURE, b"\xff"),
        (PICTURE, b"a" * 200_000),
    ],
    ids=["empty", "an SVG called PNG", "no table", "no text", "a cell that is too long"],
)
def test_damaged_files_of_the_distance_analysis_are_an_error(tmp_path, figure, table):
    (tmp_path / "distance.png").write_bytes(figure)
    (tmp_path / "drops.csv").write_bytes(table)
    with pytest.raises(InputError, match=r"has no sound distance\.png and drops\.csv"):
        report(tmp_path, distance=tmp_path)


def test_categories_of_the_same_name_have_a_row_each(tmp_path):
    names = [{"id": CAT, "name": "pet"}, {"id": DOG, "name": "pet"}]
    assert report(tmp_path, names=names).count("<td>pet</td>") == 2


def test_metrics_without_details_are_not_enough(tmp_path):
    metrics = evaluate_youtube_vis(truth(), [])
    with pytest.raises(InputError, match="per_video=True and errors=True"):
        write_report(tmp_path, metrics, {})


def test_nothing_found_and_nothing_to_find_gives_a_page_too(tmp_path):
    assert "<p>None.</p>" in report(tmp_path, objects=[], predictions=[])


def test_frames_are_read_small(frames):
    video = TruthVideo(1, "clip", (100, 800), 2, ("clip1/00000.jpg",), ())
    assert read_small(video, frames, 0, width=40).shape == (5, 40, 3)


def test_a_frame_that_cannot_be_read_is_named(tmp_path, frames):
    video = TruthVideo(7, "clip", (10, 80), 2, ("clip1/00001.jpg",), ())
    with pytest.raises(InputError, match=r"video 7 \('clip'\) has no file name for frame 1"):
        read_small(video, frames, 1)
    for content, fault in (
        (CUT_PNG, "damaged .* Truncated IHDR"),
        (b"no picture", "damaged or not an image"),
    ):
        (frames / "clip1" / "00001.jpg").write_bytes(content)
        with pytest.raises(InputError, match=rf"00001\.jpg' is {fault}"):
            read_small(video, frames, 0)
    (frames / "clip1" / "00001.jpg").unlink()
    with pytest.raises(InputError, match=r"00001\.jpg' is missing"):
        read_small(video, frames, 0)


def test_videos_without_predictions_are_named(tmp_path):
    page = Page(report(tmp_path, predictions=PREDICTIONS[:1]))
    assert "Videos with objects and without a prediction: 1" in page.words
    assert "2 clip2" in page.words
    assert "without a prediction" not in report(tmp_path)


def test_the_page_says_what_it_was_made_of_and_by(tmp_path):
    result = {"settings": {"weights": {"name": "mine", "sha256": "ab" * 32}}}
    (tmp_path / "one.json").write_text(json.dumps(result))
    (tmp_path / "two.json").write_text("[]")
    paths = {name: tmp_path / f"{name}.json" for name in ("one", "two")}
    origin = provenance("propose-reduce evaluate '<b>'", paths)
    assert list(origin) == ["date", "version", "command", "weights of one"]
    page = Page(report(tmp_path, provenance=origin))
    assert "mine (sha256 abababababab)" in page.words
    assert "propose-reduce evaluate '<b>'" in page.words


HOSTILE = "<script>alert(1)</script>\"'&$x_^${7*7}{{7*7}}\u202e" + "w" * 300


def test_names_do_nothing_on_the_page(tmp_path, frames):
    names = [{"id": id_, "name": HOSTILE} for id_ in (CAT, DOG)]
    text = report(tmp_path, names=names, title=HOSTILE, frames=frames)
    assert "<script" not in text
    assert HOSTILE in Page(text).words


def test_methods_stand_side_by_side_with_their_differences(tmp_path):
    better = [*PREDICTIONS[:1], prediction(0.6, RIGHT, RIGHT, video=2, category=DOG)]
    page = Page(comparison(tmp_path, PREDICTIONS[:2], better, title="two methods"))
    assert page.open == []
    words = [word.strip() for word in page.words if word.strip()]
    assert words[words.index("second") + 1 :][:1] == ["100"]
    assert words[words.index("minus first") + 1] == "+50.0"
    row = words.index("2 clip2")
    assert words[row : row + 4] == ["2 clip2", "0.0", "100", "+100"]
    assert words.index("dog") < words.index("cat")  # the larger difference first
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert [(tmp_path / link).read_text().count("<h1>") for link in links] == [1, 1]


def test_the_videos_that_differ_most_are_shown_for_every_method(tmp_path, frames):
    page = Page(comparison(tmp_path, PREDICTIONS[:2], [], PREDICTIONS[:1], frames=frames))
    shown = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert shown == [f"{row}, frames 0, 1" for row in ("truth", "first", "second", "third")] * 2
    assert "Videos with objects and without a prediction of second: 2" in page.words


def test_intervals_stand_below_the_numbers_and_the_differences(tmp_path):
    better = [*PREDICTIONS[:1], prediction(0.6, RIGHT, RIGHT, video=2, category=DOG)]
    page = comparison(tmp_path, PREDICTIONS[:2], better, intervals=True)
    assert page.count("95 % interval") == 1
    assert re.search(r"<td>[+-]\d+\.\d to [+-]\d+\.\d</td>", page)
    own = (tmp_path / "method1.html").read_text()
    assert re.search(r"<small>-?\d+\.\d to \d+\.\d</small>", own)
    assert "interval" not in comparison(tmp_path, PREDICTIONS[:2], better)
