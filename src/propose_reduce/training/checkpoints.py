"""The state of a run on disk, from which ``--resume`` goes on: whole or not at all."""

import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from propose_reduce.errors import InputError
from propose_reduce.files import check_regular, foreign_content, replacing

LAST, BEFORE = "last.ckpt", "last-before.ckpt"
"""A stage's newest checkpoint, and the one before it."""

NEEDED = {"state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks", "global_step"}
"""What Lightning goes on from."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place and then renames it; of the last the one before stays.

    Lightning writes into TMPDIR: where that is on another file system, ending the process while it
    is moved would leave nothing.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            InputError: the system refuses; the last checkpoint stays.
        """
        place = Path(path)
        with replacing(place) as temporary:
            torch.save(checkpoint, temporary)
            if place.name == LAST and place.is_file():
                place.replace(place.with_name(BEFORE))


def checkpoint_to_resume(folder: Path) -> Path | None:
    """Return the newest checkpoint of a stage that can be read; None where it has none.

    Raises:
        InputError: it has some, and none of them can be read.
    """
    faults: list[str] = []
    for path in (folder / LAST, folder / BEFORE):
        if not path.exists():
            continue
        fault = _checkpoint_fault(path)
        if fault is None:
            for told in faults:
                warnings.warn(f"{told}: going on from '{path.name}'", stacklevel=2)
            return path
        faults.append(f"'{path}' {fault}")
    if faults:
        raise InputError(f"{'; '.join(faults)}: start the run anew in another folder")
    return None


def _checkpoint_fault(path: Path) -> str | None:
    """Return why a checkpoint cannot be gone on from, if so. It is read without running code."""
    check_regular(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch passes on what zip, pickle and the system make of damage
        what = foreign_content(path)
        if what and "zip" not in what:
            return f"is {what}"
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return f"is damaged or not a checkpoint: {reason:.100}"
    missing = NEEDED - content.keys() if isinstance(content, dict) else NEEDED
    return f"is not a checkpoint: it lacks {', '.join(sorted(missing))}" if missing else None
