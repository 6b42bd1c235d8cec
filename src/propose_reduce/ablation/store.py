"""What one variant measures, and where it is kept so that it is never measured twice."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from propose_reduce.files import write_text
from propose_reduce.settings import InferenceSettings

SCORES = ("AP", "AP50", "AR1", "AR10")
"""The scores of the evaluation that are reported."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one variant of the settings gives on a data set.

    Attributes:
        scores: those named in ``SCORES``, in [0, 1]; -1 where there is nothing to find.
        seconds_per_frame: of proposing and following, which all variants with the same ones
            share, and of the variant's own reduction; reading the frames included.
        sequences_before: complete sequences that were proposed, all videos together.
        sequences_after: sequences that the reduction left of them.
    """

    scores: dict[str, float]
    seconds_per_frame: float
    sequences_before: int
    sequences_after: int

    def to_dict(self) -> dict[str, float]:
        """Return the numbers by name, flat."""
        numbers = asdict(self)
        return {**numbers.pop("scores"), **numbers}


class Store:
    """Finished measurements in a folder, one small file each.

    Args:
        folder: of the ablation; the files go to ``rows`` inside it.
        source: what else decides the numbers, as plain values: weights, data, device. With
            another source nothing of what is stored counts.
    """

    def __init__(self, folder: Path, source: Mapping[str, Any]) -> None:
        self.folder = folder
        self.source = {**source, "version": version("propose-reduce")}

    def get(self, settings: InferenceSettings) -> Measurement | None:
        """Return what was measured with these settings; None where that has yet to be done."""
        try:
            return Measurement(**json.loads(self._path(settings).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # not there, or not what this version writes
            return None

    def put(self, settings: InferenceSettings, measurement: Measurement) -> None:
        """Keep a measurement."""
        write_text(self._path(settings), json.dumps(asdict(measurement)) + "\n")

    def _path(self, settings: InferenceSettings) -> Path:
        key = json.dumps([settings.model_dump(mode="json"), self.source], sort_keys=True)
        return self.folder / "rows" / f"{sha256(key.encode()).hexdigest()[:24]}.json"
