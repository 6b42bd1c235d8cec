"""Small videos to test with: every frame shows its own number, so that any mix-up is seen."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FPS = 10


def numbered(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Return a frame with eight upright bars, bright where the number's bit is set."""
    frame = np.full((height, width, 3), 30, np.uint8)
    for bit in range(8):
        if number >> bit & 1:
            frame[:, width * bit // 8 : width * (bit + 1) // 8] = 220
    return frame


def number(frame: np.ndarray) -> int:
    """Return the number a frame shows."""
    height, width = frame.shape[:2]
    middles = [width * (2 * bit + 1) // 16 for bit in range(8)]
    return sum(1 << bit for bit, x in enumerate(middles) if frame[height // 2, x].mean() > 125)


def numbers(frames) -> list[int]:
    return [number(frames[index]) for index in range(len(frames))]


def film(
    path: Path,
    count: int = 40,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    start: int = 0,
    milliseconds: Sequence[int] | None = None,
    container: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write ``count`` numbered frames at 10 per second, or at the given times."""
    time_base = Fraction(1, FPS if milliseconds is None else 1000)
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        stream.codec_context.time_base = time_base
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
            frame = frame.reformat(format=pixels)
            frame.pts = start + index if milliseconds is None else milliseconds[index]
            frame.time_base = time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def packets(path: Path) -> list[slice]:
    """Return where in the file the compressed frames lie, in decoding order."""
    with av.open(str(path)) as container:
        return [
            slice(packet.pos, packet.pos + packet.size)
            for packet in container.demux(video=0)
            if packet.size
        ]


def spoil(path: Path, *places: slice) -> Path:
    """Overwrite parts of a file with nonsense."""
    data = bytearray(path.read_bytes())
    for place in places:
        data[place] = b"\xff" * (place.stop - place.start)
    path.write_bytes(data)
    return path
