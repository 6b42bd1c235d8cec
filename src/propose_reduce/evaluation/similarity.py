"""How alike two masks of one frame are: DAVIS's region similarity J and contour accuracy F.

Letters: H, W the image; h, w the window of a region, in pixels. Each mask is cut once to a window
that holds it, its contour and everything within the tolerance of that contour; comparing two
masks then looks at the intersection of their windows only.
"""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

# Contours may lie this share of the image diagonal apart (DAVIS 2017, official tool).
TOLERANCE = 0.008


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A mask of one frame with its contour, cut to a window of the image.

    Attributes:
        top: row of the image where the window begins.
        left: column of the image where the window begins.
        mask: bool, (h, w).
        boundary: bool, (h, w), see ``boundary_map``.
        reach: bool, (h, w), the pixels within the tolerance of the boundary.
        area: pixels of the mask.
        length: pixels of the boundary; 0 for an empty mask and for one that fills the image.
    """

    top: int
    left: int
    mask: np.ndarray
    boundary: np.ndarray
    reach: np.ndarray
    area: int
    length: int


def tolerance(height: int, width: int) -> int:
    """Return how many pixels apart contours may lie in an image of this size."""
    return math.ceil(TOLERANCE * math.sqrt(height * height + width * width))


@cache
def _rectangles(radius: int) -> tuple[tuple[int, int], ...]:
    """Return the half (width, height) of rectangles whose union is the disk of this radius."""
    highest = {
        math.isqrt(radius * radius - height * height): height for height in range(radius + 1)
    }
    return tuple(highest.items())


def dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    """Return which pixels have one of the mask within the disk dx^2 + dy^2 <= radius^2.

    Args:
        mask: uint8, (H, W), 0 or 1.
        radius: in pixels.

    Returns:
        uint8, (H, W), 0 or 1.
    """
    # OpenCV takes rectangles apart into a row and a column, which makes several of them three
    # times as fast as the disk itself at the tolerance of DAVIS.
    dilated = mask.copy()
    for half_width, half_height in _rectangles(radius):
        size = (2 * half_width + 1, 2 * half_height + 1)
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, size)
        cv2.max(dilated, cv2.dilate(mask, kernel), dst=dilated)
    return dilated


def boundary_map(mask: np.ndarray) -> np.ndarray:
    """Return where a mask differs from its right, lower or lower right neighbour.

    In the last row only the right neighbour counts, in the last column only the lower one.

    Args:
        mask: uint8, (H, W), 0 or 1.

    Returns:
        uint8, (H, W), 0 or 1.
    """
    # A pixel differs from one of the three exactly where its 2 x 2 block is not uniform; repeating
    # the last row and column leaves out the neighbours beyond the image.
    block = np.ones((2, 2), dtype=np.uint8)
    boundary: np.ndarray = cv2.morphologyEx(
        mask, cv2.MORPH_GRADIENT, block, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE
    )
    return boundary


def regions(labels: np.ndarray, count: int) -> list[Region]:
    """Return the regions of the labels 1..count, empty ones for labels that do not occur.

    Args:
        labels: uint8, (H, W), 0 is background; labels above ``count`` are ignored.
        count: the highest label wanted.
    """
    radius = tolerance(*labels.shape)
    from scipy import ndimage  # a third of a second to load

    boxes = ndimage.find_objects(labels, max_label=count) if count else []
    return [_cut(labels, label, box, radius) for label, box in enumerate(boxes, start=1)]


def _cut(labels: np.ndarray, label: int, box: tuple[slice, slice] | None, radius: int) -> Region:
    """Return one label's region; ``box`` is its tight box, None when the label does not occur."""
    if box is None:
        nothing = np.zeros((0, 0), dtype=bool)
        return Region(0, 0, nothing, nothing, nothing, area=0, length=0)
    margin = radius + 1  # the boundary begins one pixel above and left of the mask
    rows, columns = box
    top, left = max(rows.start - margin, 0), max(columns.start - margin, 0)
    window = labels[top : rows.stop + margin, left : columns.stop + margin]
    mask = (window == label).view(np.uint8)
    boundary = boundary_map(mask)
    reach = dilate(boundary, radius)
    return Region(
        top,
        left,
        mask.view(bool),
        boundary.view(bool),
        reach.view(bool),
        area=cv2.countNonZero(mask),
        length=cv2.countNonZero(boundary),
    )


def similarity(truth: Region, result: Region) -> tuple[float, float]:
    """Return the region similarity J and the contour accuracy F of two masks of one frame.

    Both are 1 where both masks (for F: both boundaries) are empty.
    """
    windows = _shared_windows(truth, result)
    if windows is None:
        return float(truth.area + result.area == 0), float(truth.length + result.length == 0)
    in_truth, in_result = windows
    intersection = np.count_nonzero(truth.mask[in_truth] & result.mask[in_result])
    union = truth.area + result.area - intersection
    j = float(intersection / union)
    if truth.length == 0 or result.length == 0:
        return j, float(truth.length == result.length)
    near_truth = np.count_nonzero(result.boundary[in_result] & truth.reach[in_truth])
    near_result = np.count_nonzero(truth.boundary[in_truth] & result.reach[in_result])
    precision, recall = near_truth / result.length, near_result / truth.length
    f = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return j, float(f)


def _shared_windows(
    first: Region, second: Region
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Return the part both windows show, as indices into each of them; None for no such part."""
    (first_height, first_width), (second_height, second_width) = first.mask.shape, second.mask.shape
    top, left = max(first.top, second.top), max(first.left, second.left)
    bottom = min(first.top + first_height, second.top + second_height)
    right = min(first.left + first_width, second.left + second_width)
    if bottom <= top or right <= left:
        return None
    return (
        (slice(top - first.top, bottom - first.top), slice(left - first.left, right - first.left)),
        (
            slice(top - second.top, bottom - second.top),
            slice(left - second.left, right - second.left),
        ),
    )
