"""Small results to test with: masks drawn as text, one string per frame."""

import numpy as np

from propose_reduce import rle
from propose_reduce.results import VideoResult
from propose_reduce.structures import InstanceSequence


def drawn(picture: str) -> np.ndarray:
    """Return the bool mask of a picture: rows apart by spaces, '#' inside."""
    return np.array([[letter == "#" for letter in row] for row in picture.split()])


def sequence(
    id_: int, score: float, *pictures: str | None, category: str = "cat", **class_scores: float
) -> InstanceSequence:
    """Return a sequence with one picture per frame; None where it is absent."""
    masks = [None if picture is None else drawn(picture) for picture in pictures]
    height, width = next(mask.shape for mask in masks if mask is not None)
    return InstanceSequence(
        id=id_,
        category=category,
        score=score,
        class_scores={category: score, **class_scores},
        key_frame=0,
        size=(height, width),
        segmentations=tuple(None if mask is None else rle.encode(mask) for mask in masks),
        frame_scores=tuple(None if mask is None else score for mask in masks),
    )


def result(*sequences: InstanceSequence, **fields) -> VideoResult:
    """Return a result that holds the sequences; cats are category 3, dogs 7."""
    first = sequences[0]
    given = {"name": "pets", "categories": {3: "cat", 7: "dog"}, "fps": 6.0, **fields}
    return VideoResult(
        size=first.size, num_frames=len(first.segmentations), sequences=sequences, **given
    )
