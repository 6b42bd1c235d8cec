"""Which COCO category stands for which of ours."""

from collections.abc import Sequence

from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

# Without the background; torchvision's labels are COCO's ids, of which ten are unused ("N/A").
COCO_LABELS: tuple[str, ...] = tuple(
    f"unused {label}" if name == "N/A" else name
    for label, name in enumerate(MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"])
    if label > 0
)
"""Foreground categories of torchvision's COCO models, in label order from 1."""

COCO_ALIASES = {"motorbike": "motorcycle", "sedan": "car", "flying_disc": "frisbee"}
"""Other names of what COCO calls otherwise."""

OTHER_MEANINGS = {"mouse"}  # COCO's is a computer's, the one of YouTube-VIS an animal


def counterparts(ours: Sequence[str], theirs: Sequence[str]) -> dict[int, int]:
    """Return which of our categories are which of theirs, as 0-based indices.

    Names agree whatever their case and whether their words are joined by blanks, hyphens or
    underscores; aliases and names of two meanings count where ``theirs`` are COCO's.
    """
    if [_plain(name) for name in ours] == [_plain(name) for name in theirs]:
        return {index: index for index in range(len(ours))}
    places = {_plain(name): index for index, name in enumerate(theirs)}
    found = {}
    for index, name in enumerate(ours):
        plain = _plain(name)
        place = places.get(plain, places.get(COCO_ALIASES.get(plain, "")))
        if place is not None and plain not in OTHER_MEANINGS:
            found[index] = place
    return found


def _plain(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")
