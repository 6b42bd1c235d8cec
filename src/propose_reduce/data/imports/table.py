"""The table of the formats that are imported."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from propose_reduce.data.imports.json_files import (
    read_labelme,
    read_sa_v,
    read_scalabel,
    read_tracked_coco,
)
from propose_reduce.data.imports.maps import (
    read_kitti_mots,
    read_label_maps,
    read_mots,
    read_youtube_vos,
)
from propose_reduce.data.imports.polygons import read_cvat, read_yolo
from propose_reduce.data.imports.videos import ForeignVideo, Reading
from propose_reduce.errors import unknown_name


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """A form in which annotated videos can be read.

    Attributes:
        read: reads them.
        source: what is given: a file or a folder, and what it holds.
        objects: what tells that masks on two frames are one object's.
    """

    read: Callable[[Reading], Iterator[ForeignVideo]]
    source: str
    objects: str


IMPORTS: dict[str, ImportFormat] = {
    "coco": ImportFormat(
        read_tracked_coco, "a COCO instances file, such as CVAT's export of a video",
        "`track_id`, or that among the `attributes`",
    ),
    "cvat": ImportFormat(read_cvat, "CVAT's XML 1.1 for videos, of one task", "the track"),
    "kitti-mots": ImportFormat(
        read_kitti_mots, "a root of KITTI MOTS, or one text: frames from 0", "the number"
    ),
    "label-maps": ImportFormat(
        read_label_maps, "a folder of PNG maps, of such folders, or a DAVIS root", "the value"
    ),
    "labelme": ImportFormat(
        read_labelme, "a folder of labelme's JSON, one for each frame, or of such folders",
        "`group_id`, or else the label",
    ),
    "mots": ImportFormat(
        read_mots, "a root of MOTS Challenge (`SEQ/gt`), or one text: frames from 1", "the number"
    ),
    "sa-v": ImportFormat(read_sa_v, "a JSON of SA-V, or a folder of them", "the masklet"),
    "scalabel": ImportFormat(
        read_scalabel, "a JSON of Scalabel or BDD100K, or a folder of them", "the label's `id`"
    ),
    "yolo-seg": ImportFormat(
        read_yolo, "a YOLO folder with `labels` and `data.yaml`",
        "nothing: each picture becomes a video of one frame",
    ),
    "youtube-vos": ImportFormat(
        read_youtube_vos, "a root of YouTube-VOS with `meta.json` and `Annotations`", "the value"
    ),
}  # fmt: skip
"""By name, in the order of the alphabet."""

ALIASES = {"bdd100k": "scalabel", "davis": "label-maps"}


def import_format(name: str) -> ImportFormat:
    """Return a format by name.

    Raises:
        InputError: an unknown name.
    """
    name = ALIASES.get(name, name)
    if name not in IMPORTS:
        raise unknown_name("format", name, [*IMPORTS, *ALIASES])
    return IMPORTS[name]
