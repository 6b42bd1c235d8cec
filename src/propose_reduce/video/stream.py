"""Decoding one video file through PyAV: opening it, walking through it, seeking in it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from propose_reduce.deep_images import on_black
from propose_reduce.errors import InputError
from propose_reduce.files import foreign_content
from propose_reduce.images import check_size, orientation_of
from propose_reduce.structures import Size

HEIF = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"}
"""What HEIC photographs and animations call themselves."""

LISTS = {"concat", "hls", "applehttp", "dash", "imf", "sdp", "image2"}
"""FFmpeg's names of formats that read other files."""

MATRICES = {
    2: (-1, 0, 0, 0, 1),
    3: (-1, 0, 0, 0, -1),
    4: (1, 0, 0, 0, -1),
    5: (0, 1, 0, 1, 0),
    6: (0, 1, 0, -1, 0),
    7: (0, -1, 0, -1, 0),
    8: (0, -1, 0, 1, 0),
}
"""How EXIF's orientations are shown: the first five numbers of a display matrix (``turned``)."""

TURNS = {180: 3, 270: 6, 90: 8}
"""The orientations without a mirror, by the degrees that PyAV tells of a frame."""

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that read the alpha WebM keeps beside the picture; FFmpeg's own ignore it."""

PYAV = int(av.__version__.partition(".")[0])
ANY_TAGS: dict[str, Any] = {"metadata_errors": "replace"} if PYAV < 19 else {}
"""Before version 19 PyAV refuses a file with tags that are no UTF-8 unless it is told not to."""


class Stream:
    """The first picture stream of an open file.

    Attributes:
        container: the file.
        stream: of pictures.
        pictures: how many such streams there are.
        alpha: the opacity of a HEIC photograph, a stream of its own.
        first_packet: what the first frame was decoded from, once it was.

    Raises:
        InputError: the file cannot be opened, holds no video or one that nothing here decodes, is
            a list of other files, or is absurdly large.
    """

    def __init__(self, path: Path) -> None:
        if what := foreign_content(path):
            raise InputError(f"'{path}' is {what}")
        try:
            # "file:" keeps FFmpeg from reading a protocol into a name such as "a:b.mp4"
            self.container: av.container.InputContainer = av.open(f"file:{path}", **ANY_TAGS)
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(f"'{path}' cannot be read as a video: {reason(error)}") from error
        covers = av.stream.Disposition.attached_pic
        pictures = [s for s in self.container.streams.video if not s.disposition & covers]
        if not pictures:
            raise InputError(f"'{path}' has no video stream")
        if self.container.format.name in LISTS:
            raise InputError(f"'{path}' names other files: give the video itself")
        self.alpha: av.VideoStream | None = None
        if self.container.metadata.get("major_brand", "").strip() in HEIF:
            pictures, self.alpha = _of_heif(path, pictures)
        self.stream = pictures[0]
        self.pictures = len(pictures)
        self.first_packet = b""
        context: av.VideoCodecContext | None = self.stream.codec_context
        if context is None:
            raise InputError(
                f"'{path}': there is no decoder for its video: convert it, to H.264 for example"
            )
        check_size(str(path), context.height, context.width)
        self._decoder: av.VideoCodecContext = context
        if self.stream.metadata.get("alpha_mode") == "1" and context.name in ALPHA_DECODERS:
            decoder = av.CodecContext.create(ALPHA_DECODERS[context.name], "r")
            decoder.extradata = context.extradata
            self._decoder = cast("av.VideoCodecContext", decoder)

    @property
    def time_base(self) -> Fraction:
        """Seconds of one unit of the frames' times."""
        return self.stream.time_base or Fraction(1, 1000)

    def declared_seconds(self, start: int) -> float:
        """Return the duration the file claims for its pictures; 0 where it does not say.

        Args:
            start: time of the first frame, in units of the time base.
        """
        if self.stream.duration is not None:
            return float(self.stream.duration * self.time_base)
        end = str(self.stream.metadata.get("DURATION", ""))  # Matroska: hours:minutes:seconds
        match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", end)
        if match is None:
            return 0.0
        hours, minutes, seconds = (float(group) for group in match.groups())
        return 3600 * hours + 60 * minutes + seconds - float(start * self.time_base)

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield the frames from the current position on, in the order they are shown.

        Faults before the first frame are passed over (a recording may start between two key
        frames); a later one is raised as FFmpeg's error.
        """
        seen = False
        for packet in self.container.demux(self.stream):
            try:
                decoded = self._decoder.decode(packet)
            except av.error.InvalidDataError:
                if seen:
                    raise
                continue
            if decoded and not seen:
                self.first_packet = bytes(packet)
            for frame in decoded:
                seen = True
                yield frame

    def seek(self, pts: int) -> None:
        """Go to the last key frame at or before ``pts``, or to somewhere near it."""
        self.container.seek(pts, stream=self.stream)
        self._decoder.flush_buffers()

    def close(self) -> None:
        """Close the file."""
        self.container.close()


def _of_heif(
    path: Path, streams: Sequence[av.VideoStream]
) -> tuple[list[av.VideoStream], av.VideoStream | None]:
    """Return the streams of a HEIC file that are pictures, and the opacity of the first, if any.

    An animation counts before its still. FFmpeg gives the tiles of a large photograph as a stream
    each, as it does with several photographs.

    Raises:
        InputError: there are several, which may be tiles.
    """
    if animated := [stream for stream in streams if stream.frames > 1]:
        return animated, None
    grey = [s for s in streams if s.codec_context and s.codec_context.pix_fmt == "gray"]
    pictures = [stream for stream in streams if stream not in grey] or grey
    if len(pictures) > 1:
        raise InputError(
            f"'{path}' holds {len(pictures)} photographs, or the tiles of one: convert it to JPEG "
            "or PNG, each photograph for itself"
        )
    return pictures, grey[0] if len(grey) == 1 and pictures != grey else None


@contextmanager
def opened_stream(path: Path) -> Iterator[Stream]:
    """Open a file and close it again."""
    stream = Stream(path)
    try:
        yield stream
    finally:
        stream.close()


def reason(error: Exception) -> str:
    """Return why FFmpeg or the system failed, in a few words."""
    return str(getattr(error, "strerror", None) or error)


class ToRgb:
    """Turns the frames of one stream into uint8 RGB (H, W, 3).

    Alpha is composited on black. All frames get the size and the turn of the first: a frame of
    another size is scaled.

    Args:
        first: the stream's first frame, any pixel format.
        packet: what it was decoded from.
    """

    def __init__(self, first: av.VideoFrame, packet: bytes = b"") -> None:
        self._stored = first.height, first.width
        self.matrix = display_matrix(first, packet)
        self._reformatter = VideoReformatter()
        height, width = turned(np.empty((*self._stored, 0)), self.matrix).shape[:2]
        self.size: Size = (height, width)
        tilted = turned(np.empty((1, 2, 0)), self.matrix)
        self.swaps = tilted.shape[0] == 2  # whether rows become columns

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Return a frame of the stream, contiguous."""
        alpha = frame.format.has_palette or any(c.is_alpha for c in frame.format.components)
        height, width = self._stored
        plain = self._reformatter.reformat(frame, width, height, "rgba" if alpha else "rgb24")
        pixels = plain.to_ndarray()
        opaque = on_black(pixels) if alpha else pixels
        return np.ascontiguousarray(turned(opaque, self.matrix))


def display_matrix(frame: av.VideoFrame, packet: bytes = b"") -> np.ndarray | None:
    """Return how a frame is to be shown, int32 (9,), as ``turned`` takes it; None: as it is.

    To be asked of one frame only: the answer ties a frame to itself, out of the count's reach.

    Args:
        frame: as decoded.
        packet: what it was decoded from; an image where the frame carries an EXIF tag.
    """
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV lists all side data, and does not know what FFmpeg 8 calls EXIF
        orientation = orientation_of(packet) or TURNS.get(frame.rotation % 360, 1)
        turn = MATRICES.get(orientation)
        return None if turn is None else np.array([*turn, *[0] * 4], dtype=np.int32)
    return None if matrix is None else np.frombuffer(cast("bytes", matrix), np.int32).copy()


def turned(pixels: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Return pixels (H, W, 3) turned and mirrored as a display matrix says.

    An angle in between counts as the nearest right one.

    Args:
        pixels: the picture as stored.
        matrix: int32 (9,), row by row; maps (x, y) to (a x + c y, b x + d y), where a, b are the
            first two of the first row and c, d of the second. None: as it is.
    """
    if matrix is None:
        return pixels
    a, b, _, c, d = (int(value) for value in matrix[:5])
    if abs(a) + abs(d) < abs(b) + abs(c):
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    pixels = pixels[:, ::-1] if a < 0 else pixels
    return pixels[::-1] if d < 0 else pixels
