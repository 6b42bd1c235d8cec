"""The DAVIS round trip on real clips: first-frame masks in, label maps out, J&F of these.

    python benchmarks/given_masks.py ROOT [--propagator NAME ...]

ROOT holds a folder for each clip with its JPEGImages and Annotations, as numbers of objects. Prints
J&F of the semi-supervised task for each clip in percent, their mean, the mean J and F, and
processor seconds. ``predict`` and ``evaluate davis`` do the work, as the command line does.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from propose_reduce import api
from propose_reduce.evaluation import evaluate_davis

CLIPS = ("schoolgirls", "dogs-jump", "horsejump-high", "dog", "blackswan", "car-shadow")


class Silent:
    """Callback that says nothing."""

    def start(self, path: Path, number: int, total: int) -> None:
        """Say nothing."""

    def step(self, stage: str, share: float, frames: int) -> None:
        """Say nothing."""

    def finish(self, outcome: api.VideoOutcome) -> None:
        """Say nothing."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--propagator", nargs="+", default=["flow", "seq-mask-rcnn"])
    parser.add_argument("--clips", nargs="+", default=list(CLIPS))
    chosen = parser.parse_args()
    table = Table("propagator", *chosen.clips, "mean", "J", "F", "CPU s")
    for name in chosen.propagator:
        with TemporaryDirectory() as folder:
            began = time.process_time()
            truth = Path(folder, "truth")
            truth.mkdir()
            for clip in chosen.clips:
                (truth / clip).symlink_to((chosen.root / clip / "Annotations").resolve())
            segmenter = api.prepare(
                None,
                api.Options(),
                propagator=name,
                given=api.given_objects(chosen.root, first_only=True),
            )
            videos = [chosen.root / clip / "JPEGImages" for clip in chosen.clips]
            out = Path(folder, "out")
            outputs = api.Outputs(out, ("native", "davis"), "none", together=len(videos) > 1)
            api.raise_failures(api.predict(videos, segmenter, outputs, Silent()))
            seconds = time.process_time() - began
            found = evaluate_davis(truth, out, task="semi-supervised")
        by_clip = found.per_sequence()
        clips = [by_clip[clip] for clip in chosen.clips]
        cells = [f"{100 * scores['J&F-Mean']:.1f}" for scores in clips]
        means = [
            f"{100 * sum(scores[key] for scores in clips) / len(clips):.1f}"
            for key in ("J&F-Mean", "J-Mean", "F-Mean")
        ]
        table.add_row(name, *cells, *means, f"{seconds:.0f}")
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
