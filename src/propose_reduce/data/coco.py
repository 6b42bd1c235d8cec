"""COCO instance annotations, read as videos of one frame (``pseudo_videos`` makes two of it)."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from propose_reduce import rle
from propose_reduce.data.faults import (
    Fault,
    Notes,
    Placed,
    Record,
    Scan,
    WholeNumber,
    categories_by_id,
    entries,
    file_fault,
    load_json,
    sound,
    unique,
)
from propose_reduce.data.segmentations import CUT_OFF, box_fault, leaves_frame, read_segmentations
from propose_reduce.data.videos import AnnotatedVideo, VideoObject, VideoSet
from propose_reduce.errors import InputError
from propose_reduce.structures import Size


class CocoImage(Record):
    """An entry of ``images``."""

    id: WholeNumber
    file_name: str
    height: Annotated[WholeNumber, Field(ge=1)]
    width: Annotated[WholeNumber, Field(ge=1)]
    licence: str = ""
    license: int | None = None
    video_id: int | None = None
    frame_id: WholeNumber | None = None


class CocoAnnotation(Record):
    """An entry of ``annotations``."""

    id: WholeNumber
    image_id: WholeNumber
    category_id: WholeNumber
    iscrowd: Annotated[bool, BeforeValidator(lambda flag: False if flag is None else flag)] = False
    segmentation: Any = None
    bbox: list[float] | None = None
    track_id: int | str | None = None
    attributes: Any = None

    @property
    def track(self) -> int | str | None:
        """Which object of the video it is, as the file says; None where it does not."""
        inside = self.attributes.get("track_id") if isinstance(self.attributes, dict) else None
        return self.track_id if self.track_id is not None else inside


def read_coco(path: Path, images: Path) -> VideoSet:
    """Return the images of a COCO instances file as videos of one frame.

    Crowds are neither right nor wrong, and so is an object that has a box but no mask.

    Args:
        path: the JSON file.
        images: the folder that ``file_name`` starts from.

    Raises:
        InputError: the file cannot be read or has a fault; image files are not looked at yet.
    """
    return sound(scan_coco(path, images))


def scan_coco(path: Path, images: Path) -> Scan:
    """Return what can be read of a COCO instances file, with all its faults.

    Raises:
        InputError: the file is no JSON object at all.
    """
    data, faults, notes = load_json(path), list[Fault](), Notes()
    categories = categories_by_id(data, faults)
    licences = _licences(data)
    pictures = unique(entries(CocoImage, data, "images", faults), faults)
    refused = set()
    for place, picture in list(pictures.values()):
        try:
            rle.check_mask_size(picture.height, picture.width)
        except InputError as error:
            faults.append(Fault(place.at("height"), str(error)))
            refused.add(picture.id)
        if fault := file_fault(place.at("file_name"), picture.file_name):
            refused.add(picture.id)
            faults.append(fault)
    objects: dict[int, list[VideoObject]] = {number: [] for number in pictures}
    for place, annotation in unique(
        entries(CocoAnnotation, data, "annotations", faults), faults
    ).values():
        if annotation.image_id not in pictures:
            text = f"unknown image {annotation.image_id}"
            faults.append(Fault(place.at("image_id"), text))
        elif annotation.category_id not in categories:
            text = f"unknown category {annotation.category_id}"
            faults.append(Fault(place.at("category_id"), text))
        elif annotation.image_id not in refused and not _is_speck(annotation.bbox):
            picture = pictures[annotation.image_id][1]
            category = list(categories).index(annotation.category_id)
            objects[picture.id].append(_coco_object(place, annotation, picture, category, faults))
            if leaves_frame(annotation.segmentation, (picture.height, picture.width)):
                notes.add(CUT_OFF, place.at("segmentation"))
    told = [
        AnnotatedVideo(
            id=picture.id,
            name=picture.file_name,
            size=(picture.height, picture.width),
            frames=(images / picture.file_name,),
            annotated=(0,),
            objects=tuple(objects[picture.id]),
            licence=picture.licence or licences.get(picture.license, ""),
        )
        for _, picture in pictures.values()
        if picture.id not in refused
    ]
    return Scan(VideoSet(str(path), tuple(categories.values()), tuple(told)), faults, notes.lines())


def _licences(data: dict[str, Any]) -> dict[int | None, str]:
    """Return COCO's table of licences, as far as it is one: names by id."""
    table = data.get("licenses")
    entries = table if isinstance(table, list) else []
    return {
        entry["id"]: entry["name"]
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("id"), int)
        and isinstance(entry.get("name"), str)
    }


def _coco_object(
    place: Placed,
    annotation: CocoAnnotation,
    picture: CocoImage,
    category: int,
    faults: list[Fault],
) -> VideoObject:
    size = (picture.height, picture.width)
    (mask,) = read_segmentations([annotation.segmentation], size)
    if isinstance(mask, InputError):
        faults.append(Fault(place.at("segmentation"), str(mask)))
        mask = None
    text = None if annotation.bbox is None else box_fault(annotation.bbox, mask, size)
    if text:
        faults.append(Fault(place.at("bbox"), text))
    only_box = mask is None and annotation.bbox is not None and not text
    if only_box and annotation.bbox is not None:
        mask = _filled(annotation.bbox, size)
    return VideoObject(annotation.id, category, annotation.iscrowd or only_box, (mask,))


def _is_speck(box: list[float] | None) -> bool:
    """Return whether a box is thinner than a pixel: COCO has a few, which its loaders skip."""
    return box is not None and len(box) == 4 and 0 <= min(box[2:]) < 1


def _filled(box: list[float], size: Size) -> rle.Rle:
    """Return the pixels that a box [x, y, width, height] touches, as a mask."""
    mask = np.zeros(size, dtype=bool)
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    right, bottom = int(np.ceil(box[0] + box[2])), int(np.ceil(box[1] + box[3]))
    mask[top:bottom, left:right] = True
    return rle.encode(mask)
