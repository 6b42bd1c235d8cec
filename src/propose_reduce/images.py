"""The reader of images: for videos in folders, training data, label maps and reports alike.

Pillow is opened here alone, with a list of formats: others, such as PostScript, start programs. A
picture comes out as uint8 RGB (H, W, 3): turned as its EXIF tag says, alpha on black, and pictures
of more than 8 bits scaled alike throughout their video (``Pictures``).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from propose_reduce.errors import InputError
from propose_reduce.files import check_regular, foreign_content
from propose_reduce.structures import Size

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of the formats that are read, whatever a file is called."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".avif"}
)

MAX_PIXELS = 8192 * 8192
"""Largest picture taken: twice the pixels of 8K video; a frame beyond needs over 200 MB as RGB."""

FEW_LEVELS = 0.25
"""Deep pictures that use less than this share of their values are scaled by what they use: below,
fewer than 64 of the 256 levels would be left of them."""

PNG_EXIF = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}
"""Where Pillow keeps what may tell the turn of a PNG."""

WHITE = {"16 bits": (65535,), "integers": (255, 65535), "floats": (1, 255, 65535)}
"""What may stand for white in pictures of more than 8 bits; the smallest that holds all values."""


def check_size(name: str, height: int, width: int) -> None:
    """Raise InputError for a picture too large to be meant."""
    if height * width > MAX_PIXELS:
        raise InputError(
            f"'{name}' is {width} x {height} pixels, more than the limit of {MAX_PIXELS}: "
            "scale it down first"
        )


def on_black(rgba: np.ndarray) -> np.ndarray:
    """Return uint8 RGB of uint8 RGBA (H, W, 4), straight alpha, composited on black."""
    opacity = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * opacity + 127) // 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Extent:
    """Which values pictures of more than 8 bits use.

    Attributes:
        kind: a key of ``WHITE``.
        low: the smallest value.
        high: the largest.
    """

    kind: str
    low: float
    high: float

    @property
    def white(self) -> int | None:
        """Return the value that stands for white by convention; None where the values fit none."""
        fitting = (white for white in WHITE[self.kind] if self.high <= white)
        white = next(fitting, None) if self.low >= 0 else None
        if white is None or 0 < self.high - self.low < FEW_LEVELS * white:
            return None
        return white

    @property
    def ends(self) -> tuple[float, float]:
        """Return the values that become 0 and 255."""
        return (self.low, self.high) if self.white is None else (0.0, float(self.white))

    @staticmethod
    def of_all(extents: Iterable[Extent | None]) -> Extent | None:
        """Return the extent of several pictures; None where all have 8 bits."""
        deep = [extent for extent in extents if extent is not None]
        if not deep:
            return None
        kind = max((extent.kind for extent in deep), key=list(WHITE).index)
        return Extent(kind, min(e.low for e in deep), max(e.high for e in deep))


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is known of an image file beside its pixels.

    Attributes:
        stored: (height, width) as its pixels lie in the file.
        size: (height, width) upright.
        turned: whether its EXIF tag asks for a turn or a mirror.
        pictures: how many it holds: pages, or frames of an animation.
        extent: of its values where they have more than 8 bits; None: it has 8, or was not decoded.
    """

    stored: Size
    size: Size
    turned: bool
    pictures: int
    extent: Extent | None = None

    def keeps_stored(self, annotated: Size) -> bool:
        """Tell whether annotations of a size were drawn on the pixels as stored.

        Where both ways fit, the picture as shown counts, for tools show it so.
        """
        return self.turned and annotated == self.stored != self.size


def look(path: Path, *, decode: bool = True) -> ImageFacts:
    """Return what is known of an image file, having decoded its first picture to the end.

    Args:
        path: the file.
        decode: False reads the header alone, so that damage behind it is not noticed.

    Raises:
        InputError: missing, no image, damaged, or absurdly large.
    """
    with opened(path) as image:
        facts = _facts(image)
        if not decode:
            return facts
        values, kind = _values(image, path)
        return facts if kind is None else _with_extent(facts, values, kind, path)


def read_image(path: Path) -> np.ndarray:
    """Return an image file as uint8 RGB (H, W, 3), as a video of this picture alone.

    Raises:
        InputError: see ``look``.
    """
    return Pictures([path])[0]


class Pictures:
    """The pictures of one video, uint8 RGB (H, W, 3), each read when asked for.

    Args:
        files: one image each.
        annotated: (height, width) that annotations state: a picture that has this size only as
            it is stored, and not upright, comes as stored.
        extent: of all files, where it is known already.
    """

    def __init__(
        self, files: Sequence[Path], annotated: Size | None = None, extent: Extent | None = None
    ) -> None:
        self._files = tuple(files)
        self._annotated = annotated
        self._extent = extent

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int, /) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} is not among 0..{len(self) - 1}")
        path = self._files[index]
        with opened(path) as image:
            stays = self._annotated is not None and _facts(image).keeps_stored(self._annotated)
            return _rgb(image, path, self, upright=not stays)

    @property
    def extent(self) -> Extent:
        """Return the extent of the values in all pictures, looked for where it is not known."""
        if self._extent is None:
            self._extent = Extent.of_all(map(_extent_if_sound, self._files))
        return self._extent or Extent("16 bits", 0, 0)


class Pages:
    """The pictures that one image file holds: pages, or the frames of an animation.

    Those of another size than the first, such as previews, are left out. Formats like WebP are
    decoded from their first picture on: up to ``CACHE_BYTES`` of them stay, so that going backwards
    costs little.

    Args:
        path: the file.

    Attributes:
        size: (height, width) of every picture.
        seconds: how long each is shown; 0 where the file does not say.
        left_out: how many are of another size, or come after the first damaged one.

    Raises:
        InputError: see ``look``.
    """

    CACHE_BYTES = 128 * 2**20

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers: list[int] = []
        self._kept: dict[int, np.ndarray] = {}
        self.seconds: list[float] = []
        extents: list[Extent | None] = []
        first = look(path)
        self.size = first.size
        self._block = max(1, self.CACHE_BYTES // (3 * first.size[0] * first.size[1]))
        for number in range(first.pictures):
            try:
                with opened(path, number) as image:
                    facts = _facts(image)
                    values, kind = _values(image, path)
                    if facts.size != first.size:
                        continue
                    facts = _with_extent(facts, values, kind, path) if kind else facts
                    self.seconds.append(_shown_seconds(image))
            except InputError:
                continue
            self._numbers.append(number)
            extents.append(facts.extent)
        self.left_out = first.pictures - len(self._numbers)
        self.extent = Extent.of_all(extents) or Extent("16 bits", 0, 0)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int, /) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} is not among 0..{len(self) - 1}")
        kept = self._kept  # several threads may ask
        if index not in kept:
            self._kept = kept = dict(self._read(index - index % self._block))
        return kept[index]

    def _read(self, start: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the pictures from one on, as many as are kept."""
        numbers = self._numbers[start : start + self._block]
        with opened(self._path) as image:
            for index, number in enumerate(numbers, start):
                image.seek(number)
                yield index, _rgb(image, self._path, self, upright=True)


def read_values(path: Path) -> tuple[np.ndarray, str]:
    """Return the numbers in an image, upright, and Pillow's name of what they are.

    Args:
        path: the file: palette indices ("P"), grey values ("L", "1", "I;16", "I", "F"), or colours.

    Returns:
        Array (H, W) or (H, W, channels) and the mode.

    Raises:
        InputError: see ``look``.
    """
    with opened(path) as image:
        orientation = _orientation(image)
        mode, values = image.mode, np.asarray(image)
        return (values if image.format == "TIFF" else _upright(values, orientation)), mode


def read_scaled(path: Path, size: Size, annotated: Size) -> np.ndarray:
    """Return an image scaled down, uint8 RGB; JPEG files are decoded at about the size needed.

    Args:
        path: the file.
        size: (height, width) to scale to.
        annotated: as for ``Pictures``.

    Raises:
        InputError: see ``look``.
    """
    height, width = size
    with opened(path) as image:
        upright = not _facts(image).keeps_stored(annotated)
        if _orientation(image) == 1:
            image.draft("RGB", (width, height))
        picture = Image.fromarray(_rgb(image, path, Pictures([path]), upright=upright))
    return np.array(picture.resize((width, height), Image.Resampling.BOX))


@contextmanager
def opened(path: Path, number: int = 0) -> Iterator[Image.Image]:
    """Open an image file at one of its pictures; whatever damage makes Pillow raise is told.

    Raises:
        InputError: missing, no image, damaged, or absurdly large.
    """
    check_regular(path)
    try:
        with warnings.catch_warnings(), path.open("rb") as file:  # by name Pillow maps TIFF askew
            warnings.simplefilter("ignore")  # about odd metadata; the pixels are what counts
            with Image.open(file, formats=FORMATS) as image:
                image.seek(number)
                check_size(str(path), image.height, image.width)
                yield image
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"'{path}' is missing") from error
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(_unidentified(path, error)) from error
    except Exception as error:  # Pillow's parsers pass on whatever they meet: struct.error, ..
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"'{path}' is damaged or not an image: {reason}") from error


def _unidentified(path: Path, error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"'{path}' is too large: {error}"
    what = foreign_content(path)
    if what:
        return f"'{path}' is {what}"
    with path.open("rb") as file:
        tiff = file.read(4) in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}
    if tiff:
        return (
            f"'{path}' is not an image that can be read: of TIFF, grey of 8, 16 and 32 bits and "
            "colours of 8 bits are; convert it"
        )
    return f"'{path}' is damaged or not an image that can be read ({', '.join(FORMATS)})"


def _facts(image: Image.Image) -> ImageFacts:
    """Return what the header tells of the picture that an image is at."""
    orientation = _orientation(image)
    across = orientation in {5, 6, 7, 8}
    upright = stored = (image.height, image.width)
    if across and image.format == "TIFF":  # Pillow tells of these, and turns them, itself
        stored = (image.width, image.height)
    elif across:
        upright = (image.width, image.height)
    # the second picture of an MPO file, as cameras write JPEG, is a preview or a map of depth
    count = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    return ImageFacts(stored, upright, orientation != 1, count)


def orientation_of(content: bytes) -> int | None:
    """Return the EXIF orientation of an image in memory, 1 to 8; None where it is not an image."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return _orientation(image)
    except Exception:  # a compressed frame of any kind
        return None


def _orientation(image: Image.Image) -> int:
    """Return the EXIF tag: 1 upright, 2 mirrored, .. 8; what is damaged counts as upright."""
    if image.format == "PNG" and not image.info.keys() & PNG_EXIF:
        return 1  # asking would decode the picture, in search of a tag behind it
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # EXIF is a format of its own, with damage of its own
        return 1
    return value if value in range(1, 9) else 1


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return pixels (H, W, ...) as an orientation says that they are shown."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in {3, 4, 7, 8} else pixels


def _stored(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return upright pixels as they lie in the file: what ``_upright`` does, undone."""
    return _upright(pixels, {6: 8, 8: 6}.get(orientation, orientation))


def _values(image: Image.Image, path: Path) -> tuple[np.ndarray, str | None]:
    """Return an image's pixels as Pillow has them, and where they are deep a key of ``WHITE``.

    Those are grey (H, W), or colours (H, W, 3 or 4) of a PNG, of which Pillow keeps 8 bits.
    """
    if image.format == "PNG" and len(image.getbands()) > 1:
        colours = _deep_colours(path)
        if colours is not None:
            return colours, "16 bits"
    values = np.asarray(image)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM"}):
        return values, "16 bits"
    return values, {"I": "integers", "F": "floats"}.get(image.mode)


def _deep_colours(path: Path) -> np.ndarray | None:
    """Return a PNG as uint16 RGB or RGBA; None where it has no 16 bits."""
    with path.open("rb") as file:
        header = file.read(25)
    if header[24:] != b"\x10":  # bits per channel
        return None
    import cv2

    pixels = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        return None
    return np.asarray(pixels)[..., [2, 1, 0, 3][: pixels.shape[2]]]


def _with_extent(facts: ImageFacts, values: np.ndarray, kind: str, path: Path) -> ImageFacts:
    colours = values[..., :3] if values.ndim == 3 else values
    numbers = colours[np.isfinite(colours)]
    if not numbers.size:
        raise InputError(f"'{path}' holds no number but NaN or infinity")
    extent = Extent(kind, float(numbers.min()), float(numbers.max()))
    return ImageFacts(facts.stored, facts.size, facts.turned, facts.pictures, extent)


def _extent_if_sound(path: Path) -> Extent | None:
    try:
        return look(path).extent
    except InputError:  # told where the picture itself is asked for
        return None


def _rgb(image: Image.Image, path: Path, video: Pictures | Pages, *, upright: bool) -> np.ndarray:
    """Return an opened image as contiguous uint8 RGB."""
    orientation = _orientation(image)  # before decoding, in which Pillow turns a TIFF
    values, kind = _values(image, path)
    if kind is not None:
        rgb = _scaled(values, video.extent)
    elif image.has_transparency_data:
        rgb = on_black(np.asarray(image.convert("RGBA")))
    else:
        rgb = np.asarray(image.convert("RGB"))
    if image.format == "TIFF":
        rgb = rgb if upright else _stored(rgb, orientation)
    elif upright:
        rgb = _upright(rgb, orientation)
    return rgb.copy()


def _scaled(values: np.ndarray, extent: Extent) -> np.ndarray:
    """Return deep pixels as uint8 RGB (H, W, 3)."""
    low, high = extent.ends
    if values.dtype.kind == "f":
        share = (np.nan_to_num(values.astype(np.float64), nan=low) - low) / (high - low or 1.0)
        levels = np.rint(share.clip(0, 1) * 255)
    else:  # 65535 becomes a shift by 8 bits
        levels = ((values.astype(np.int64) - int(low)) * 256 // int(high - low + 1)).clip(0, 255)
    pixels = levels.astype(np.uint8)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2] == 3:
        return pixels
    alpha = (values[..., 3:] >> 8).astype(np.uint8)
    return on_black(np.concatenate([pixels[..., :3], alpha], axis=2))


def _shown_seconds(image: Image.Image) -> float:
    """Return how long a picture of an animation is shown."""
    duration = image.info.get("duration", 0)  # milliseconds
    return float(duration) / 1000 if isinstance(duration, int | float) else 0.0
