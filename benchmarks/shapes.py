"""How fast the shapes benchmark renders: whole videos, and pairs of frames of new videos.

Run: OMP_NUM_THREADS=1 python benchmarks/shapes.py
"""

from __future__ import annotations

import time

import cv2
from rich.console import Console
from rich.table import Table

from propose_reduce.data.shapes import SPLITS, shapes_video


def frames_per_second(split: str, videos: int, step: int) -> float:
    """Return rendered frames per second over ``videos`` videos, every ``step``-th frame of each."""
    frames = 0
    start = time.perf_counter()
    for index in range(videos):
        video = shapes_video(split, index)
        for t in range(0, len(video), step):
            video.moment(t)
            frames += 1
    return frames / (time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    table = Table("split", "frames of a video", "frames/s on one core", title="192 x 320 pixels")
    shapes_video("val", 0).moment(0)  # draws the noise that all videos share
    for split in SPLITS:
        length = SPLITS[split].length
        for step, text in ((1, "all"), (length // 2, "two")):
            speed = frames_per_second(split, 30, step)
            table.add_row(split, text, f"{speed:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
