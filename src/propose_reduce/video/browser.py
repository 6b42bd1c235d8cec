"""Whether browsers play a video file as it is."""

from pathlib import Path

import av

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
