"""Writing frames as a video that plays everywhere, and what plays in browsers."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace

from propose_reduce.errors import InputError
from propose_reduce.files import replacing
from propose_reduce.video.stream import ANY_TAGS

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".webm": "webm"}
"""Suffixes that browsers and web servers know, with the container that must be inside."""

CODECS = {"mp4": {"h264", "av1"}, "webm": {"vp8", "vp9", "av1"}}
"""Codecs that Chromium, Firefox and Safari play in each container (HEVC: some of them only)."""

PIXELS = {"yuv420p", "yuvj420p"}
"""8-bit 4:2:0, the one form of H.264 and VP9 that all of them decode."""


def plays_in_browser(path: Path) -> bool:
    """Tell whether the usual browsers play a file; only its header is read.

    A file that cannot be read does not play. One without a duration cannot be stepped through, and
    of several video streams a browser may show another one than the first: both count as no.
    """
    container = CONTAINERS.get(path.suffix.lower())
    if container is None or not path.is_file():
        return False
    try:
        source: av.container.InputContainer
        with av.open(f"file:{path}", **ANY_TAGS) as source:
            streams = source.streams.video
            if container not in source.format.name or len(streams) != 1 or not source.duration:
                return False
            codec = streams[0].codec_context
            return codec.name.removeprefix("lib") in CODECS[container] and codec.pix_fmt in PIXELS
    except (av.error.FFmpegError, OSError):
        return False


DEFAULT_FPS = 12.0
"""For frames without times: between YouTube-VIS (6) and DAVIS (24)."""

SLOWEST = Fraction(1, 1001)
"""Frames per second; what is slower, as every thousandth frame may be, is shown that fast."""

LONGEST_SIDE = 16384
"""Pixels; what H.264's encoder takes at most."""

TICKS = 90_000
"""Units of a second in which timestamps are written, as in MPEG systems."""

ENCODER_OPTIONS = {
    "preset": "fast",
    # x264's macroblock tree reads memory that nobody wrote where there are B frames and AVX-512:
    # the same frames would give another file each time
    "mbtree": "0",
    "crf": "18",  # x264's scale: no loss to the eye, and outlines of masks stay sharp
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
    "color_range": "tv",
}


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    fps: float | None = None,
    timestamps: Sequence[float] | None = None,
    threads: int | None = None,
    pixel_aspect: Fraction = Fraction(1),
) -> None:
    """Write frames as H.264 in MP4, whole or not at all.

    4:2:0 and even sides, which browsers need (an odd side is repeated by one pixel), BT.709, the
    index in front so that playing starts before all is there. Frames with a side above
    ``LONGEST_SIDE`` are scaled down to it.

    Args:
        path: where to, with the suffix .mp4.
        frames: uint8 RGB (H, W, 3), all of one size.
        fps: frames per second, at least ``SLOWEST``; ``DEFAULT_FPS`` without it.
        timestamps: seconds of each frame (as many, rising) instead of a constant rate.
        threads: of the encoder, which compresses otherwise with each number of them; None takes
            what the machine has, a number makes the file the same on any number of cores.
        pixel_aspect: the width of a pixel by its height, by which players stretch the picture.

    Raises:
        InputError: no frame, or the system refuses to write.
    """
    rate = max(Fraction(fps or DEFAULT_FPS).limit_denominator(1001), SLOWEST)
    options = ENCODER_OPTIONS | ({} if threads is None else {"threads": str(threads)})
    with replacing(path) as temporary:
        try:
            with av.open(
                f"file:{temporary}", "w", format="mp4", options={"movflags": "+faststart"}
            ) as container:
                _encode(container, frames, rate, timestamps, options, pixel_aspect)
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def _encode(
    container: OutputContainer,
    frames: Iterable[np.ndarray],
    rate: Fraction,
    timestamps: Sequence[float] | None,
    options: dict[str, str],
    pixel_aspect: Fraction,
) -> None:
    """Encode frames into an open file; see ``write_video``."""
    pictures = map(_yuv, frames)
    first = next(pictures, None)
    if first is None:
        raise InputError("there is no frame to write")
    stream = container.add_stream("libx264", rate=rate, options=options)
    stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
    stream.codec_context.sample_aspect_ratio = pixel_aspect.limit_denominator(2**15)
    time_base = 1 / rate if timestamps is None else Fraction(1, TICKS)
    stream.codec_context.time_base = time_base
    for number, picture in enumerate(chain([first], pictures)):
        picture.time_base = time_base
        picture.pts = number if timestamps is None else round(timestamps[number] / time_base)
        container.mux(stream.encode(picture))
    container.mux(stream.encode(None))


def _yuv(pixels: np.ndarray) -> av.VideoFrame:
    """Return uint8 RGB (H, W, 3) as a BT.709 4:2:0 frame with even sides."""
    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
    scale = min(1.0, LONGEST_SIDE / max(even.shape[:2]))
    return frame.reformat(
        width=max(2, round(even.shape[1] * scale / 2) * 2),
        height=max(2, round(even.shape[0] * scale / 2) * 2),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
    )
