"""A folder of images as frames, in natural order."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from propose_reduce.deep_images import Extent
from propose_reduce.errors import InputError
from propose_reduce.files import natural_order
from propose_reduce.images import SUFFIXES, ImageFacts, Pictures, look
from propose_reduce.images import read_image as read_image  # one picture, as a video has it

MASK_WORDS = re.compile(r"mask|label|seg|gt|annot|matte|alpha|depth|instance", re.IGNORECASE)
"""What the ending says of pictures that lie beside some of the frames."""


def image_files(folder: Path) -> list[Path]:
    """Return the images directly in a folder, in natural order; hidden files are left out."""
    return sorted(
        (
            entry
            for entry in folder.iterdir()
            if entry.suffix.lower() in SUFFIXES
            and not entry.name.startswith(".")
            and entry.is_file()
        ),
        key=natural_order,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """The sound images of a folder, or one image, as the frames of a video.

    Attributes:
        files: the images that can be read.
        facts: what is known of each.
        warnings: what the user should know of them.
    """

    files: tuple[Path, ...]
    facts: tuple[ImageFacts, ...]
    warnings: tuple[str, ...]

    @property
    def frames(self) -> Pictures:
        """Return the frames, all of one size."""
        return Pictures(self.files, extent=self.extent)

    @property
    def extent(self) -> Extent | None:
        """Return which values pictures of more than 8 bits use."""
        return Extent.of_all(facts.extent for facts in self.facts)


def look_through(folder: Path, files: Sequence[Path]) -> Folder:
    """Look at every image; a damaged one is left out.

    Args:
        folder: for messages.
        files: in the order of the frames.

    Raises:
        InputError: two pictures of each frame, no image that can be read, or two sizes.
    """
    _check_once(folder, files)
    sound: dict[Path, ImageFacts] = {}
    damaged: dict[Path, InputError] = {}
    for file in files:
        try:
            sound[file] = look(file)
        except InputError as error:
            damaged[file] = error
    if not sound:
        raise next(iter(damaged.values()))
    first = next(iter(sound.values()))
    for file, facts in sound.items():
        if facts.size != first.size:
            got, expected = (f"{size[1]} x {size[0]}" for size in (facts.size, first.size))
            raise InputError(
                f"'{file}' is {got} pixels, the images before it are {expected}: frames must "
                "have one size"
            )
    told = (*_damage(damaged), *_oddities(sound))
    return Folder(tuple(sound), tuple(sound.values()), told)


def scaling_warning(extent: Extent | None) -> Iterator[str]:
    """Yield what to say where pictures are scaled by their own values."""
    if extent is not None and extent.white is None:
        yield (
            f"its pictures use the values {extent.low:g} to {extent.high:g} alone: these become "
            "black and white"
        )


def _damage(damaged: dict[Path, InputError]) -> Iterator[str]:
    for count, error in zip([len(damaged)], damaged.values(), strict=False):
        left_out = "1 image is" if count == 1 else f"{count} images are"
        yield f"{left_out} left out: {error}"


def _oddities(sound: dict[Path, ImageFacts]) -> Iterator[str]:
    """Yield what is unusual about images that can be read."""
    turned = [file for file, facts in sound.items() if facts.turned]
    if turned:
        yield (
            f"{len(turned)} of {len(sound)} frames are turned as their EXIF tag says, the first is "
            f"'{turned[0].name}': masks lie on the turned pictures"
        )
    several = {file: facts.pictures for file, facts in sound.items() if facts.pictures > 1}
    for file, count in [*several.items()][:1]:
        yield (
            f"'{file}' holds {count} pictures, of which the first alone is a frame: give the file "
            f"itself to have all ({len(several)} of {len(sound)} files hold several)"
        )
    yield from scaling_warning(Extent.of_all(facts.extent for facts in sound.values()))


def _check_once(folder: Path, files: Sequence[Path]) -> None:
    """Raise InputError where frames have a second picture, such as a mask, beside them."""
    stems = {file.stem: file for file in files}
    if len(stems) < len(files):
        twice = Counter(file.stem for file in files).most_common(1)[0][0]
        raise InputError(
            f"folder '{folder}' has several images named '{twice}': keep one kind; masks go into a "
            "folder of their own"
        )
    first = min(stems, key=len, default="")
    for ending in {stem.removeprefix(first) for stem in stems if stem.startswith(first)} - {""}:
        beside = [stem for stem in stems if stem.endswith(ending)]
        bases = {stem.removesuffix(ending) for stem in beside}
        paired = bases <= stems.keys() - set(beside)
        each = 2 * len(beside) == len(stems) and not ending.isdecimal()
        if paired and (each or MASK_WORDS.search(ending)):
            frame = stems[beside[0].removesuffix(ending)].name
            raise InputError(
                f"folder '{folder}' has '{stems[beside[0]].name}' beside '{frame}': keep one kind; "
                "masks go into a folder of their own"
            )
