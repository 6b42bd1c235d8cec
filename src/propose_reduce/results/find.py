"""Finding the results of earlier runs."""

from pathlib import Path

from propose_reduce.errors import InputError
from propose_reduce.files import is_folder
from propose_reduce.results.native import FILE_NAME


def find_results(path: str | Path) -> list[Path]:
    """Return the native files that a path stands for, in order of their names.

    A file stands for itself, a video's folder for its ``result.json``, and the folder that
    ``predict -o`` wrote for those of all its videos.

    Raises:
        InputError: there is none.
    """
    place = Path(path)
    if not is_folder(place):
        if not place.exists():
            raise InputError(f"result '{place}' does not exist")
        return [place]
    if (place / FILE_NAME).is_file():
        return [place / FILE_NAME]
    found = sorted(place.glob(f"*/{FILE_NAME}"))
    if not found:
        raise InputError(
            f"folder '{place}' has no {FILE_NAME}, nor has a folder in it: give what predict wrote"
        )
    return found
