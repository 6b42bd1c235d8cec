"""A video file as frames: one walk through it to know them all, then each when asked for."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Lock

import av
import numpy as np

from propose_reduce.deep_images import on_black
from propose_reduce.errors import InputError
from propose_reduce.video.stream import Stream, ToRgb, opened_stream, reason, turned

CACHE_BYTES = 256 * 2**20
"""Decoded frames kept, as the decoder gives them: about 80 of 1080p. A sweep backwards through
one long group of pictures decodes it once per this much, not once per frame."""

CACHE_FRAMES = 256
"""Frames kept at most, however small: a window of a long video, and encoders' usual group of
pictures (250). Without a limit the store of a small video would grow for thousands of frames."""

SHORT = 0.05
"""A file that ends this share of its declared duration early counts as cut; less is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """What one walk through a file found.

    Attributes:
        times: presentation time of every frame, in units of ``time_base``; the frame numbers
            where the file has no rising times.
        rising: whether it has, so that a frame can be sought by its time.
        key_frames: indices of the frames where decoding can start; the first is 0, and the only
            one where frames cannot be sought.
        time_base: seconds of one unit.
        rate: frames per second as the file declares them; None where it does not.
        to_rgb: turns a decoded frame into pixels.
        frame_bytes: memory of a decoded frame.
        pixel_aspect: the width of a stored pixel by its height.
        warnings: what the user should know, such as frames lost at the end.
    """

    times: tuple[int, ...]
    rising: bool
    key_frames: tuple[int, ...]
    time_base: Fraction
    rate: Fraction | None
    to_rgb: ToRgb
    frame_bytes: int
    pixel_aspect: Fraction
    warnings: tuple[str, ...]


def index_file(path: Path) -> Index:
    """Walk through a file once, keeping no frame.

    Headers are not to be trusted with how many frames there are, when, and whether they decode.

    Raises:
        InputError: no frame at all, or see ``Stream``.
    """
    with opened_stream(path) as source:
        times: list[int | None] = []
        key_frames = {0}
        first: av.VideoFrame | None = None
        fault = ""
        try:
            for frame in source.frames():
                first = first or frame
                if frame.key_frame:
                    key_frames.add(len(times))
                times.append(frame.pts)
        except (av.error.FFmpegError, OSError) as error:
            fault = reason(error)
        if first is None:
            raise InputError(f"'{path}' has no frame that decodes{fault and ': '}{fault}")
        known = [time for time in times if time is not None]
        rising = len(known) == len(times) and bool((np.diff(known) > 0).all())
        bits = first.format.padded_bits_per_pixel * first.height * first.width
        return Index(
            times=tuple(known) if rising else tuple(range(len(times))),
            rising=rising,
            key_frames=tuple(sorted(key_frames)) if rising else (0,),
            time_base=source.time_base,
            rate=source.stream.average_rate or source.stream.guessed_rate,
            to_rgb=ToRgb(first, source.first_packet),
            frame_bytes=max(1, bits // 8),
            pixel_aspect=_pixel_aspect(source),
            warnings=(*_lost(source, len(times), known if rising else [], fault), *_others(source)),
        )


def _pixel_aspect(source: Stream) -> Fraction:
    """Return the width of a stored pixel by its height; 1 where the file does not say."""
    stated = source.stream.sample_aspect_ratio
    return Fraction(stated) if stated and stated > 0 else Fraction(1)


def _others(source: Stream) -> tuple[str, ...]:
    """Return a warning where the file has further streams of pictures."""
    if source.pictures == 1:
        return ()
    return (f"of its {source.pictures} streams of pictures the first alone is taken",)


def _lost(source: Stream, decoded: int, times: list[int], fault: str) -> tuple[str, ...]:
    """Return a warning where frames are missing at the end.

    An edit list may rightly show fewer frames than are stored, so that the declared number of
    them counts only after a fault.
    """
    missing = source.stream.frames - decoded if fault else 0
    span = float((times[-1] - times[0]) * source.time_base) if len(times) > 1 else 0.0
    if span:
        spacing = span / (decoded - 1)
        left = source.declared_seconds(times[0]) - span - spacing
        if left > max(spacing, SHORT * (left + span)):
            missing = max(missing, round(left / spacing))
    if not fault and missing <= 0:
        return ()
    count = f"about {missing}" if missing > 0 else "the"
    why = fault or "the file is shorter than it declares"
    return (f"{count} frames after the first {decoded} are lost: {why}",)


def photograph(path: Path, index: Index) -> np.ndarray | None:
    """Return a HEIC photograph with transparency on black, uint8 RGB (1, H, W, 3); else None."""
    with opened_stream(path) as source:
        if source.alpha is None:
            return None
        opacity = next(frame for frame in source.container.decode(source.alpha))
        alpha = opacity.to_ndarray(format="gray")
    pixels = FileFrames(path, index)[0]
    shown = turned(alpha[..., None], index.to_rgb.matrix)
    if shown.shape[:2] != pixels.shape[:2]:
        return None
    return on_black(np.concatenate([pixels, shown], axis=2))[None]


class FileFrames:
    """Frames of a video file, decoded when asked for, each sweep direction about once.

    Several threads may ask, as a session that reads ahead and a part that looks at a frame do: one
    is served at a time, for FFmpeg's decoders and scalers are not made for more.

    The frames decoded last stay, up to ``CACHE_BYTES`` and ``CACHE_FRAMES``. Going backwards starts
    decoding early enough to fill that store, so that the frames before are there when they are
    asked for.
    """

    def __init__(self, path: Path, index: Index) -> None:
        self._path = path
        self._index = index
        self._numbers = {time: number for number, time in enumerate(index.times)}
        self._capacity = min(CACHE_FRAMES, max(8, CACHE_BYTES // index.frame_bytes))
        self._asked = Lock()
        self._kept: dict[int, av.VideoFrame] = {}
        self._source: Stream | None = None
        self._decoder: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._position = 0  # the frame that the decoder gives next

    def __len__(self) -> int:
        return len(self._index.times)

    def __getitem__(self, index: int, /) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} is not among 0..{len(self) - 1}")
        with self._asked:
            if index not in self._kept:
                self._decode(index)
            return self._index.to_rgb(self._kept[index])

    def _decode(self, index: int) -> None:
        """Decode up to ``index``; where a seek lands too late, start from ever earlier places."""
        start = self._start(index)
        if start is None and self._advance(index):
            return
        entries = self._index.key_frames
        place = bisect_right(entries, index if start is None else start) - 1
        step = 1
        while place > 0:
            self._restart(entries[place])
            if self._advance(index):
                return
            place, step = place - step, 2 * step
        self._restart(0)
        if not self._advance(index):
            raise InputError(f"'{self._path}' has changed: frame {index} no longer decodes")

    def _start(self, index: int) -> int | None:
        """Return the key frame to decode ``index`` from; None to go on from where we are."""
        entries = self._index.key_frames
        nearest = entries[bisect_right(entries, index) - 1]
        if self._source is not None and self._position <= index:
            return nearest if nearest > self._position else None
        if self._source is None:
            return nearest
        first = entries[min(bisect_right(entries, index - self._capacity), len(entries) - 1)]
        return min(first, nearest)

    def _restart(self, key_frame: int) -> None:
        """Go to a key frame; to the first one by opening the file anew, which never fails."""
        if self._source is None or key_frame == 0:
            if self._source is not None:
                self._source.close()
            self._source = Stream(self._path)
        if key_frame > 0:
            self._source.seek(self._index.times[key_frame])
        numbers = self._numbers if self._index.rising else None
        self._decoder = _numbered(self._source, key_frame, numbers)
        self._position = key_frame

    def _advance(self, index: int) -> bool:
        """Decode on until ``index`` is there; False when it does not come."""
        try:
            for number, frame in self._decoder:
                if number > self._position:  # the seek went too far, or the file has changed
                    return False
                self._position = number + 1
                self._kept.pop(number, None)  # to the end of the order in which frames go
                self._kept[number] = frame
                while len(self._kept) > self._capacity:
                    del self._kept[next(iter(self._kept))]
                if number == index:
                    return True
        except (av.error.FFmpegError, OSError):
            return False
        return False


def _numbered(
    source: Stream, start: int, numbers: dict[int, int] | None
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield frames from ``start`` on with their numbers.

    Frames shown before the key frame but decoded after it lack what they build on: left out. A
    function, for as a method it would tie the frames to themselves, out of the count's reach.

    Args:
        source: at a key frame.
        start: number of that frame.
        numbers: of the frames by their time; None: they are counted.
    """
    for count, frame in enumerate(source.frames()):
        number = count
        if numbers is not None:
            number = -1 if frame.pts is None else numbers.get(frame.pts, -1)
        if number >= start:
            yield number, frame
