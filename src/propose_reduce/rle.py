"""Run-length encoded masks, the form of the COCO and YouTube-VIS files, through pycocotools.

An encoding is ``{"size": [height, width], "counts": "..."}`` with the compressed counts as text,
as JSON holds it: runs down each column, then the next column, starting with zeros.

pycocotools believes what it is given: runs that do not fill their mask make it write beyond its
memory or never return. So nothing of a file reaches it unless :func:`sound_areas`, :func:`check`,
:func:`from_counts` or :func:`from_polygons` has found it sound.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict

import numpy as np
from pycocotools import mask as coco

from propose_reduce.errors import InputError, cut

MOST_PIXELS = 2**28
"""Most pixels of a mask, 16,384 x 16,384: a few characters stand for a mask of any size, and the
memory for its pixels must be there."""

LONGEST_NUMBER = 6
"""Most characters of a packed number: 30 bits, for the sign and a run of :data:`MOST_PIXELS`."""


class Rle(TypedDict):
    """One compressed mask; ``size`` is [height, width]."""

    size: list[int]
    counts: str


def check_mask_size(height: object, width: object) -> None:
    """Raise InputError unless a mask can have so many rows and columns."""
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        raise InputError(f"a mask's size is [height, width], got [{cut(height)}, {cut(width)}]")
    if height * width > MOST_PIXELS:
        raise InputError(
            f"a mask of {cut(height)} x {cut(width)} pixels is too large: at most {MOST_PIXELS}"
        )


def encode(mask: np.ndarray) -> Rle:
    """Return the encoding of a bool mask (H, W)."""
    encoded = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode()}


def decode(encoding: Rle) -> np.ndarray:
    """Return the bool mask (H, W) of an encoding, column by column in memory.

    Here rather than by pycocotools, whose own raises a DeprecationWarning with numpy 2.

    Raises:
        InputError: counts that no encoder writes, or runs that do not fill the mask.
    """
    height, width = encoding["size"]
    runs = _checked_runs(encoding)
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(width, height).T


def area(encoding: Rle) -> int:
    """Return the number of pixels inside the mask."""
    return int(coco.area(encoding))


def box(encoding: Rle) -> list[float]:
    """Return the tight box [x, y, width, height] in pixels; zeros for an empty mask."""
    return [float(side) for side in coco.toBbox(encoding)]


FARTHEST = 100_000
"""Pixels from 0 to a polygon's corner at most: pycocotools walks every edge in fifths of a pixel,
and fills the memory for a corner at 1e12 or NaN."""

LONGEST_OUTLINE = 1_000_000
"""Pixels around all polygons of one mask at most, for the same reason: some 200 MB of memory."""


def from_polygons(polygons: Iterable[Sequence[float]], height: int, width: int) -> Rle:
    """Return the union of polygons [x0, y0, x1, y1, ...] by COCO's own rasterisation rule.

    What lies outside of the frame is cut off.

    Raises:
        InputError: a polygon of fewer than three corners, a coordinate that is no number or
            farther from 0 than any image reaches, outlines that never end.
    """
    check_mask_size(height, width)
    rings = [_polygon_corners(ring) for ring in polygons]
    steps = [np.abs(np.diff(ring, axis=0, append=ring[:1])).max(axis=1).sum() for ring in rings]
    if sum(steps) > LONGEST_OUTLINE:
        raise InputError(
            f"polygons with an outline of {sum(steps):.0f} pixels, more than {LONGEST_OUTLINE}"
        )
    if not rings:
        raise InputError("a list without polygons is not a mask")
    parts = [coco.frPyObjects([ring.ravel().tolist()], height, width)[0] for ring in rings]
    merged = coco.merge(parts)
    return {"size": [height, width], "counts": merged["counts"].decode()}


def _polygon_corners(ring: Sequence[float]) -> np.ndarray:
    """Return the corners of a polygon: float64 (corner, x and y)."""
    numbers = _numbers(ring, "a polygon is a list of numbers")
    if numbers.size < 6 or numbers.size % 2:
        raise InputError(f"a polygon needs three or more x, y pairs, got {numbers.size} numbers")
    far = numbers[~(np.abs(numbers) <= FARTHEST)]  # NaN too
    if far.size:
        raise InputError(
            f"polygon coordinate {far[0]:g} must be a number of -{FARTHEST} to {FARTHEST}"
        )
    return numbers.astype(np.float64).reshape(-1, 2)


def _numbers(values: Any, rule: str) -> np.ndarray:
    """Return a list of numbers as (N,), or raise InputError with the rule that it breaks."""
    try:
        numbers = np.asarray(values)
    except (ValueError, OverflowError, RecursionError) as error:  # lists of many lengths
        raise InputError(f"{rule}, got {cut(values)}") from error
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iuf"):
        raise InputError(f"{rule}, got {cut(values)}")
    return numbers


def from_counts(counts: Sequence[int], height: int, width: int) -> Rle:
    """Return the compressed encoding of plain run lengths, zeros first.

    Raises:
        InputError: something else than whole numbers of at least 0 that fill the mask.
    """
    check_mask_size(height, width)
    runs = _numbers(counts, "run lengths must be a list of whole numbers")
    whole = (runs >= 0) & (runs <= height * width) & (runs == np.floor(runs))
    if not whole.all():
        raise InputError(
            f"run lengths must be whole numbers of 0 to {height * width}, got {runs[~whole][0]!s}"
        )
    filled = int(runs.sum(dtype=np.float64))
    if filled != height * width:
        raise InputError(f"runs fill {filled} pixels of a {height} x {width} mask")
    return {"size": [height, width], "counts": _packed(runs.astype(np.int64))}


def _packed(runs: np.ndarray) -> str:
    """Return run lengths as compressed counts (see :func:`run_lengths`).

    A number ends with the first character after which only its sign would follow.
    """
    numbers = runs.copy()
    numbers[3:] -= runs[1:-2]
    digit = np.arange(LONGEST_NUMBER)
    beyond = np.int64(16) << (5 * digit)  # what digit + 1 characters cannot hold
    length = 1 + ((numbers[:, None] >= beyond) | (numbers[:, None] < -beyond)).sum(axis=1)
    more = digit < length[:, None] - 1
    characters = ((numbers[:, None] >> (5 * digit)) & 31) + 48 + 32 * more
    return characters[digit < length[:, None]].astype(np.uint8).tobytes().decode()


def run_lengths(counts: str) -> np.ndarray:
    """Return the run lengths (int64, zeros first) that compressed counts stand for.

    Each number is 5 bits per character, low bits first, and from the fourth on the difference to
    the number two before it (the COCO interface's own packing).

    Raises:
        InputError: characters that no encoder writes, a cut number, or a negative run.
    """
    unpacked = _Runs([counts])
    if not unpacked.readable[0]:
        raise InputError(f"{cut(counts)} are not compressed run lengths")
    runs = np.zeros(unpacked.numbers[0], dtype=np.int64)
    runs[::2], runs[1::2] = unpacked.chains
    if (runs < 0).any():
        raise InputError(f"{cut(counts)} hold a negative run length")
    return runs


def check_mask(encoding: Rle) -> None:
    """Raise InputError unless the runs fill the mask exactly; pycocotools itself never looks."""
    _checked_runs(encoding)


def _checked_runs(encoding: Rle) -> np.ndarray:
    """Return the run lengths of an encoding, int64; see ``check``."""
    height, width = encoding["size"]
    check_mask_size(height, width)
    runs = run_lengths(encoding["counts"])
    filled = int(runs.sum(dtype=np.float64))
    if filled != height * width or runs.max() > height * width:
        raise InputError(f"runs fill {filled} pixels of a {height} x {width} mask")
    return runs


BATCH = 200_000
"""Characters that are unpacked together: numpy's calls are many for one mask, and the arrays for
all masks of a file large."""


def sound_areas(encodings: Sequence[Rle]) -> np.ndarray:
    """Return the numbers of pixels inside N masks: int64 (N,), -1 for damaged masks.

    Damaged are those whose runs do not fill height x width exactly.
    """
    parts = [_sound_areas(batch) for batch in _batches(encodings)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _batches(encodings: Sequence[Rle]) -> Iterator[Sequence[Rle]]:
    start = filled = 0
    for stop, encoding in enumerate(encodings, start=1):
        filled += len(encoding["counts"])
        if filled >= BATCH or stop == len(encodings):
            yield encodings[start:stop]
            start, filled = stop, 0


def _sound_areas(encodings: Sequence[Rle]) -> np.ndarray:
    runs = _Runs([encoding["counts"] for encoding in encodings])
    sizes = np.array([encoding["size"] for encoding in encodings], dtype=np.float64)
    pixels = sizes.reshape(-1, 2).prod(axis=1)
    pixels[(sizes.reshape(-1, 2) < 1).any(axis=1)] = -1  # no mask has so few rows or columns
    filled, inside = np.zeros((2, len(encodings)), dtype=np.int64)
    sound = runs.readable & (pixels <= MOST_PIXELS)
    for half, chain in enumerate(runs.chains):
        own, start = runs.starts(half)
        if own.size:
            sums = np.add.reduceat(chain, start, dtype=np.int64)
            # a negative run is beyond all masks where the sign is read as a digit
            sound[own] &= np.maximum.reduceat(chain.view(np.uint32), start) <= pixels[own]
            filled[own] += sums
            ones = runs.offsets[own] % 2 != half
            inside[own[ones]] = sums[ones]
    return np.where(sound & (filled == pixels), inside, -1)


class _Runs:
    """The run lengths of N compressed counts, unpacked together.

    From the fourth on, a number is the difference to the one two before: every other number makes
    a chain, through all texts, and the sums down the two chains are the runs.

    Attributes:
        readable: bool (N,), whether the text is what an encoder writes.
        numbers: int64 (N,), how many runs each has; 0 for one that is not readable.
        offsets: int64 (N,), the place of its first run among all.
        chains: int32, the runs at even places and those at odd places. Sums beyond 32 bits come
            out negative, or as the uint32 that pycocotools has.
    """

    def __init__(self, counts: Sequence[str]) -> None:
        texts = [text.encode("utf-8", "surrogatepass") for text in counts]
        self.readable = np.array([bool(text) for text in texts])
        digits, stops = self._digits(texts)
        last = digits < 32
        ends = np.flatnonzero(last)
        upto = np.searchsorted(ends, stops)
        self.numbers = np.diff(upto, prepend=0)
        self.offsets = upto - self.numbers
        values, too_long = _unpacked_numbers(digits, last)
        self.readable[np.searchsorted(stops, too_long, side="right")] = False
        values = values[ends]
        heads = self.offsets[self.numbers > 0]
        first = values[heads]
        values[heads] = 0  # the third number is no difference to the first
        self.chains = values[::2].copy(), values[1::2].copy()
        for half, chain in enumerate(self.chains):
            _, start = self.starts(half)
            if start.size:  # let each text begin at 0
                chain[start[1:]] -= np.add.reduceat(chain, start)[:-1]
                np.cumsum(chain, out=chain)
            here = heads % 2 == half
            chain[heads[here] // 2] = first[here]

    def _digits(self, texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Return the characters of all texts less 48, and where each text ends.

        Texts with other characters and those that end within a number are empty then.
        """
        stops = np.cumsum([len(text) for text in texts], dtype=np.int64)
        # what is no character of the packing wraps to 64 and more
        digits = np.frombuffer(b"".join(texts), dtype=np.uint8) - np.uint8(48)
        filled = np.flatnonzero(self.readable)
        bad = filled[digits[stops[filled] - 1] > 31]
        if digits.size and digits.max() > 63:
            strange = np.searchsorted(stops, np.flatnonzero(digits > 63), side="right")
            bad = np.concatenate([bad, strange])
        if not bad.size:
            return digits, stops
        self.readable[bad] = False
        kept = zip(texts, self.readable.tolist(), strict=True)
        return self._digits([text if readable else b"" for text, readable in kept])

    def starts(self, half: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which texts have runs in a chain, and where each begins there."""
        start = (self.offsets + 1 - half) // 2
        stop = (self.offsets + self.numbers + 1 - half) // 2
        own = np.flatnonzero(stop > start)
        return own, start[own]


def _unpacked_numbers(digits: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, at the last character of each number, the number; and where one is too long.

    Args:
        digits: uint8, characters less 48: 5 bits, low ones first, and the flag 32, which says that
            more follow.
        last: bool, where that flag is missing.
    """
    bits = digits & np.uint8(31)
    values = ((bits ^ np.uint8(16)).view(np.int8) - np.int8(16)).astype(np.int32)  # signed
    follows = np.zeros(last.shape, dtype=np.uint8)
    np.logical_not(last[:-1], out=follows[1:].view(bool))
    # a number of two characters, as about half are, without looking for them
    values *= np.uint8(1) + np.uint8(31) * follows
    values[1:] |= bits[:-1] & (np.uint8(0) - follows[1:])
    longer = np.flatnonzero(last[2:] & (follows[2:] & follows[1:-1]).view(bool)) + 2
    for place in range(2, LONGEST_NUMBER):
        values[longer] = values[longer] * 32 + bits[longer - place]
        longer = longer[follows[longer - place].view(bool)]
    return values, longer


def iou(first: Sequence[Rle], second: Sequence[Rle]) -> np.ndarray:
    """Return the overlaps of N and M masks: float64 (N, M); -1 where sizes differ, 0 if empty."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    ratios = np.asarray(coco.iou(first, second, [0] * len(second)), dtype=np.float64)
    if len({tuple(encoding["size"]) for encoding in (*first, *second)}) > 1:
        # pycocotools says so only where the boxes touch
        sizes = [np.array([encoding["size"] for encoding in side]) for side in (first, second)]
        ratios[(sizes[0][:, None] != sizes[1][None, :]).any(axis=2)] = -1
    return ratios


def box_iou(first: Sequence[Rle], second: Sequence[Rle]) -> np.ndarray:
    """Return the overlaps of N and M masks' tight boxes: float64 (N, M), 0 for empty masks."""
    edges = []
    for side in (first, second):
        boxes = np.array([coco.toBbox(encoding) for encoding in side]).reshape(-1, 4)
        edges.append((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]))
    (start, stop), (other_start, other_stop) = edges
    upper = np.minimum(stop[:, None], other_stop[None])
    shared = np.clip(upper - np.maximum(start[:, None], other_start[None]), 0, None).prod(2)
    joint = (stop - start).prod(1)[:, None] + (other_stop - other_start).prod(1)[None] - shared
    ratio: np.ndarray = np.divide(shared, joint, out=np.zeros(shared.shape), where=joint > 0)
    return ratio


def union(encodings: Sequence[Rle]) -> Rle:
    """Return the union of masks of one size."""
    merged = coco.merge(list(encodings))
    return {"size": [int(side) for side in merged["size"]], "counts": merged["counts"].decode()}


def inside(encodings: Sequence[Rle], region: Rle) -> np.ndarray:
    """Return the share of N masks' pixels that lie in a region: float64 (N,), 0 for empty masks."""
    shares = np.asarray(coco.iou(list(encodings), [region], [1]), dtype=np.float64)
    return shares.reshape(len(encodings))
