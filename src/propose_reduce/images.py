"""The reader of images: for videos in folders, training data, label maps and reports alike.

Pillow is opened here alone, with a list of formats: others, such as PostScript, start programs. A
picture comes out as uint8 RGB (H, W, 3): turned as its EXIF tag says, alpha on black, and pictures
of more than 8 bits scaled alike throughout their video (``Pictures``).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from propose_reduce.deep_images import Extent, extent_of, on_black, scaled, values_of
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

PNG_EXIF = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}
"""Where Pillow keeps what may tell the turn of a PNG."""


def check_size(name: str, height: int, width: int) -> None:
    """Raise InputError for a picture too large to be meant."""
    if height * width > MAX_PIXELS:
        raise InputError(
            f"'{name}' is {width} x {height} pixels, more than the limit of {MAX_PIXELS}: "
            "scale it down first"
        )


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
        values, kind = values_of(image, path)
        return facts if kind is None else replace(facts, extent=extent_of(values, kind, path))


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
                    values, kind = values_of(image, path)
                    if facts.size != first.size:
                        continue
                    extent = extent_of(values, kind, path) if kind else None
                    self.seconds.append(_shown_seconds(image))
            except InputError:
                continue
            self._numbers.append(number)
            extents.append(extent)
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


def _extent_if_sound(path: Path) -> Extent | None:
    try:
        return look(path).extent
    except InputError:  # told where the picture itself is asked for
        return None


def _rgb(image: Image.Image, path: Path, video: Pictures | Pages, *, upright: bool) -> np.ndarray:
    """Return an opened image as contiguous uint8 RGB."""
    orientation = _orientation(image)  # before decoding, in which Pillow turns a TIFF
    values, kind = values_of(image, path)
    if kind is not None:
        rgb = scaled(values, video.extent)
    elif image.has_transparency_data:
        rgb = on_black(np.asarray(image.convert("RGBA")))
    else:
        rgb = np.asarray(image.convert("RGB"))
    if image.format == "TIFF":
        rgb = rgb if upright else _stored(rgb, orientation)
    elif upright:
        rgb = _upright(rgb, orientation)
    return rgb.copy()


def _shown_seconds(image: Image.Image) -> float:
    """Return how long a picture of an animation is shown."""
    duration = image.info.get("duration", 0)  # milliseconds
    return float(duration) / 1000 if isinstance(duration, int | float) else 0.0
