"""CVAT's XML 1.1 for videos: one polygon track for each sequence."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from propose_reduce import rle
from propose_reduce.files import replacing
from propose_reduce.results.exports.polygons import joined, outlines
from propose_reduce.results.exports.text import xml_text
from propose_reduce.results.sequences import VideoSequences
from propose_reduce.structures import InstanceSequence


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
